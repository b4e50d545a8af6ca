//! The cache of compiled code: one folder of files that the host wrote itself, each with an
//! authentication code beside it, because a changed byte in compiled code is nobody's to find later.
//!
//! `NAME.cwasm` is what wasmtime serialised, `NAME.mac` the HMAC-SHA256 over NAME and the content.
//! NAME is the HMAC, in hex, of all that decides what was compiled, with the engine's profile.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load_compiled;
use crate::options::RuntimeKey;

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    profile: [u8; 32],
}

impl Cache {
    /// Opens the cache at `folder`, and makes it if it is not there.
    pub(crate) fn open(folder: &Path, key: &RuntimeKey, profile: [u8; 32]) -> io::Result<Self> {
        make_private(folder)?;
        let root = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let derived = hmac::sign(&root, b"warbler compiled code 1");
        Ok(Self { folder: folder.into(), key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()), profile })
    }

    /// The name for code that `parts` decide.
    pub(crate) fn name(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.profile);
        for part in parts {
            // Each part's length, so that no two lists of parts read the same.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        hex::encode(context.sign())
    }

    /// The code called `name`, if it is there and as it was written.
    pub(crate) fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let path = self.path(name, "cwasm");
        let loaded = self
            .verify(name, &path)
            .map_err(wasmtime::Error::new)
            .and_then(|there| there.then(|| load_compiled::load(engine, &path)).transpose());
        loaded.unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "compiled code cannot be used, and is compiled again");
            None
        })
    }

    /// Keeps `code` under `name`.
    pub(crate) fn keep(&self, name: &str, code: &[u8]) -> io::Result<()> {
        self.write(&self.path(name, "cwasm"), code)?;
        self.write(&self.path(name, "mac"), self.mac(name, code).as_ref())?;
        fs::File::open(&self.folder)?.sync_all()
    }

    /// Whether the file is there; an error if it is not what was written.
    fn verify(&self, name: &str, path: &Path) -> io::Result<bool> {
        let code = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            code => code?,
        };
        let mac = fs::read(self.path(name, "mac"))?;
        let mut context = Vec::with_capacity(name.len() + code.len());
        context.extend_from_slice(name.as_bytes());
        context.extend_from_slice(&code);
        hmac::verify(&self.key, &context, &mac)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "its authentication code is wrong"))?;
        Ok(true)
    }

    fn mac(&self, name: &str, code: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(name.as_bytes());
        context.update(code);
        context.sign()
    }

    /// Writes a file whole or not at all. Temporary files of this crate are readable by their owner alone.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.join(name).with_extension(extension)
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
