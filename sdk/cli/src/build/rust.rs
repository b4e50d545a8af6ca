//! Compiling a Rust guest.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::component;
use crate::project::Project;
use crate::say;
use crate::toolchain::{TARGET, Toolchain};

/// Separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// Products of 128 bits in one instruction: public-key cryptography computes with them several times as
/// fast. The compiler calls the instructions unstable, the engine has them
/// (<https://github.com/WebAssembly/wide-arithmetic>).
const WIDE_ARITHMETIC: &str = "-Ctarget-feature=+wide-arithmetic";

/// Compiles `project` to a core module that any host runs, and gives its file.
pub(super) fn portable_module(project: &Project) -> Result<PathBuf> {
    module(project, &[])
}

fn module(project: &Project, features: &[&str]) -> Result<PathBuf> {
    let toolchain = Toolchain::find()?;
    let heading = format!("compiling {} by {}", project.about.name, toolchain.describe());
    say::step(&heading, || compile(project, &toolchain, features))
}

/// Compiles `project` and makes a component of it.
pub(super) fn build(project: &Project) -> Result<Vec<u8>> {
    let features: &[&str] = if project.wide_arithmetic { &[WIDE_ARITHMETIC] } else { &[] };
    let module = module(project, features)?;
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    component::from_module(&bytes).context(
        "the compiled module is no plugin: does its lib.rs end with \
         `warbler_sdk::export!(YourPlugin: ContentFilter);`?",
    )
}

/// Compiles, and gives the core module's file.
fn compile(project: &Project, toolchain: &Toolchain, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo_build();
    // Apart from the native build, which another compiler may do, and from builds with other instructions: they
    // would discard each other's work.
    let folder = if features.is_empty() { "guest" } else { "guest-wide" };
    let target = project.target.join("warbler").join(folder);
    cargo.current_dir(&project.folder).arg("--lib").arg("--target-dir").arg(&target);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let mut flags = private_paths(project, toolchain);
    flags.extend(features.iter().map(ToString::to_string));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(FLAG_SEPARATOR));
    cargo.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let output = run(&mut cargo)?;
    module_in(&output).with_context(|| format!("cargo made no WebAssembly module of {}", project.about.name))
}

fn run(cargo: &mut Command) -> Result<Vec<u8>> {
    let output = cargo.spawn().context("cargo cannot be started")?.wait_with_output().context("cargo went away")?;
    if !output.status.success() {
        bail!("the plugin does not compile (see above)");
    }
    Ok(output.stdout)
}

/// Flags that keep this machine's paths out of the code, so that the same source gives the same bytes
/// everywhere.
fn private_paths(project: &Project, toolchain: &Toolchain) -> Vec<String> {
    let mut renamed = Vec::new();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    renamed.extend(home.map(|home| (home, "/cargo".to_owned())));
    if let Toolchain::FromSource { library, .. } = toolchain {
        renamed.push((library.clone(), "/rust/library".to_owned()));
    }
    renamed.extend(project.private_paths.iter().cloned());
    // The last fitting prefix wins, and a nested folder has the longer path.
    renamed.sort_by_key(|(path, _)| path.as_os_str().len());
    renamed.into_iter().map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).collect()
}

/// What is used of cargo's messages.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The last module that cargo says it made: the plugin's own comes after all it depends on.
fn module_in(messages: &[u8]) -> Option<PathBuf> {
    let messages =
        messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
    let mut files =
        messages.filter(|message| message.reason == "compiler-artifact").flat_map(|message| message.filenames);
    let is_module = |file: &PathBuf| {
        let for_guests = file.components().any(|part| part.as_os_str() == TARGET);
        for_guests && file.extension().is_some_and(|extension| extension == "wasm")
    };
    files.rfind(is_module)
}
