//! `warbler-plugin`: makes, builds, tests, signs and inspects plugins. This file holds the commands'
//! arguments; what each does is in the module of its name.

mod build;
mod dev;
mod inspect;
mod key;
mod new;
mod package_file;
mod project;
mod publish;
mod say;
mod sign;
mod test;
mod toolchain;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Makes, builds, tests, signs and inspects plugins for Warbler.
#[derive(Parser)]
#[command(name = "warbler-plugin", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a folder with a plugin that works, to be changed into yours.
    New(new::Arguments),
    /// Builds the plugin of a project into a package.
    Build(build::Arguments),
    /// Compiles a Rust project to a core WebAssembly module, without making a plugin of it.
    #[command(hide = true)]
    Compile(build::Arguments),
    /// Runs a package in the host's runtime, against case files and the conformance suite.
    Test(test::Arguments),
    /// Shows what a package says and is.
    Inspect(inspect::Arguments),
    /// Makes a pair of keys to sign with.
    Keygen(key::Arguments),
    /// Signs a package.
    Sign(sign::Arguments),
    /// Checks a package's signatures as a host does.
    Verify(verify::Arguments),
    /// Sends a package to a running host, and installs it there.
    Publish(publish::Arguments),
    /// Builds, signs and installs a project into a running host whenever a file of it changes.
    Dev(dev::Arguments),
}

/// Which project.
#[derive(clap::Args)]
struct ProjectFolder {
    /// The project's folder.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    project: PathBuf,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::New(arguments) => new::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Compile(arguments) => build::compile(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Keygen(arguments) => key::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments),
    }
}
