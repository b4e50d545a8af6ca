//! Every check and every test, in the order in which they fail fastest.

use std::process::Command;

use anyhow::Result;

use crate::{demo, guests, setup, shell};

/// Runs them all.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    shell::step("format", shell::cargo().args(["fmt", "--all", "--check"]))?;
    shell::step("build", shell::cargo().args(["build", "--bins", "--examples"]).args(shell::PRODUCT))?;
    guests::build(&demo::program("warbler-plugin"))?;
    let lint = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::step("lint", shell::cargo().args(lint))?;
    shell::step(
        "lint the plugins",
        plugins(shell::cargo().arg("clippy")).args(["--all-targets", "--", "-D", "warnings"]),
    )?;
    shell::step("test the plugins' logic", plugins(runner(&mut shell::cargo())))?;
    shell::step("test", runner(&mut shell::cargo()).arg("--all-targets").args(shell::PRODUCT))?;
    demo::run(true)
}

/// The plugins are a workspace of their own, because they are built for another machine.
fn plugins(cargo: &mut Command) -> &mut Command {
    cargo
        .args(["--workspace", "--manifest-path"])
        .arg(shell::root().join("plugins/Cargo.toml"))
        .env("CARGO_TARGET_DIR", shell::target().join("plugins"))
        .env("WARBLER_TEST_CACHE", shell::target().join("texts"))
}

/// `cargo nextest` where it is installed, for its speed; else `cargo test`.
fn runner(cargo: &mut Command) -> &mut Command {
    let cargo = cargo.env("WARBLER_PACKAGES", guests::packages()).env("WARBLER_BIN", demo::binaries());
    let cargo = cargo.env("WARBLER_COUNTERPARTS", setup::counterparts());
    if shell::has("cargo-nextest") { cargo.args(["nextest", "run"]) } else { cargo.arg("test") }
}
