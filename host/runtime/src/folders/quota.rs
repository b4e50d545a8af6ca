//! How many bytes a tenant keeps in a folder, and whether more may come. Counted on the disk once, and followed from
//! there on; counted again before anything is refused, because another host may have deleted some.

use std::fs;
use std::io;
use std::path::Path;

use parking_lot::Mutex;
use warbler_domain::FolderError;

use super::{UPLOADS, failed, is_absent};

/// A tenant's bytes in one folder.
#[derive(Debug)]
pub(super) struct Quota {
    limit: u64,
    /// Nothing until it was counted.
    used: Mutex<Option<u64>>,
}

impl Quota {
    pub(super) const fn new(limit: u64) -> Self {
        Self { limit, used: Mutex::new(None) }
    }

    /// Makes room for a blob of so many bytes in the place of one of `before`.
    pub(super) fn take(&self, root: &Path, before: u64, bytes: u64) -> Result<(), FolderError> {
        let mut used = self.used.lock();
        let after = |used: u64| used.saturating_sub(before).saturating_add(bytes);
        let known = match *used {
            Some(known) if after(known) <= self.limit => known,
            _ => count(root).map_err(|error| failed("counting", error))?,
        };
        let after = after(known);
        *used = Some(if after > self.limit { known } else { after });
        // What makes it no larger is always taken: a host that may no longer grow can still give its lease back.
        if after > self.limit && bytes > before {
            return Err(FolderError::Quota { limit: self.limit });
        }
        Ok(())
    }

    /// A blob of `before` bytes is now one of so many: it was deleted, or the writing failed.
    pub(super) fn give_back(&self, before: u64, bytes: u64) {
        if let Some(used) = &mut *self.used.lock() {
            *used = used.saturating_sub(before).saturating_add(bytes);
        }
    }
}

/// The bytes of all blobs below a folder.
fn count(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == UPLOADS {
            continue;
        }
        let about = match entry.metadata() {
            // It was deleted just now.
            Err(error) if is_absent(&error) => continue,
            about => about?,
        };
        bytes += if about.is_dir() { count(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
