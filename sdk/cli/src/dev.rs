//! `dev`: builds, signs and installs a project whenever a file of it changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use semver::Prerelease;
use warbler_domain::{Clock, SystemClock};
use warbler_package::{Limits, Package, embed_manifest};

use crate::project::Project;
use crate::publish::{self, Parcel};
use crate::{ProjectFolder, build, package_file, say, sign};

/// How often files are looked at. Short enough to feel immediate, and cheap for a plugin's few files.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Folders that tools write to; a change there is none of the author's.
const NOT_SOURCE: [&str; 5] = ["target", "node_modules", ".venv", ".git", "__pycache__"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectFolder,
    /// The secret key to sign with. The host trusts its public key, best in its development mode.
    #[arg(long, value_name = "FILE", default_value = "plugin.key")]
    key: PathBuf,
    #[command(flatten)]
    server: publish::Server,
    #[command(flatten)]
    wishes: publish::Wishes,
    /// Ends after the first installation instead of waiting for changes.
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = &arguments.project.project;
    loop {
        let seen = files(folder);
        match install(arguments) {
            Ok(line) => say::line(&line),
            Err(error) if arguments.once => return Err(error),
            // The author mends it and saves; nothing of it touched the version that runs.
            Err(error) => say::line(&format!("error: {error:#}")),
        }
        if arguments.once {
            return Ok(());
        }
        say::line("waiting for a change …");
        while files(folder) == seen {
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn install(arguments: &Arguments) -> Result<String> {
    let project = Project::open(&arguments.project.project)?;
    let out = project.default_out().join("dev");
    let built = build::build(&project, &out)?;
    let package = mark(&built.path, &built.package)?;
    let signature = sign::sign(&package, &arguments.key, &sign::Wishes::default())?;
    let signature = fs::read_to_string(&signature).context("the signature cannot be read back")?;
    let parcel = Parcel {
        bytes: package_file::read(&package)?,
        signatures: vec![signature],
        inactive: false,
        // A development version comes before the release of its number, which may be installed.
        downgrade: true,
    };
    publish::send(&arguments.server, &arguments.wishes, &parcel)
}

/// The package under a version of its own, `1.2.3-dev.TIME`: a host never takes other bytes for a version
/// that it has seen.
fn mark(path: &Path, package: &Package) -> Result<PathBuf> {
    let bytes = package_file::read(path)?;
    let mut manifest = package.manifest().clone();
    let now = SystemClock.now().as_millis();
    manifest.version.pre = Prerelease::new(&format!("dev.{now}")).context("the version cannot be marked")?;
    let marked = embed_manifest(&bytes, &manifest).context("the version cannot be marked")?;
    Package::read(&marked, &Limits::default()).context("the marked package is not valid")?;
    let path = path.with_file_name(format!("{}-dev.wasm", manifest.name));
    fs::write(&path, marked).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The project's files with the time of their last change.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_source = entry.file_name().to_str().is_none_or(|name| !NOT_SOURCE.contains(&name));
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() && is_source => folders.push(entry.path()),
                Ok(metadata) if metadata.is_file() => {
                    found.extend(metadata.modified().ok().map(|time| (entry.path(), time)));
                }
                _ => {}
            }
        }
    }
    found
}
