//! The hook bench: one call of a content filter over the same messages, in every way that a host could
//! make it. All contestants take turns within each round, and ratios are taken within a round, so that
//! a machine that grows warm or busy does not favour anyone.

// Figures for people: nothing here comes near what an f64 cannot hold.
#![allow(clippy::cast_precision_loss)]

mod contestant;
mod guest;
mod native;
mod remote;
mod report;
mod warbler;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;

use crate::report::Report;

/// The host's allocator, so that a call costs here what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Also writes the figures and ratios to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Few rounds, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Only these contestants, as the table names them; may be given several times.
    #[arg(long)]
    only: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let rounds = if arguments.quick { 3 } else { 25 };
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    println!("building the guests");
    let guests = guest::build(folder.path())?;
    let mut contestants = contestant::all(&threads, &guests, folder.path())?;
    contestants.retain(|it| arguments.only.is_empty() || arguments.only.iter().any(|name| name == it.name()));
    ensure!(!contestants.is_empty(), "no contestant is called {}", arguments.only.join(" or "));
    let mut report = Report::default();
    for round in 0..rounds {
        println!("round {} of {rounds}", round + 1);
        // Every contestant follows another one each time.
        let shift = round % contestants.len();
        contestants.rotate_left(shift);
        for contestant in &mut contestants {
            let nanos = contestant.measure(&threads)?;
            report.add(contestant.name(), nanos);
        }
        report.end_round();
    }
    report.print();
    if let Some(file) = arguments.json {
        report.write(&file)?;
    }
    Ok(())
}
