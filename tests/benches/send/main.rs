//! The send bench: messages from socket to socket through the real host, which runs as a process of
//! its own beside this generator. Two tenants, one with both bundled filters and one with none, take
//! turns, so that filters are compared within one run.

// Figures for people: nothing here comes near what an f64 cannot hold.
#![allow(clippy::cast_precision_loss)]

mod load;
mod report;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::load::Shape;
use crate::report::{Case, Report};
use crate::world::World;

#[derive(Parser)]
struct Arguments {
    /// Also writes the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// One short round of everything.
    #[arg(long)]
    quick: bool,
    /// Only this window, 1 or 16.
    #[arg(long)]
    window: Option<usize>,
    /// Only this shape, `pairs` or `group`.
    #[arg(long)]
    shape: Option<Shape>,
    /// Rounds of each case.
    #[arg(long)]
    rounds: Option<usize>,
}

/// What is measured: shapes times windows, each with and without filters.
const CASES: [(Shape, usize); 4] = [(Shape::Pairs, 1), (Shape::Pairs, 16), (Shape::Group, 1), (Shape::Group, 16)];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (most, span) = if arguments.quick { (1, Duration::from_secs(1)) } else { (3, Duration::from_secs(4)) };
    let rounds = arguments.rounds.unwrap_or(most);
    let folder = tempfile::tempdir()?;
    println!("setting up two tenants of {} people", world::PEOPLE);
    let world = World::start(folder.path()).await?;
    let mut report = Report::new();
    let is_wanted = |(shape, window): &(Shape, usize)| {
        arguments.shape.is_none_or(|wanted| wanted == *shape) && arguments.window.is_none_or(|wanted| wanted == *window)
    };
    for (shape, window) in CASES.into_iter().filter(is_wanted) {
        for round in 0..rounds {
            // On, off, off, on…: neither always runs on the warmer machine.
            let order = if round % 2 == 0 { [true, false] } else { [false, true] };
            for filters in order {
                let measured = load::run(&world, shape, window, filters, span).await?;
                println!("  {shape:?} window {window} filters {filters}: {:.0}/s", measured.acknowledged_per_second());
                report.add(Case { shape, window, filters }, measured);
            }
        }
    }
    report.print();
    if let Some(file) = arguments.json {
        report.write(&file)?;
    }
    world.stop()
}
