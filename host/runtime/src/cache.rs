//! The cache of compiled code: one folder of files that the host wrote itself, each with an
//! authentication code beside it, because a changed byte in compiled code is nobody's to find later.
//!
//! `NAME.cwasm` is what wasmtime serialised, `NAME.mac` the HMAC-SHA256 over NAME and the content.
//! NAME is the HMAC, in hex, of all that decides what was compiled, with the engine's profile. What was
//! not used for long is deleted.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use parking_lot::Mutex;
use warbler_domain::Timestamp;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load_compiled;
use crate::options::RuntimeKey;

/// How long code is kept that nobody used: longer than a host is off for a holiday. It belongs to a plugin,
/// a configuration or a version of the host that is gone, and if not, it is compiled again.
const UNUSED: Duration = Duration::from_hours(30 * 24);

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    profile: [u8; 32],
    /// Names that were used since the host started.
    used: Mutex<HashSet<String>>,
}

impl Cache {
    /// Opens the cache at `folder`, and makes it if it is not there.
    pub(crate) fn open(folder: &Path, key: &RuntimeKey, profile: [u8; 32]) -> io::Result<Self> {
        make_private(folder)?;
        let root = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let derived = hmac::sign(&root, b"warbler compiled code 1");
        let key = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Ok(Self { folder: folder.into(), key, profile, used: Mutex::default() })
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
        self.used.lock().insert(name.to_owned());
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

    /// Deletes what was not used for long, as it is `now`. What this host uses counts as used now. A file that
    /// is mapped stays so when its name is gone.
    pub(crate) fn prune(&self, now: Timestamp) -> io::Result<()> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis());
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if self.used.lock().contains(&*name) {
                fs::File::open(&path)?.set_modified(now)?;
            } else if now.duration_since(fs::metadata(&path)?.modified()?).is_ok_and(|unused| unused > UNUSED) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_nobody_used_for_long_is_deleted_and_what_this_host_uses_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), &RuntimeKey::new([7; 32]), [0; 32]).unwrap();
        let keep = |parts: &[u8]| {
            let name = cache.name(&[parts]);
            cache.keep(&name, b"code").unwrap();
            name
        };
        let [gone, lately, used] = [keep(b"gone"), keep(b"lately"), keep(b"used")];
        let first = SystemTime::UNIX_EPOCH;
        let after = |days: u64| Duration::from_hours(24 * days);
        for (name, days) in [(&gone, 0), (&lately, 20), (&used, 0)] {
            for extension in ["cwasm", "mac"] {
                fs::File::open(cache.path(name, extension)).unwrap().set_modified(first + after(days)).unwrap();
            }
        }
        cache.used.lock().insert(used.clone());
        let now = |days| Timestamp::from_millis(u64::try_from(after(days).as_millis()).unwrap());
        cache.prune(now(40)).unwrap();
        let left = |names: &[&String]| names.iter().map(|name| cache.path(name, "mac").exists()).collect::<Vec<_>>();
        assert_eq!(left(&[&gone, &lately, &used]), [false, true, true]);
        cache.used.lock().clear();
        cache.prune(now(60)).unwrap();
        assert_eq!(left(&[&gone, &lately, &used]), [false, false, true], "its use counted from the last look");
    }
}
