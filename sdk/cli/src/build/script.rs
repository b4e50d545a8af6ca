//! Making components of JavaScript and Python, by the tools of their own registries. The tools stand
//! in the project, so that their version is the project's choice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::say;
use crate::toolchain::in_search_path;

/// The world in the project's `wit` folder.
const WORLD: &str = "plugin";

/// Makes a component of a JavaScript project.
pub(super) fn javascript(project: &Project) -> Result<Vec<u8>> {
    let tool = project.folder.join("node_modules/.bin/componentize-qjs");
    if !tool.exists() {
        let npm = need("npm", "install Node.js 18 or later")?;
        let mut install = Command::new(npm);
        install.args(["install", "--ignore-scripts", "--no-fund", "--no-audit"]);
        run("installing componentize-qjs into node_modules", install.current_dir(&project.folder))?;
    }
    component(project, &tool, |command, out| {
        // Without component-model async and without WASI: hosts offer filters neither.
        command.args(["--sync", "--stub-wasi", "--wit", "wit", "--world", WORLD, "--js", "src/plugin.js", "--output"]);
        command.arg(out);
    })
}

/// Makes a component of a Python project.
pub(super) fn python(project: &Project) -> Result<Vec<u8>> {
    let environment = project.folder.join(".venv");
    let tool = environment.join("bin/componentize-py");
    if !tool.exists() {
        let python = need("python3", "install Python 3.10 or later")?;
        let mut make = Command::new(python);
        run("making .venv", make.args(["-m", "venv"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check"]).args(build_requirements(&project.folder)?);
        run("installing componentize-py into .venv", install.current_dir(&project.folder))?;
    }
    component(project, &tool, |command, out| {
        command.env("VIRTUAL_ENV", &environment);
        command.args(["--quiet", "--wit-path", "wit", "--world", WORLD, "componentize", "--stub-wasi"]);
        command.args(["--python-path", "src", "app", "--output"]).arg(out);
    })
}

/// What the project's dependency group `build` names
/// (<https://packaging.python.org/en/latest/specifications/dependency-groups>).
fn build_requirements(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("pyproject.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: toml::Table = text.parse().with_context(|| format!("{} is not valid", path.display()))?;
    let group = file.get("dependency-groups").and_then(|groups| groups.get("build")).and_then(toml::Value::as_array);
    let names: Vec<String> = group.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
    if names.is_empty() {
        bail!("{} lacks `[dependency-groups] build = [\"componentize-py==…\"]`", path.display());
    }
    Ok(names)
}

/// Runs `tool` as `arguments` say, and gives the component that it writes.
fn component(project: &Project, tool: &Path, arguments: impl FnOnce(&mut Command, &Path)) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let out = folder.path().join("component.wasm");
    let mut command = Command::new(tool);
    command.current_dir(&project.folder);
    arguments(&mut command, &out);
    run(&format!("making a component of {}", project.about.name), &mut command)?;
    fs::read(&out).with_context(|| format!("{} made no component", tool.display()))
}

fn need(program: &str, otherwise: &str) -> Result<PathBuf> {
    in_search_path(program).with_context(|| format!("there is no {program} in the search path: {otherwise}"))
}

/// Runs a program; what it prints is shown only if it fails.
fn run(heading: &str, command: &mut Command) -> Result<()> {
    let output = say::step(heading, || command.output());
    let output = output.with_context(|| format!("{} cannot be started", command.get_program().to_string_lossy()))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!("{heading} failed:\n{}", String::from_utf8_lossy(&printed).trim());
    }
    Ok(())
}
