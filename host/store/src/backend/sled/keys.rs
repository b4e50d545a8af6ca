//! The file of wrapped keys: replaced as a whole, and what it held before overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::sync_folder;
use crate::seal::KeyFile;

/// The file of wrapped keys.
pub(crate) struct FileKeys {
    path: PathBuf,
    folder: PathBuf,
}

impl FileKeys {
    /// The file `keys` in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("keys"), folder: folder.to_owned() }
    }
}

impl KeyFile for FileKeys {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let fresh = self.folder.join("keys.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // The old file stays open over the renaming, so that a key destroyed is gone from the disk
        // too, as far as the disk allows.
        let old = match OpenOptions::new().write(true).open(&self.path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        fs::rename(&fresh, &self.path)?;
        sync_folder(&self.folder)?;
        if let Some(old) = old {
            overwrite(old)?;
        }
        Ok(())
    }
}

fn overwrite(mut file: File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(&vec![0; length])?;
    file.sync_all()
}
