//! Running other programs: said aloud, timed, and with an error that names the command.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What is built for tests and the demo alike: with another selection cargo would choose other features of
/// the same libraries, and build them all again. The benches are linted with the rest, but not linked.
pub(crate) const PRODUCT: [&str; 3] = ["--workspace", "--exclude", "warbler-benches"];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // The manifest's folder is tests/xtask.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder for everything that is built.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `cargo`, the one that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` under a heading, and says how long it took.
pub(crate) fn step(heading: &str, command: &mut Command) -> Result<()> {
    println!("\n── {heading}");
    let began = Instant::now();
    let status = command.status().with_context(|| format!("{heading}: {} cannot be started", program(command)))?;
    if !status.success() {
        bail!("{heading}: {} ended with {status}", program(command));
    }
    println!("── {heading}: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Whether `program` can be found in the search path.
pub(crate) fn has(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// What `command` prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
