//! Packages to install: those that the build made, and variants of them that a host must refuse or
//! take as an upgrade.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use warbler_package::{Limits, Manifest, Package, embed_manifest};

use crate::host::program;

/// A package and its signatures.
#[derive(Debug, Clone)]
pub struct Packed {
    /// The component's bytes.
    pub bytes: Vec<u8>,
    /// Texts of minisign signatures.
    pub signatures: Vec<String>,
}

impl Packed {
    /// The body of an install request; `extra` is merged into it.
    ///
    /// # Errors
    /// `extra` is no object.
    pub fn request(&self, extra: &Value) -> Result<Value> {
        let mut body = json!({"package": STANDARD.encode(&self.bytes), "signatures": self.signatures});
        let fields = body.as_object_mut().context("not an object")?;
        fields.extend(extra.as_object().context("extra fields are no object")?.clone());
        Ok(body)
    }

    /// The permissions that its manifest asks for.
    ///
    /// # Errors
    /// The package cannot be read.
    pub fn asks(&self) -> Result<Value> {
        let package = Package::read(&self.bytes, &Limits::default())?;
        Ok(serde_json::to_value(&package.manifest().permissions)?)
    }

    /// The same component under a later version, signed anew.
    ///
    /// # Errors
    /// The package cannot be read, or not signed.
    pub fn upgraded(&self, version: &str) -> Result<Self> {
        let mut manifest = Package::read(&self.bytes, &Limits::default())?.manifest().clone();
        manifest.version = version.parse()?;
        sign(embed_manifest(&self.bytes, &manifest)?)
    }

    /// The same package with one byte of its code changed.
    #[must_use]
    pub fn tampered(&self) -> Self {
        let mut changed = self.clone();
        let middle = changed.bytes.len() / 2;
        if let Some(byte) = changed.bytes.get_mut(middle) {
            *byte ^= 1;
        }
        changed
    }

    /// The same package without a signature.
    #[must_use]
    pub fn unsigned(&self) -> Self {
        Self { bytes: self.bytes.clone(), signatures: Vec::new() }
    }
}

/// The bundled plugin called `name`, as the build made and signed it.
///
/// # Errors
/// It was not built.
pub fn bundled(name: &str) -> Result<Packed> {
    let path = bundled_file(name)?;
    let signature = fs::read_to_string(path.with_extension("wasm.minisig"))?;
    Ok(Packed { bytes: fs::read(&path)?, signatures: vec![signature] })
}

/// The file of the bundled plugin called `name`.
///
/// # Errors
/// It was not built.
pub fn bundled_file(name: &str) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder()?)?.filter_map(|entry| Some(entry.ok()?.path()));
    let fits = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')) && file.ends_with(".wasm")
    };
    files.find(fits).with_context(|| format!("{name} was not built; run: cargo xtask test"))
}

/// A package of any component, signed with the development key.
///
/// # Errors
/// The manifest does not fit the component, or signing failed.
pub fn pack(component: &[u8], manifest: &Value) -> Result<Packed> {
    let manifest = Manifest::parse(&serde_json::to_vec(manifest)?, &Limits::default())?;
    sign(embed_manifest(component, &manifest)?)
}

/// The public development key, as an operator would be given it.
///
/// # Errors
/// It was not made.
pub fn development_key() -> Result<String> {
    let file = folder()?.join("development.pub");
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Signs with the tool that integrators use.
fn sign(bytes: Vec<u8>) -> Result<Packed> {
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("package.wasm");
    fs::write(&file, &bytes)?;
    let mut command = Command::new(program("warbler-plugin")?);
    command.arg("sign").arg(&file).arg("--key").arg(folder()?.join("development.key"));
    let output = command.output()?;
    ensure!(output.status.success(), "signing failed: {}", String::from_utf8_lossy(&output.stderr));
    let signature = fs::read_to_string(signature_of(&file))?;
    Ok(Packed { bytes, signatures: vec![signature] })
}

fn signature_of(package: &Path) -> PathBuf {
    package.with_extension("wasm.minisig")
}

/// Where the build puts packages: the folder that `WARBLER_PACKAGES` names, else `warbler` in the
/// build's own folder.
fn folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("WARBLER_PACKAGES") {
        return Ok(folder.into());
    }
    let target = program("warbler-plugin")?.ancestors().nth(2).map(Path::to_path_buf);
    Ok(target.context("the build has no folder")?.join("warbler"))
}
