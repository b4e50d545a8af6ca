//! Makes and opens repositories.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytesize::ByteSize;
use rustic_core::repofile::{Chunker, MasterKey};
use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, NoProgressBars, OpenStatus, ProgressBars, Repository, RepositoryBackends,
    RepositoryOptions as LibraryOptions, WriteBackend,
};
use tokio::task::spawn_blocking;
use warbler_domain::{
    BackupError, BackupMirror, BackupProgress, BackupRepositories, BackupRepository, BackupSink, CopiedVersion,
    KeyedSink, MirrorLedger, MirroredSink, RepositoryKey, RepositoryOptions, Unlock,
};
use zeroize::Zeroizing;

use crate::Patience;
use crate::backend::SinkBackend;
use crate::copy;
use crate::error::{Fault, internal, panicked};
use crate::mirror::{Mirror, Traffic, is_named_by_digest};
use crate::repository::ResticRepository;
use crate::throttle::Throttle;

/// Size of a pack, which it may pass by one chunk: the least that `restic` makes. Some packs are in memory at a time, one
/// of them as often as the sandbox copies it.
pub(crate) const PACK: u64 = 4 * 1024 * 1024;

/// Size of a pack of trees, as restic makes them.
const TREE_PACK: u64 = 4 * 1024 * 1024;

/// What files are cut into; a file that grew is stored anew from its last whole chunk on.
const CHUNK: u64 = 512 * 1024;

/// Calls of a mirrored sink, at most, before it counts as behind: others have what it misses, so that a run does not
/// wait for it as long as for the only one.
const MIRRORED: u32 = 4;

/// Repositories in the restic format.
#[derive(Debug, Clone, Default)]
pub struct ResticRepositories {
    patience: Patience,
    /// What goes to mirrored sinks.
    traffic: Traffic,
}

impl ResticRepositories {
    /// Repositories over sinks that are asked as patiently as this.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { patience, ..Self::default() }
    }
}

/// A sink, and how it is worked on.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) sink: Arc<dyn BackupSink>,
    pub(crate) patience: Patience,
    pub(crate) throttle: Option<Arc<Throttle>>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

impl Place {
    fn new(sink: Arc<dyn BackupSink>, patience: Patience, options: &RepositoryOptions) -> Self {
        Self { sink, patience, throttle: options.bytes_per_second.map(|limit| Arc::new(Throttle::new(limit))) }
    }

    /// A backend for one operation. Must be called where there is an async runtime.
    pub(crate) fn backend(&self, progress: Arc<BackupProgress>) -> Arc<SinkBackend> {
        Arc::new(SinkBackend::new(Arc::clone(&self.sink), self.patience, self.throttle.clone(), progress))
    }
}

/// The library's repository over a backend.
fn over(backend: &Arc<SinkBackend>) -> Result<Repository<()>, BackupError> {
    watched(backend, NoProgressBars)
}

fn watched(backend: &Arc<SinkBackend>, bars: impl ProgressBars) -> Result<Repository<()>, BackupError> {
    let backends = RepositoryBackends::new(Arc::clone(backend) as Arc<dyn WriteBackend>, None);
    let options = LibraryOptions::default().no_cache(true);
    Repository::new_with_progress(&options, &backends, bars).map_err(|error| backend.fault.explain(&error))
}

/// Opens a repository; blocks.
pub(crate) fn open(
    backend: &Arc<SinkBackend>,
    credentials: &Credentials,
) -> Result<Repository<OpenStatus>, BackupError> {
    open_watched(backend, credentials, NoProgressBars)
}

/// Opens a repository that tells `bars` how far it is; blocks.
pub(crate) fn open_watched(
    backend: &Arc<SinkBackend>,
    credentials: &Credentials,
    bars: impl ProgressBars,
) -> Result<Repository<OpenStatus>, BackupError> {
    let repository = watched(backend, bars)?;
    let fault: &Fault = &backend.fault;
    if repository.config_id().map_err(|error| fault.explain(&error))?.is_none() {
        return Err(BackupError::NoRepository);
    }
    repository.open(credentials).map_err(|error| match (fault.check(), credentials) {
        (Err(ours), _) => ours,
        // The configuration is there and does not open: with a key of the host's own it is the wrong one.
        (Ok(()), Credentials::Masterkey(_)) => BackupError::WrongKey,
        (Ok(()), Credentials::Password(_)) => fault.explain(&error),
    })
}

/// How data lies in a repository.
pub(crate) fn layout() -> ConfigOptions {
    ConfigOptions::default()
        // Packs of one size, however large the repository: a sink's limit does not grow with it.
        .set_datapack_size(ByteSize(PACK))
        .set_datapack_growfactor(0_u32)
        .set_treepack_size(ByteSize(TREE_PACK))
        .set_treepack_growfactor(0_u32)
        // Files of a version only grow at their end, or have new names: there is no border to look for in their content.
        .set_chunker(Chunker::FixedSize)
        .set_chunk_size(ByteSize(CHUNK))
        // What is sealed is not opened again at once; drills and checks read what the sink kept.
        .set_extra_verify(false)
}

pub(crate) fn credentials(key: &RepositoryKey) -> Result<Credentials, BackupError> {
    let key: MasterKey = serde_json::from_str(&key.0).map_err(|_| BackupError::WrongKey)?;
    Ok(Credentials::Masterkey(key))
}

fn encoded(key: &MasterKey) -> Result<RepositoryKey, BackupError> {
    let text = serde_json::to_string(key).map_err(|_| internal("a key cannot be written"))?;
    Ok(RepositoryKey(Zeroizing::new(text)))
}

#[async_trait]
impl BackupRepositories for ResticRepositories {
    fn new_key(&self) -> Result<RepositoryKey, BackupError> {
        encoded(&MasterKey::new())
    }

    async fn exists(&self, sink: Arc<dyn BackupSink>) -> Result<bool, BackupError> {
        let place = Place::new(sink, self.patience, &RepositoryOptions::default());
        let backend = place.backend(Arc::default());
        let work = move || {
            let repository = over(&backend)?;
            repository.config_id().map(|id| id.is_some()).map_err(|error| backend.fault.explain(&error))
        };
        spawn_blocking(work).await.map_err(|error| panicked(&error))?
    }

    async fn create(
        &self,
        sink: Arc<dyn BackupSink>,
        key: &RepositoryKey,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupRepository>, BackupError> {
        if self.exists(Arc::clone(&sink)).await? {
            return Err(BackupError::Exists);
        }
        let place = Place::new(sink, self.patience, &options);
        let (backend, credentials) = (place.backend(Arc::default()), credentials(key)?);
        let unlock = credentials.clone();
        let work = move || {
            let made = over(&backend)?.init(&unlock, &KeyOptions::default(), &layout());
            made.map(drop).map_err(|error| backend.fault.explain(&error))
        };
        spawn_blocking(work).await.map_err(|error| panicked(&error))??;
        Ok(Arc::new(ResticRepository::new(place, credentials)))
    }

    async fn open(
        &self,
        sink: Arc<dyn BackupSink>,
        unlock: Unlock,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupRepository>, BackupError> {
        let place = Place::new(sink, self.patience, &options);
        let key = match unlock {
            Unlock::Key(key) => key,
            Unlock::Passphrase(passphrase) => self.key_of(Arc::clone(&place.sink), passphrase).await?,
        };
        let repository = ResticRepository::new(place, credentials(&key)?);
        repository.try_open().await?;
        Ok(Arc::new(repository))
    }

    async fn key_of(
        &self,
        sink: Arc<dyn BackupSink>,
        passphrase: Zeroizing<String>,
    ) -> Result<RepositoryKey, BackupError> {
        let place = Place::new(sink, self.patience, &RepositoryOptions::default());
        let backend = place.backend(Arc::default());
        let work = move || encoded(&open(&backend, &Credentials::password(&*passphrase))?.key());
        spawn_blocking(work).await.map_err(|error| panicked(&error))?
    }

    async fn copy(
        &self,
        from: KeyedSink,
        to: KeyedSink,
        options: RepositoryOptions,
        progress: Arc<BackupProgress>,
    ) -> Result<Vec<CopiedVersion>, BackupError> {
        if !self.exists(Arc::clone(&to.sink)).await? {
            self.create(Arc::clone(&to.sink), &to.key, options.clone()).await?;
        }
        let (unlock, unlock_copy) = (credentials(&from.key)?, credentials(&to.key)?);
        let original = Place::new(from.sink, self.patience, &RepositoryOptions::default());
        let original = original.backend(Arc::clone(&progress));
        let copied = Place::new(to.sink, self.patience, &options).backend(Arc::clone(&progress));
        let work = move || copy::copy((&original, &unlock), (&copied, &unlock_copy), &progress);
        spawn_blocking(work).await.map_err(|error| panicked(&error))?
    }

    fn mirror(
        &self,
        sinks: Vec<MirroredSink>,
        ledger: Arc<dyn MirrorLedger>,
        require: usize,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupMirror>, BackupError> {
        let mirror = Mirror::new(sinks, ledger, require, is_named_by_digest);
        let mirror = mirror.ok_or_else(|| internal("a mirror needs two sinks at least, each named once"))?;
        let patience = Patience { attempts: self.patience.attempts.min(MIRRORED), ..self.patience };
        let mirror = mirror.patient(patience, options.bytes_per_second.map(Throttle::new));
        Ok(Arc::new(mirror.beside(&self.traffic)))
    }
}
