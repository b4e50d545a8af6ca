//! Packages as files, with the signatures that stand beside them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use warbler_package::Signature;

use crate::ProjectFolder;
use crate::project::Project;

/// Which package: a file, or the one that was last built in a project.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// The package; the one of the project in this folder unless given.
    #[arg(value_name = "PACKAGE")]
    package: Option<PathBuf>,
    #[command(flatten)]
    project: ProjectFolder,
}

impl Choice {
    /// The project's folder.
    pub(crate) fn project_folder(&self) -> &Path {
        &self.project.project
    }

    /// The package's file.
    ///
    /// # Errors
    /// None was named and the project has none.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        if let Some(package) = &self.package {
            return Ok(package.clone());
        }
        let project = Project::open(&self.project.project)?;
        let path = project.default_out().join(project.package_name());
        if !path.is_file() {
            bail!("there is no package {}: run `warbler-plugin build`, or name a file", path.display());
        }
        Ok(path)
    }
}

/// The bytes of a package.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read the package {}", path.display()))
}

/// Where the signature by the only, or the first, key stands: `NAME.wasm.minisig`.
pub(crate) fn signature_path(package: &Path) -> PathBuf {
    beside(package, ".minisig")
}

/// Where a further key's signature stands: `NAME.wasm.KEY-ID.minisig`.
pub(crate) fn further_signature_path(package: &Path, key: &str) -> PathBuf {
    beside(package, &format!(".{key}.minisig"))
}

fn beside(package: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(package);
    name.push(ending);
    PathBuf::from(name)
}

/// The texts of all signatures beside a package, in order of their files' names.
pub(crate) fn signatures(package: &Path) -> Result<Vec<(PathBuf, String)>> {
    let folder = package.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beginning = package.file_name().map(|name| format!("{}.", name.to_string_lossy())).unwrap_or_default();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<_> = names.filter(|name| name.starts_with(&beginning) && name.ends_with(".minisig")).collect();
    found.sort();
    let read = |name: String| {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path, text))
    };
    found.into_iter().map(read).collect()
}

/// The id of the key that a signature says it is by.
pub(crate) fn key_of(signature: &str) -> Result<String> {
    let signature: Signature = signature.parse().context("the signature cannot be read")?;
    Ok(signature.key_id().to_string())
}
