//! The agent bench: the bundled assistant answers in many conversations at once, with the words of a stand-in model
//! that streams at a steady rate, and each of whose tokens says when it was sent. The same streams read straight
//! from the stand-in are what it is compared with.

// Figures for people: nothing here comes near what an f64 cannot hold.
#![allow(clippy::cast_precision_loss)]

mod direct;
mod process;
mod report;
mod through;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use clap::Parser;
use warbler_tests::host::program;

use crate::report::Report;

#[derive(Parser)]
struct Arguments {
    /// Also writes the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A short round of everything.
    #[arg(long)]
    quick: bool,
}

/// What is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Replies at a time.
    pub(crate) replies: usize,
    /// Tokens of each.
    pub(crate) tokens: usize,
}

/// Tokens a second of each reply.
const RATE: u32 = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shape = if arguments.quick { Shape { replies: 20, tokens: 100 } } else { Shape { replies: 200, tokens: 400 } };
    let model = Model::start(shape)?;
    println!("reading {} streams straight from the stand-in", shape.replies);
    let direct = direct::run(&model.base, shape).await?;
    println!("having {} conversations answered at once", shape.replies);
    let through = through::run(&model.base, shape).await?;
    let report = Report { shape, direct, through };
    report.print();
    if let Some(file) = arguments.json {
        report.write(&file)?;
    }
    Ok(())
}

/// The stand-in, as a process of its own.
struct Model {
    child: Child,
    base: String,
}

impl Model {
    fn start(shape: Shape) -> Result<Self> {
        let mut command = Command::new(program("bench-model")?);
        command.args(["--rate", &RATE.to_string(), "--tokens", &shape.tokens.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("the stand-in cannot be started")?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("the stand-in has no output")?).read_line(&mut address)?;
        Ok(Self { child, base: format!("http://{}/v1", address.trim()) })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// When tokens were sent, by what stands in `text`: each is `t=NANOSECONDS `.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = u128> + '_ {
    // The last piece may be half a token.
    let end = text.rfind(' ').unwrap_or(0);
    let whole = text.get(..end).unwrap_or_default();
    whole.split(' ').filter_map(|word| word.strip_prefix("t=")?.parse().ok())
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// Milliseconds between two points in time.
pub(crate) fn millis(from: u128, to: u128) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}
