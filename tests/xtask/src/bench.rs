//! Benches: optimised builds of the programs under `tests/benches`.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use crate::{guests, setup, shell};

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// One call of a content filter, against native code, a webhook and Extism.
    Hook,
    /// The way of a message from socket to socket.
    Send,
    /// Backups and restores, against restic.
    Backup,
    /// Replies of agents while they grow.
    Agent,
    /// What a host keeps to: start with many plugins, memory of what is idle, guests that never return.
    Limits,
    /// Notifications from the log to a provider.
    Push,
}

/// Builds and runs one.
pub(crate) fn run(bench: Bench, json: Option<&Path>, quick: bool) -> Result<()> {
    setup::run()?;
    let build = ["build", "--release", "-p", "warbler", "-p", "warbler-plugin", "-p", "warbler-benches", "--bins"];
    shell::step("build, optimised", shell::cargo().args(build))?;
    let release = shell::target().join("release");
    guests::build(&release.join("warbler-plugin"))?;
    let name = match bench {
        Bench::Hook => "bench-hook",
        Bench::Send => "bench-send",
        Bench::Backup => "bench-backup",
        Bench::Agent => "bench-agent",
        Bench::Limits => "bench-limits",
        Bench::Push => "bench-push",
    };
    let mut run = std::process::Command::new(release.join(name));
    run.env("WARBLER_PACKAGES", guests::packages()).env("WARBLER_BIN", &release);
    if bench == Bench::Hook {
        run.env("WARBLER_BENCH_EXTISM", extism()?);
    }
    if let Some(json) = json {
        run.arg("--json").arg(json);
    }
    if quick {
        run.arg("--quick");
    }
    shell::step("measure", &mut run)
}

/// Extism pins another wasmtime than the host's, so its program is a workspace of its own.
fn extism() -> Result<std::path::PathBuf> {
    let target = shell::target().join("extism");
    let mut build = shell::cargo();
    build.args(["build", "--release", "--manifest-path"]).arg(shell::root().join("tests/benches/extism/Cargo.toml"));
    shell::step("build the Extism program, optimised", build.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release/bench-extism"))
}
