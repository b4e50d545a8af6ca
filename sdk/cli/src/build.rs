//! `build`: from a project to a package.

mod component;
mod rust;
mod script;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use warbler_package::{Limits, Package, embed_manifest};

use crate::project::{Language, Project};
use crate::{ProjectFolder, say, sign};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectFolder,
    /// The folder for the package; `target/warbler` of the project unless given.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also signs the package with this secret key.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
}

/// A package that was built.
pub(crate) struct Built {
    /// Its file.
    pub(crate) path: PathBuf,
    /// What it says and is.
    pub(crate) package: Package,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let project = Project::open(&arguments.project.project)?;
    let out = arguments.out.clone().unwrap_or_else(|| project.default_out());
    let built = build(&project, &out)?;
    println!("{}", built.path.display());
    println!("  {}, sha256 {}", say::size(built.package.size()), built.package.digest());
    if let Some(key) = &arguments.sign {
        let signature = sign::sign(&built.path, key, &sign::Wishes::default())?;
        println!("  signed: {}", signature.display());
    }
    Ok(())
}

/// Compiles without making a plugin: for modules of other hosts, which the same toolchain serves.
pub(crate) fn compile(arguments: &Arguments) -> Result<()> {
    let project = Project::open(&arguments.project.project)?;
    if project.language != Language::Rust {
        bail!("only Rust projects have core modules");
    }
    let module = rust::portable_module(&project)?;
    let out = arguments.out.clone().unwrap_or_else(|| project.default_out());
    fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let path = out.join(module.file_name().context("the module has no name")?);
    fs::copy(&module, &path).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// Builds `project` into `out`. The same input gives the same bytes.
pub(crate) fn build(project: &Project, out: &Path) -> Result<Built> {
    // Read first: a mistake in it should not cost a compilation.
    let manifest = project.manifest()?;
    let component = match project.language {
        Language::Rust => rust::build(project)?,
        Language::Js => script::javascript(project)?,
        Language::Python => script::python(project)?,
    };
    let described = component::with_metadata(&component, project)?;
    let bytes = embed_manifest(&described, &manifest).context("the manifest cannot be put into the component")?;
    let package = Package::read(&bytes, &Limits::default()).context("the component does not fit its manifest")?;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let path = out.join(project.package_name());
    fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Built { path, package })
}
