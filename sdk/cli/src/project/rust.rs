//! Reading a Rust project: what `cargo metadata` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{About, Language, Project};

/// What is used of `cargo metadata --format-version 1`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    description: Option<String>,
    authors: Vec<String>,
    license: Option<String>,
    repository: Option<String>,
    homepage: Option<String>,
    manifest_path: PathBuf,
    /// `None` for packages that lie on this machine.
    source: Option<String>,
    targets: Vec<Target>,
    metadata: Option<Tables>,
}

/// The `package.metadata` of a project.
#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    warbler: Settings,
}

/// `[package.metadata.warbler]`: how a plugin is to be built.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[serde(default)]
    wide_arithmetic: bool,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Package {
    fn folder(&self) -> Option<PathBuf> {
        self.manifest_path.parent()?.canonicalize().ok()
    }
}

pub(super) fn open(folder: PathBuf) -> Result<Project> {
    let metadata = metadata(&folder)?;
    let Some(package) = metadata.packages.iter().find(|package| package.folder().as_ref() == Some(&folder)) else {
        bail!("{} holds a workspace, not a plugin: name the plugin's own folder", folder.display());
    };
    if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
        bail!("Cargo.toml of {} lacks `[lib] crate-type = [\"cdylib\", \"rlib\"]`", package.name);
    }
    let about = About {
        name: package.name.clone(),
        version: package.version.clone(),
        description: package.description.clone(),
        authors: package.authors.clone(),
        license: package.license.clone(),
        source: package.repository.clone(),
        homepage: package.homepage.clone(),
    };
    let wide_arithmetic = package.metadata.as_ref().is_some_and(|tables| tables.warbler.wide_arithmetic);
    let (private_paths, target) = (private_paths(&metadata), metadata.target_directory);
    Ok(Project { folder, language: Language::Rust, target, private_paths, wide_arithmetic, about })
}

/// Where packages outside the workspace come from: cargo gives the compiler absolute paths of those
/// alone. The outermost folder that could be a workspace stands for all below it, so that plugins of
/// one repository are compiled with the same flags, and share the standard library that was built.
fn private_paths(metadata: &Metadata) -> Vec<(PathBuf, String)> {
    let local = metadata.packages.iter().filter(|package| package.source.is_none()).filter_map(Package::folder);
    let outside = local.filter(|folder| !folder.starts_with(&metadata.workspace_root));
    let outermost = |folder: PathBuf| {
        let above = folder.ancestors().filter(|folder| folder.join("Cargo.toml").is_file()).last();
        above.map(PathBuf::from)
    };
    let roots: BTreeSet<PathBuf> = outside.filter_map(outermost).collect();
    roots.into_iter().enumerate().map(|(index, root)| (root, format!("/source-{index}"))).collect()
}

fn metadata(folder: &Path) -> Result<Metadata> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1"]).current_dir(folder);
    let output = command.output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo cannot read the project: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave something else than expected")
}
