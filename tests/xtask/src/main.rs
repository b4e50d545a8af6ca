//! `cargo xtask`: sets up, tests, shows and measures Warbler. What each command does inside lives in
//! its own module; the story of the demo is a program of the test crate.

mod bench;
mod demo;
mod guests;
mod setup;
mod shell;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Sets up, tests, shows and measures Warbler")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building and testing need and this machine lacks.
    Setup,
    /// Sets up, then runs every check and test.
    Test,
    /// Sets up, builds, and runs the product with live sample data.
    Demo {
        /// Plays the whole story through the public API in a temporary folder, and stops.
        #[arg(long)]
        check: bool,
    },
    /// Measures: `hook`, `send`, `agent`, `backup` or `limits`.
    Bench {
        /// Which bench.
        name: bench::Bench,
        /// Also writes the figures and ratios to this file.
        #[arg(long)]
        json: Option<std::path::PathBuf>,
        /// A shorter run, to see that the bench works.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Setup => setup::run(),
        Command::Test => test::run(),
        Command::Demo { check } => demo::run(check),
        Command::Bench { name, json, quick } => bench::run(name, json.as_deref(), quick),
    }
}
