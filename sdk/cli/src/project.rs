//! A plugin's project: its language, what its files say of it, and its manifest.

mod javascript;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use warbler_package::{Limits, Manifest};

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// JavaScript.
    Js,
    /// Python.
    Python,
}

/// What a project's own file says of the plugin: `Cargo.toml`, `package.json` or `pyproject.toml`.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) authors: Vec<String>,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) homepage: Option<String>,
}

/// A plugin's project.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its folder, absolute.
    pub(crate) folder: PathBuf,
    /// Its language.
    pub(crate) language: Language,
    /// Where a compiler's own files go.
    pub(crate) target: PathBuf,
    /// Folders whose paths must not appear in the component, with what stands for them.
    pub(crate) private_paths: Vec<(PathBuf, String)>,
    /// Whether it is compiled with products of 128 bits as instructions.
    pub(crate) wide_arithmetic: bool,
    /// What its own file says.
    pub(crate) about: About,
}

impl Project {
    /// Reads the project in `folder`.
    ///
    /// # Errors
    /// There is none, or a file of it cannot be read.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
        if folder.join("Cargo.toml").is_file() {
            return rust::open(folder);
        }
        if folder.join("package.json").is_file() {
            return Ok(Self::scripted(Language::Js, javascript::about(&folder)?, folder));
        }
        if folder.join("pyproject.toml").is_file() {
            return Ok(Self::scripted(Language::Python, python::about(&folder)?, folder));
        }
        bail!(
            "{} holds no plugin: there is no Cargo.toml, package.json or pyproject.toml. `warbler-plugin new` makes one",
            folder.display()
        );
    }

    fn scripted(language: Language, about: About, folder: PathBuf) -> Self {
        let (target, private_paths) = (folder.join("target"), Vec::new());
        Self { folder, language, target, private_paths, wide_arithmetic: false, about }
    }

    /// Where its package goes unless told otherwise: the same place whatever the settings of cargo are.
    pub(crate) fn default_out(&self) -> PathBuf {
        self.folder.join("target").join("warbler")
    }

    /// The name of its package's file.
    pub(crate) fn package_name(&self) -> String {
        format!("{}-{}.wasm", self.about.name, self.about.version)
    }

    /// Its manifest: `manifest.json`, with name, version, description and homepage from the project's
    /// own file where it does not say them.
    ///
    /// # Errors
    /// It cannot be read, is not valid, or names another plugin or version.
    pub(crate) fn manifest(&self) -> Result<Manifest> {
        let path = self.folder.join("manifest.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut fields: Map<String, Value> =
            serde_json::from_slice(&text).with_context(|| format!("{} is no JSON object", path.display()))?;
        for (field, own) in [("name", &self.about.name), ("version", &self.about.version)] {
            match fields.get(field) {
                None => drop(fields.insert(field.to_owned(), Value::from(own.clone()))),
                Some(said) if said.as_str() == Some(own) => {}
                Some(said) => {
                    bail!("manifest.json says that `{field}` is {said}, the project's own file says {own:?}")
                }
            }
        }
        for (field, own) in [("description", &self.about.description), ("homepage", &self.about.homepage)] {
            if let (None, Some(own)) = (fields.get(field), own) {
                fields.insert(field.to_owned(), Value::from(own.clone()));
            }
        }
        let json = serde_json::to_vec(&fields).context("manifest.json cannot be written as JSON")?;
        Manifest::parse(&json, &Limits::default()).with_context(|| format!("{} is not valid", path.display()))
    }
}
