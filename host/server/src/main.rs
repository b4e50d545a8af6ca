//! The binary `warbler`: serving, and the operator's commands. What the host does lives in the other rooms;
//! here they are configured and wired together.

mod allocator;
mod client;
mod command;
mod config;
mod listener;
mod password;
mod print;
mod telemetry;
mod tls;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match command::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr)] // A command's last words go to its user; a log may not be set up.
fn complain(error: &anyhow::Error) {
    eprintln!("warbler: {error:#}");
}
