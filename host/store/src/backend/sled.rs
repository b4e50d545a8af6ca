//! The embedded default: a folder with the database in `log`, sealed files in `blobs`, and the
//! wrapped keys in the file `keys`.

mod blobs;
mod keys;
mod mark;
mod records;

pub(crate) use blobs::FolderBlobs;
pub(crate) use keys::FileKeys;
pub(crate) use records::SledRecords;

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What is left free: the database wants to write also where nothing is added, and does not take it well if it cannot.
const RESERVE: u64 = 16 * 1024 * 1024;

/// Whether the disk that a folder is on has room for more.
pub(crate) fn has_room(folder: &Path) -> io::Result<()> {
    if fs2::available_space(folder)? < RESERVE {
        return Err(io::Error::new(io::ErrorKind::StorageFull, format!("less than {RESERVE} bytes are free")));
    }
    Ok(())
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder, if it is not there, so that it survives a power cut.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    sync_folder(parent.unwrap_or_else(|| Path::new(".")))
}
