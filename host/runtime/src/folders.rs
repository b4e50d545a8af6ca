//! Folders of the host's disk that the operator named. A tenant's blobs lie below a folder of its own, under
//! their own names, so that a person finds them there.

mod name;
mod quota;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use warbler_domain::{BlobEntry, FolderError, FolderStore, Folders, TenantId};

use self::quota::Quota;

/// Where blobs are written until they are whole. No name starts with it.
const UPLOADS: &str = ".uploads";
/// After so long, what is still there was left behind by a host that stopped.
const STALE: Duration = Duration::from_hours(24);

/// Folders on the local disk, by their names.
#[derive(Debug, Clone, Default)]
pub struct DiskFolders {
    paths: BTreeMap<String, PathBuf>,
    /// Most bytes of a tenant in each; nothing for no limit.
    limit: Option<u64>,
    quotas: Arc<Mutex<HashMap<PathBuf, Arc<Quota>>>>,
}

impl DiskFolders {
    /// These folders. They have to be there: one that is not may be a disk that is not mounted.
    #[must_use]
    pub fn new(paths: BTreeMap<String, PathBuf>) -> Self {
        Self { paths, ..Self::default() }
    }

    /// The same, in each of which a tenant may keep so many bytes.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        Self { limit: Some(bytes), ..self }
    }
}

impl Folders for DiskFolders {
    fn open(&self, tenant: TenantId, name: &str) -> Option<Arc<dyn FolderStore>> {
        let base = self.paths.get(name)?.clone();
        let root = base.join(tenant.to_string());
        let quota = self.limit.map(|limit| {
            let mut quotas = self.quotas.lock();
            Arc::clone(quotas.entry(root.clone()).or_insert_with(|| Arc::new(Quota::new(limit))))
        });
        Some(Arc::new(TenantFolder(Arc::new(Place { base, root, quota, uploads: AtomicU64::new(0) }))))
    }
}

struct TenantFolder(Arc<Place>);

/// Where a tenant's blobs are.
struct Place {
    /// The operator's folder.
    base: PathBuf,
    /// The tenant's own in it.
    root: PathBuf,
    quota: Option<Arc<Quota>>,
    /// Uploads that began here.
    uploads: AtomicU64,
}

impl TenantFolder {
    /// Works on the disk on a thread that may wait.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, FolderError> {
        let place = Arc::clone(&self.0);
        let worked = spawn_blocking(move || work(&place)).await;
        worked.map_err(|error| failed("working", io::Error::other(error)))?
    }
}

#[async_trait]
impl FolderStore for TenantFolder {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), FolderError> {
        let name = name::check(name)?.to_owned();
        self.work(move |place| place.put(&name, &bytes)).await
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, FolderError> {
        let name = name::check(name)?.to_owned();
        self.work(move |place| place.get(&name, offset, length)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, FolderError> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.work(move |place| {
            place.is_there()?;
            if prefix.is_empty() && after.is_none() {
                place.sweep();
            }
            tree::list(&place.root, &prefix, after.as_deref(), limit).map_err(|error| failed("listing", error))
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), FolderError> {
        let name = name::check(name)?.to_owned();
        self.work(move |place| place.delete(&name)).await
    }
}

impl Place {
    /// Whether the operator's folder is there. A tenant's own is made when it is needed.
    fn is_there(&self) -> Result<(), FolderError> {
        fs::read_dir(&self.base).map(drop).map_err(|error| failed("opening the operator's folder", error))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        self.is_there()?;
        let target = self.root.join(name);
        if target.is_dir() {
            return Err(FolderError::Name { name: name.to_owned(), why: "is that of a folder with other blobs" });
        }
        let (before, length) = (size_of(&target), bytes.len() as u64);
        if let Some(quota) = &self.quota {
            quota.take(&self.root, before, length)?;
        }
        let kept = self.put_at(&target, bytes);
        if let (Err(_), Some(quota)) = (&kept, &self.quota) {
            quota.give_back(length, before);
        }
        kept
    }

    fn put_at(&self, target: &Path, bytes: &[u8]) -> Result<(), FolderError> {
        let uploads = self.root.join(UPLOADS);
        self.make_folder(&uploads)?;
        let (upload, file) = self.begin(&uploads).map_err(|error| failed("writing", error))?;
        let kept = write(file, bytes).map_err(|error| failed("writing", error)).and_then(|()| {
            let folder = target.parent().unwrap_or(&self.root);
            self.make_folder(folder)?;
            fs::rename(&upload, target).map_err(|error| failed("moving a blob to its place", error))?;
            // Without this a power cut may take the name away again.
            sync(folder).map_err(|error| failed("writing", error))
        });
        if kept.is_err() {
            drop(fs::remove_file(&upload));
        }
        kept
    }

    /// A new file for an upload.
    fn begin(&self, uploads: &Path) -> io::Result<(PathBuf, File)> {
        loop {
            // Another host may write here too: whoever makes the file first has it.
            let number = self.uploads.fetch_add(1, Ordering::Relaxed);
            let path = uploads.join(format!("{}-{number}", std::process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => return Ok((path, opened?)),
            }
        }
    }

    /// Makes a folder and those that it is in, and sees to it that they last.
    fn make_folder(&self, folder: &Path) -> Result<(), FolderError> {
        let making = |error| failed("making a folder", error);
        let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
        for folder in missing.into_iter().rev().filter(|folder| folder.starts_with(&self.base)) {
            match fs::create_dir(folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
                made => made.map_err(making)?,
            }
            sync(folder.parent().unwrap_or(&self.base)).map_err(making)?;
        }
        Ok(())
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, FolderError> {
        self.is_there()?;
        let reading = |error| failed("reading", error);
        let mut file = match File::open(self.root.join(name)) {
            Err(error) if is_absent(&error) => return Ok(None),
            opened => opened.map_err(reading)?,
        };
        let about = file.metadata().map_err(reading)?;
        if !about.is_file() {
            return Ok(None);
        }
        let length = about.len().saturating_sub(offset).min(length);
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        file.seek(SeekFrom::Start(offset)).map_err(reading)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(length).read_to_end(&mut bytes).map_err(reading)?;
        Ok(Some(bytes.into()))
    }

    fn delete(&self, name: &str) -> Result<(), FolderError> {
        self.is_there()?;
        let path = self.root.join(name);
        if path.is_dir() {
            return Ok(());
        }
        let before = size_of(&path);
        match fs::remove_file(&path) {
            Err(error) if is_absent(&error) => Ok(()),
            removed => {
                if let (Ok(()), Some(quota)) = (&removed, &self.quota) {
                    quota.give_back(before, 0);
                }
                let removed = removed.and_then(|()| sync(path.parent().unwrap_or(&self.root)));
                removed.map_err(|error| failed("deleting", error))
            }
        }
    }

    /// Removes uploads that a host left behind. Those that cannot be removed are tried again later.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.root.join(UPLOADS)) else { return };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|about| about.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Has the entries of `folder` written to the disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The length of a blob; 0 if there is none.
fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// Whether there is no such blob: not the file, or a blob where a folder would have to be.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn failed(doing: &'static str, source: io::Error) -> FolderError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FolderError::NoRoom,
        _ => FolderError::Io { doing, source },
    }
}
