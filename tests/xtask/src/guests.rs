//! The bundled plugins: built and signed with a development key that is made once per checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Where packages, their signatures and the development key are put.
pub(crate) fn packages() -> PathBuf {
    shell::target().join("warbler")
}

/// Builds and signs every bundled plugin with the tool that integrators use.
pub(crate) fn build(tool: &Path) -> Result<()> {
    let out = packages();
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let key = out.join("development.key");
    if !key.exists() {
        let mut keygen = Command::new(tool);
        keygen.args(["keygen", "--no-password", "--secret"]).arg(&key);
        keygen.arg("--public").arg(out.join("development.pub"));
        shell::step("make a development key", &mut keygen)?;
    }
    for plugin in bundled()? {
        let mut build = Command::new(tool);
        build.current_dir(&plugin).arg("build").arg("--out").arg(&out).arg("--sign").arg(&key);
        let name = plugin.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shell::step(&format!("build and sign {name}"), &mut build)?;
    }
    Ok(())
}

/// The folders of the bundled plugins.
fn bundled() -> Result<Vec<PathBuf>> {
    let folder = shell::root().join("plugins");
    let mut found: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("manifest.json").is_file())
        .collect();
    found.sort();
    Ok(found)
}
