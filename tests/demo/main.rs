//! The demo: starts the host, fills it with sample data, and either stays with live traffic or plays
//! the whole story through the public API and stops.

// Indexing a JSON value gives null where there is nothing.
#![allow(clippy::indexing_slicing)]

mod agent;
mod live;
mod play;
mod story;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// Plays the story in a temporary folder on a free port, and stops.
    #[arg(long)]
    check: bool,
    /// Where the data of the running demo is kept.
    #[arg(long, required_unless_present = "check")]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let played = match &arguments.folder {
        Some(folder) if !arguments.check => Box::pin(live::run(folder)).await,
        _ => Box::pin(story::run()).await,
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}
