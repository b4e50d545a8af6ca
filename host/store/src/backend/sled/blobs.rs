//! Sealed files in folders: `blobs/<tenant>/<first two digits>/<name>`, written in `blobs/new` first.

use std::fs::{self, File};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use warbler_domain::TenantId;

use super::{has_room, make_folder, sync_folder};
use crate::backend::{BlobFiles, BlobReader, BlobWriter};

/// Sealed files in folders.
pub(crate) struct FolderBlobs {
    root: PathBuf,
    fresh: PathBuf,
    next: AtomicU64,
}

impl FolderBlobs {
    /// The folder `blobs` in `folder`. What was being written when the last process ended is deleted.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let root = folder.join("blobs");
        let fresh = root.join("new");
        make_folder(&fresh)?;
        for left in fs::read_dir(&fresh)? {
            fs::remove_file(left?.path())?;
        }
        Ok(Self { root, fresh, next: AtomicU64::new(0) })
    }

    fn path(&self, tenant: TenantId, name: &str) -> PathBuf {
        let digits = name.get(..2).unwrap_or("00");
        self.root.join(tenant.to_string()).join(digits).join(name)
    }
}

struct Writer {
    file: File,
    path: PathBuf,
    root: PathBuf,
    kept: bool,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        has_room(&self.root)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for Writer {
    fn finish(mut self: Box<Self>, header: &[u8], tenant: TenantId, name: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(header)?;
        self.file.sync_all()?;
        let folder = self.root.join(tenant.to_string()).join(name.get(..2).unwrap_or("00"));
        make_folder(&folder)?;
        fs::rename(&self.path, folder.join(name))?;
        self.kept = true;
        sync_folder(&folder)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "an unfinished blob stays until the next start");
        }
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl BlobFiles for FolderBlobs {
    fn create(&self, header: usize) -> io::Result<Box<dyn BlobWriter>> {
        has_room(&self.root)?;
        let path = self.fresh.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let mut file = File::create_new(&path)?;
        file.write_all(&vec![0; header])?;
        Ok(Box::new(Writer { file, path, root: self.root.clone(), kept: false }))
    }

    fn open(&self, tenant: TenantId, name: &str) -> io::Result<Option<Box<dyn BlobReader>>> {
        match File::open(self.path(tenant, name)) {
            Ok(file) => Ok(Some(Box::new(BufReader::with_capacity(128 * 1024, file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, tenant: TenantId, name: &str) -> io::Result<()> {
        let path = self.path(tenant, name);
        absent_is_fine(fs::remove_file(&path))?;
        match path.parent() {
            Some(folder) if folder.is_dir() => sync_folder(folder),
            _ => Ok(()),
        }
    }

    fn delete_all(&self, tenant: TenantId) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(self.root.join(tenant.to_string())))
    }
}
