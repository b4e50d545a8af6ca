//! Secrets on disk and in the environment: read without showing them, written for their owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::ConfigError;

/// Reads a secret from a file, without the line end.
pub(super) fn read_file(key: &'static str, path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let refuse = |text: String| ConfigError::Secret { key, text };
    let mut file = File::open(path).map_err(|error| refuse(format!("cannot read {}: {error}", path.display())))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            return Err(refuse(format!(
                "{} can be read by others (mode {:o}): chmod 600 it",
                path.display(),
                mode & 0o777
            )));
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|error| refuse(format!("cannot read {}: {error}", path.display())))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Reads a secret from the environment.
pub(super) fn read_env(key: &'static str, name: &str) -> Result<Zeroizing<String>, ConfigError> {
    match std::env::var(name) {
        Ok(text) => Ok(Zeroizing::new(Zeroizing::new(text).trim().to_owned())),
        Err(_) => Err(ConfigError::Secret { key, text: format!("the environment has no variable {name}") }),
    }
}

/// Writes a new file that nobody but its owner can read.
///
/// # Errors
/// It is there already, or cannot be written.
pub(crate) fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_alone_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write_secret(&path, "first").unwrap();
        assert_eq!(write_secret(&path, "second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read_file("operator.token_file", &path).unwrap().as_str(), "first");
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_may_read_is_refused_without_being_shown() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write_secret(&path, "do-not-show").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_file("operator.token_file", &path).unwrap_err().to_string();
        assert!(error.contains("644") && !error.contains("do-not-show"), "{error}");
    }
}
