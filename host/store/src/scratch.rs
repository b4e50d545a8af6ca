//! Stores that are thrown away: of the same kinds and sealed as any other, under a key that nobody keeps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use warbler_domain::{ByteSize, ScratchStore, ScratchStores, StoreError};

use crate::{Durability, Location, MasterKey, Store, StoreOptions};

/// Up to so many bytes a store is made in memory.
const IN_MEMORY: u64 = 16 * 1024 * 1024;

/// What the database of a store on disk may use for pages it has read: it is read once, in order.
const CACHE: ByteSize = ByteSize::mib(32);

/// Makes stores that are thrown away, in a folder of its own.
#[derive(Debug)]
pub struct TemporaryStores {
    folder: Option<PathBuf>,
    in_memory: u64,
    /// Stores that were made so far: their names.
    made: AtomicU64,
}

/// What is left of a store when it is closed.
struct Remains {
    store: Arc<Store>,
    folder: Option<PathBuf>,
}

impl TemporaryStores {
    /// Stores in memory alone.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self { folder: None, in_memory: u64::MAX, made: AtomicU64::new(0) }
    }

    /// Stores of some size lie in `folder`, which is made when it is needed. What a host that was killed left there is
    /// removed.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn in_folder(folder: PathBuf) -> io::Result<Self> {
        removed(&folder)?;
        Ok(Self { folder: Some(folder), in_memory: IN_MEMORY, made: AtomicU64::new(0) })
    }

    /// The same, with stores of more than so many bytes on disk.
    #[must_use]
    pub fn on_disk_beyond(self, bytes: u64) -> Self {
        Self { in_memory: bytes, ..self }
    }
}

/// Removes a folder, if it is there.
fn removed(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Io { doing: "making a store that is thrown away", source: source.into() }
}

fn open(folder: Option<PathBuf>) -> Result<Remains, StoreError> {
    let location = match &folder {
        None => Location::Memory,
        Some(folder) => {
            fs::create_dir_all(folder).map_err(failed)?;
            Location::Sled(folder.clone())
        }
    };
    let master = MasterKey::generate().ok_or_else(|| failed("the random source failed"))?;
    let options = StoreOptions { cache: CACHE, ..StoreOptions::new(location, master) };
    // Without the warning of a store that is to last.
    let store = Store::open_with(&options, Durability::Relaxed).map_err(failed);
    if store.is_err()
        && let Some(folder) = &folder
    {
        drop(removed(folder));
    }
    Ok(Remains { store: store?, folder })
}

#[async_trait]
impl ScratchStores for TemporaryStores {
    async fn open(&self, bytes: u64) -> Result<ScratchStore, StoreError> {
        let parent = self.folder.as_ref().filter(|_| bytes > self.in_memory);
        // The folder was empty when the host started, and no other host has it.
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let folder = parent.map(|parent| parent.join(number.to_string()));
        let remains = spawn_blocking(move || open(folder)).await.map_err(failed)??;
        let store = &remains.store;
        Ok(ScratchStore {
            log: store.log(),
            state: store.state(),
            blobs: store.blobs(),
            feed: store.feed(),
            keys: store.tenant_keys(),
            remains: Box::new(remains),
        })
    }

    async fn discard(&self, store: ScratchStore) -> Result<(), StoreError> {
        let ScratchStore { remains, log, state, blobs, feed, keys } = store;
        drop((log, state, blobs, feed, keys));
        let Ok(remains) = remains.downcast::<Remains>() else { return Ok(()) };
        let Remains { store, folder } = *remains;
        store.close().await;
        drop(store);
        let Some(folder) = folder else { return Ok(()) };
        let parent = self.folder.clone();
        let work = move || {
            removed(&folder).map_err(failed)?;
            // Gone with the last one; another may lie there.
            drop(parent.map(fs::remove_dir));
            Ok(())
        };
        spawn_blocking(work).await.map_err(failed)?
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;
    use warbler_domain::{Expect, StateKey, StateWrite, TenantId, TenantScope};

    use super::*;

    #[tokio::test]
    async fn a_store_on_disk_is_sealed_and_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("scratch");
        fs::create_dir_all(folder.join("left by a host that was killed")).unwrap();
        let stores = TemporaryStores::in_folder(folder.clone()).unwrap().on_disk_beyond(0);
        assert!(!folder.exists());
        let store = stores.open(1).await.unwrap();
        let tenant = TenantId::from_uuid(Uuid::now_v7());
        store.keys.create(tenant).await.unwrap();
        let (scope, key) = (TenantScope::own_work(tenant), StateKey::new("text", &[]));
        let value = Some(Bytes::from_static(b"a text that nobody else may read"));
        let write = StateWrite { key: key.clone(), value, expect: Expect::Absent };
        store.state.commit(&scope, vec![write]).await.unwrap();
        assert!(store.state.get(&scope, &key).await.unwrap().is_some());
        assert!(folder.exists());
        stores.discard(store).await.unwrap();
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_small_store_never_touches_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("scratch");
        let stores = TemporaryStores::in_folder(folder.clone()).unwrap();
        let store = stores.open(1_000).await.unwrap();
        assert!(!folder.exists());
        stores.discard(store).await.unwrap();
    }
}
