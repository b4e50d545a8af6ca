//! `sign`: a minisign signature whose trusted comment names the plugin, its version and its digest.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use minisign::PublicKey;
use warbler_package::{Expiry, Limits, Package};

use crate::{key, package_file};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    /// The secret key, as `keygen` or minisign made it.
    #[arg(long, value_name = "FILE", default_value = "plugin.key")]
    key: PathBuf,
    /// The file for the signature; beside the package unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The last moment at which the signature counts, RFC 3339.
    #[arg(long, value_name = "TIME")]
    expires: Option<Expiry>,
}

/// What a signature should be, beyond the package and the key.
#[derive(Default)]
pub(crate) struct Wishes {
    /// Its file.
    pub(crate) out: Option<PathBuf>,
    /// Its end.
    pub(crate) expires: Option<Expiry>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let package = arguments.package.path()?;
    let wishes = Wishes { out: arguments.out.clone(), expires: arguments.expires };
    let signature = sign(&package, &arguments.key, &wishes)?;
    println!("{}", signature.display());
    Ok(())
}

/// Signs the package in `path` with the secret key in `key`, and gives the signature's file.
pub(crate) fn sign(path: &Path, key: &Path, wishes: &Wishes) -> Result<PathBuf> {
    let bytes = package_file::read(path)?;
    let package = Package::read(&bytes, &Limits::default()).context("this is no package that a host would take")?;
    let comment = package.trusted_comment(wishes.expires).to_string();
    let secret = key::open_secret(key)?;
    let public = PublicKey::from_secret_key(&secret).context("the secret key is damaged")?;
    let signature = minisign::sign(
        Some(&public),
        &secret,
        Cursor::new(&bytes),
        Some(&comment),
        Some("signature by warbler-plugin"),
    )
    .context("the package cannot be signed")?
    .into_string();
    let out = match &wishes.out {
        Some(out) => out.clone(),
        None => place_for(path, &signature)?,
    };
    fs::write(&out, signature).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(out)
}

/// Beside the package: in the usual place, unless another key's signature of these bytes is there.
fn place_for(package: &Path, signature: &str) -> Result<PathBuf> {
    let usual = package_file::signature_path(package);
    let Ok(present) = fs::read_to_string(&usual) else { return Ok(usual) };
    let key = package_file::key_of(signature)?;
    match package_file::key_of(&present) {
        Ok(other) if other != key => Ok(package_file::further_signature_path(package, &key)),
        _ => Ok(usual),
    }
}
