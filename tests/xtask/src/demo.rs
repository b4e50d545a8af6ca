//! The demo: builds what it needs and hands over to the program `warbler-demo`, which plays it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{guests, setup, shell};

/// The folder of the programs that a debug build makes.
pub(crate) fn binaries() -> PathBuf {
    shell::target().join("debug")
}

/// The path of one of them.
pub(crate) fn program(name: &str) -> PathBuf {
    binaries().join(name)
}

/// Sets up, builds and plays.
pub(crate) fn run(check: bool) -> Result<()> {
    setup::run()?;
    shell::step("build the host and the tools", shell::cargo().args(["build", "--bins"]).args(shell::PRODUCT))?;
    guests::build(&program("warbler-plugin"))?;
    let mut play = Command::new(program("warbler-demo"));
    play.env("WARBLER_PACKAGES", guests::packages()).env("WARBLER_BIN", binaries());
    if check {
        play.arg("--check");
    } else {
        play.arg("--folder").arg(shell::target().join("demo"));
    }
    shell::step(if check { "play the story" } else { "run the demo" }, &mut play)
}
