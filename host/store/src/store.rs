//! A store as a whole: opens a backend, starts the committer, and hands out the ports.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use warbler_domain::{Blobs, Feed, MessageLog, State, StoreError, TenantId, TenantKeys};

use crate::backend::memory::{MemoryBlobs, MemoryKeys, MemoryRecords};
use crate::backend::sled::{FileKeys, FolderBlobs, SledRecords};
use crate::backend::{BlobFiles, Change, Changes, Records};
use crate::codec::{Names, Origins};
use crate::commit::{Committer, Hub, Queue, Setup, View};
use crate::feed::LocalFeed;
use crate::layout::{LAYOUT, LAYOUT_KEY};
use crate::seal::{KeyFile, Keyring};
use crate::sealed::{SealedBlobs, SealedLog, SealedState};
use crate::stats::Counters;
use crate::{Durability, Location, MasterKey, OpenError, StoreOptions, StoreStats};

/// Everything that one host keeps: the log, state, files and live signals, sealed.
pub struct Store {
    log: Arc<SealedLog>,
    state: Arc<SealedState>,
    blobs: Arc<SealedBlobs>,
    feed: Arc<LocalFeed>,
    files: Arc<dyn BlobFiles>,
    pub(crate) queue: Arc<Queue>,
    keys: Arc<Keyring>,
    counters: Arc<Counters>,
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

/// The three files of a backend.
pub(crate) struct Backend {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) files: Arc<dyn BlobFiles>,
    pub(crate) keys: Box<dyn KeyFile>,
}

impl Backend {
    pub(crate) fn memory() -> Self {
        Self {
            records: Arc::new(MemoryRecords::default()),
            files: Arc::new(MemoryBlobs::default()),
            keys: Box::new(MemoryKeys::default()),
        }
    }

    fn sled(folder: &Path, options: &StoreOptions) -> Result<Self, OpenError> {
        let records = SledRecords::open(&folder.join("log"), options.cache)?;
        let files = FolderBlobs::open(folder)
            .map_err(|source| OpenError::Io { doing: "making the folder of blobs", source })?;
        Ok(Self { records: Arc::new(records), files: Arc::new(files), keys: Box::new(FileKeys::new(folder)) })
    }
}

impl Store {
    /// Opens a store, or makes one. Reads the disk, so that it blocks for some tenths of a second if
    /// there is much in it.
    ///
    /// # Errors
    /// The place is held by another process, is damaged, was written by a later version, or was sealed
    /// under another master key.
    pub fn open(options: &StoreOptions) -> Result<Arc<Self>, OpenError> {
        if options.durability == Durability::Relaxed {
            tracing::warn!("durability is relaxed: a power cut loses the last messages, though they were acknowledged");
        }
        Self::open_with(options, options.durability)
    }

    /// As [`open`](Self::open), for a store of which it is known what its acknowledgements are worth.
    pub(crate) fn open_with(options: &StoreOptions, durability: Durability) -> Result<Arc<Self>, OpenError> {
        let backend = match &options.location {
            Location::Memory => Backend::memory(),
            Location::Sled(folder) => Backend::sled(folder, options)?,
        };
        Self::over(backend, options.master.clone(), durability)
    }

    pub(crate) fn over(backend: Backend, master: MasterKey, durability: Durability) -> Result<Arc<Self>, OpenError> {
        let Backend { records, files, keys } = backend;
        let layout = check_layout(&*records)?;
        let has_data = layout.is_some();
        let keys = Arc::new(Keyring::open(keys, master, has_data)?);
        if layout != Some(LAYOUT) {
            // Last, so that a store whose making was cut off counts as none. What an earlier version wrote
            // is read as it is, but that version could not read what comes now.
            stamp(&*records).map_err(OpenError::Records)?;
        }
        let (view, hub) = (Arc::new(View::new(Arc::clone(&records))), Arc::new(Hub::new()));
        let counters = Arc::new(Counters::default());
        let setup = Setup {
            records,
            keys: Arc::clone(&keys),
            view: Arc::clone(&view),
            hub: Arc::clone(&hub),
            counters: Arc::clone(&counters),
            durability,
        };
        let (queue, end) = Committer::start(setup)
            .map_err(|source| OpenError::Io { doing: "starting the committer's thread", source })?;
        let queue = Arc::new(queue);
        Ok(Arc::new(Self {
            log: Arc::new(SealedLog {
                queue: Arc::clone(&queue),
                view: Arc::clone(&view),
                hub: Arc::clone(&hub),
                keys: Arc::clone(&keys),
                names: Names::default(),
                origins: Origins::default(),
            }),
            state: Arc::new(SealedState { queue: Arc::clone(&queue), view, hub, keys: Arc::clone(&keys) }),
            blobs: Arc::new(SealedBlobs { files: Arc::clone(&files), keys: Arc::clone(&keys) }),
            feed: Arc::new(LocalFeed::new()),
            files,
            queue,
            keys,
            counters,
            end: Mutex::new(Some(end)),
        }))
    }

    /// The message log.
    #[must_use]
    pub fn log(&self) -> Arc<dyn MessageLog> {
        Arc::clone(&self.log) as _
    }

    /// State.
    #[must_use]
    pub fn state(&self) -> Arc<dyn State> {
        Arc::clone(&self.state) as _
    }

    /// Files.
    #[must_use]
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.blobs) as _
    }

    /// Live signals.
    #[must_use]
    pub fn feed(&self) -> Arc<dyn Feed> {
        Arc::clone(&self.feed) as _
    }

    /// The keys of tenants.
    #[must_use]
    pub fn tenant_keys(self: &Arc<Self>) -> Arc<dyn TenantKeys> {
        Arc::clone(self) as _
    }

    /// Whether the tenant has a key, without which nothing can be kept for it.
    #[must_use]
    pub fn has_tenant(&self, tenant: TenantId) -> bool {
        self.keys.has(tenant)
    }

    /// Makes a tenant's key. That it has one already is no error. The operator's own is made when the
    /// store is made.
    ///
    /// # Errors
    /// The wrapped keys could not be written.
    pub async fn create_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        let keys = Arc::clone(&self.keys);
        spawn_blocking(move || keys.create(tenant)).await.map_err(|_| StoreError::Closed)?
    }

    /// Destroys a tenant's key first, so that nothing of it can be read any more, wherever copies may
    /// lie; then deletes what was sealed under it. May be called again if it failed half way.
    ///
    /// # Errors
    /// The wrapped keys could not be written, or the records or files not deleted.
    pub async fn destroy_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        let (keys, files) = (Arc::clone(&self.keys), Arc::clone(&self.files));
        let work = move || {
            keys.destroy(tenant)?;
            let failed = |source| StoreError::Io { doing: "deleting a tenant's blobs", source: Box::new(source) };
            files.delete_all(tenant).map_err(failed)
        };
        spawn_blocking(work).await.map_err(|_| StoreError::Closed)??;
        self.queue.purge(tenant).await
    }

    /// Wraps every tenant's key under another master key, all at once. From then on the store opens
    /// with the new one alone.
    ///
    /// # Errors
    /// The wrapped keys could not be written; then the old master key still holds.
    pub async fn rotate_master(&self, master: MasterKey) -> Result<(), StoreError> {
        let keys = Arc::clone(&self.keys);
        spawn_blocking(move || keys.rotate(master)).await.map_err(|_| StoreError::Closed)?
    }

    /// What was done since the store was opened.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.counters.read()
    }

    /// Whether a write failed, after which nothing more is written until the store is opened again: the
    /// host should say that it is not well, and be restarted.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.counters.has_failed()
    }

    /// Takes nothing more, commits what waits, and lets go of the disk. Readers and streams end after
    /// that; calling it again does nothing.
    pub async fn close(&self) {
        self.queue.close();
        let end = self.end.lock().take();
        if let Some(end) = end {
            // An error means that the thread is gone, which is what is waited for.
            drop(end.await);
        }
    }
}

#[async_trait]
impl TenantKeys for Store {
    async fn create(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.create_tenant(tenant).await
    }

    async fn destroy(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.destroy_tenant(tenant).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The version of the store that there is; refuses one that a later version wrote.
fn check_layout(records: &dyn Records) -> Result<Option<u8>, OpenError> {
    match records.get(LAYOUT_KEY).map_err(OpenError::Records)?.as_deref() {
        None => Ok(None),
        Some(&[found]) if found <= LAYOUT => Ok(Some(found)),
        Some(other) => Err(OpenError::Newer { found: other.first().copied().unwrap_or(0), known: LAYOUT }),
    }
}

fn stamp(records: &dyn Records) -> Result<(), StoreError> {
    let before = records.get(LAYOUT_KEY)?;
    let change = Change { value: Some(Bytes::from_static(&[LAYOUT])), before };
    records.apply(&Changes::from([(LAYOUT_KEY.to_vec(), change)]))?;
    records.sync()
}
