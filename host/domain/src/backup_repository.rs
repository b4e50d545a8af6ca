//! The port of backup repositories: versions of a tenant's data over a sink that sees opaque blobs alone. What a
//! version is made of, and when one is made, is decided by the service; the format belongs to the repository.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::{BackupError, BackupMirror, BackupSink, ByteStream, MirrorLedger, MirroredSink, Timestamp};

/// The key of a repository, in the repository's own encoding. Whoever has it can read every version.
#[derive(Clone, PartialEq, Eq)]
pub struct RepositoryKey(pub Zeroizing<String>);

impl fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepositoryKey")
    }
}

/// What opens a repository.
#[derive(Clone)]
pub enum Unlock {
    /// Its own key.
    Key(RepositoryKey),
    /// A passphrase for which a key was added to it.
    Passphrase(Zeroizing<String>),
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Unlock(key)",
            Self::Passphrase(_) => "Unlock(passphrase)",
        })
    }
}

/// Makes the reader of a file; called only if the file is to be read.
pub type OpenFile = Box<dyn FnOnce() -> BoxFuture<'static, Result<ByteStream, BackupError>> + Send>;

/// What a file of a version holds.
pub enum BackupContent {
    /// These bytes.
    Bytes(Bytes),
    /// What this gives, if it has to be read.
    Open(OpenFile),
}

impl fmt::Debug for BackupContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupContent")
    }
}

/// A file of a version that is being made.
#[derive(Debug)]
pub struct BackupEntry {
    /// Its path, without a slash at the beginning.
    pub path: String,
    /// Its length in bytes, which is what its content must have.
    pub size: u64,
    /// When it last changed. A file with the size and time that it had in the version before is taken over unread.
    pub modified: Timestamp,
    /// What it holds.
    pub content: BackupContent,
}

/// Gives the files of a version in the order of their paths, compared name by name.
#[async_trait]
pub trait BackupSource: Send {
    /// The next file; nothing after the last one.
    ///
    /// # Errors
    /// Something could not be read. Then no version is made.
    async fn next(&mut self) -> Result<Option<BackupEntry>, BackupError>;
}

/// How far a run has come, and a way to end it. Shared between who works and who watches.
#[derive(Debug, Default)]
pub struct BackupProgress {
    files: AtomicU64,
    read: AtomicU64,
    stored: AtomicU64,
    cancelled: AtomicBool,
}

impl BackupProgress {
    /// Files looked at.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes read from the source.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes given to the sink.
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Counts a file.
    pub fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that were read.
    pub fn add_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that were stored.
    pub fn add_stored(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Asks for an end: the run stops at the next file or blob, and makes no version.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether an end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// A version in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupVersion {
    /// Its identifier, in hex.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// Files in it.
    pub files: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
    /// Bytes that were new in it, as they are stored.
    pub added: u64,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Its name within its folder.
    pub name: String,
    /// Its length in bytes; 0 for a folder.
    pub size: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// How thoroughly to check a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDepth {
    /// That everything which a version needs is listed and there, with the right length.
    Structure,
    /// The same, and that every byte is what it was.
    Everything,
}

/// How what no version needs is freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeing {
    /// It is marked first, and deleted when it was marked longer ago than a day, so that whoever reads meanwhile finds
    /// what they look for. What shares its blob with something that is needed is written anew without it.
    Gently,
    /// Blobs of which nothing is needed go at once, and few others are written anew: for a sink that is full. Whoever
    /// reads meanwhile may miss something, and finds it when they read again.
    AtOnce,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// What is wrong, a sentence each; nothing if all is well.
    pub problems: Vec<String>,
    /// What is unusual and does no harm.
    pub remarks: Vec<String>,
}

/// What was mended in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Blobs of the sink that were damaged or missing, by their names; they are replaced or gone.
    pub packs: Vec<String>,
    /// Pieces of files that were in them and are lost until a version stores them again.
    pub lost: u64,
}

/// A key by passphrase that stands in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassphraseKey {
    /// Its identifier, in hex.
    pub id: String,
    /// The key file: the repository's key, wrapped under the passphrase.
    pub file: Bytes,
}

/// Where a repository is, and the key that opens it.
#[derive(Clone)]
pub struct KeyedSink {
    /// The sink.
    pub sink: Arc<dyn BackupSink>,
    /// The repository's own key.
    pub key: RepositoryKey,
}

impl fmt::Debug for KeyedSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedSink")
    }
}

/// A version that was copied: its identifier there and here. It is a digest over sealed bytes, so that a copy has another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedVersion {
    /// Its identifier where it was copied from.
    pub from: String,
    /// Its identifier in the copy.
    pub to: String,
}

/// How a repository is worked on.
#[derive(Debug, Clone, Default)]
pub struct RepositoryOptions {
    /// Most bytes per second that go to the sink; nothing for no limit.
    pub bytes_per_second: Option<u64>,
}

/// One opened repository. It takes no locks: whoever changes it holds the lease.
#[async_trait]
pub trait BackupRepository: Send + Sync {
    /// Makes a version of what `source` gives. It is listed only once it is whole.
    ///
    /// # Errors
    /// The source or the sink failed, or the run was cancelled. What was stored is used by the next run.
    async fn snapshot(
        &self,
        at: Timestamp,
        source: Box<dyn BackupSource>,
        progress: Arc<BackupProgress>,
    ) -> Result<BackupVersion, BackupError>;
    /// All versions, oldest first.
    ///
    /// # Errors
    /// The sink failed, or the repository is damaged.
    async fn versions(&self) -> Result<Vec<BackupVersion>, BackupError>;
    /// What lies in a folder of a version, by name; nothing if there is no such folder. The root is the empty path.
    ///
    /// # Errors
    /// `NotFound` if there is no such version, the sink failed, or the repository is damaged.
    async fn list(&self, version: &str, folder: &str) -> Result<Option<Vec<BackupFile>>, BackupError>;
    /// A file of a version; nothing if it is not there.
    ///
    /// # Errors
    /// `NotFound` if there is no such version, the sink failed, or the repository is damaged.
    async fn read(&self, version: &str, path: &str) -> Result<Option<ByteStream>, BackupError>;
    /// Looks for damage.
    ///
    /// # Errors
    /// The sink failed, or the repository is damaged so badly that it cannot be looked through.
    async fn check(&self, depth: CheckDepth) -> Result<CheckReport, BackupError>;
    /// Reads everything and makes good what can be made good of damaged blobs: what of them is whole is kept, the rest is
    /// stored again by the next version, as far as it is in that.
    ///
    /// # Errors
    /// The sink failed, or the repository is damaged so badly that it cannot be looked through.
    async fn repair(&self) -> Result<Repaired, BackupError>;
    /// Takes versions off the list. What they alone needed stays until it is pruned.
    ///
    /// # Errors
    /// The sink failed.
    async fn forget(&self, versions: &[String]) -> Result<(), BackupError>;
    /// Frees what no version needs. Gives the bytes that are no longer needed.
    ///
    /// # Errors
    /// The sink failed, or the repository is damaged.
    async fn prune(&self, how: Freeing) -> Result<u64, BackupError>;
    /// Lets a passphrase open the repository.
    ///
    /// # Errors
    /// The sink failed.
    async fn add_passphrase(&self, passphrase: Zeroizing<String>) -> Result<PassphraseKey, BackupError>;
    /// The identifiers of the keys by passphrase that stand in the repository.
    ///
    /// # Errors
    /// The sink failed.
    async fn passphrases(&self) -> Result<Vec<String>, BackupError>;
    /// Takes a key by passphrase out.
    ///
    /// # Errors
    /// The sink failed.
    async fn remove_passphrase(&self, id: &str) -> Result<(), BackupError>;
}

/// Opens repositories over sinks.
#[async_trait]
pub trait BackupRepositories: Send + Sync {
    /// A key for a new repository.
    ///
    /// # Errors
    /// The random source failed.
    fn new_key(&self) -> Result<RepositoryKey, BackupError>;
    /// Whether there is a repository in the sink.
    ///
    /// # Errors
    /// The sink failed.
    async fn exists(&self, sink: Arc<dyn BackupSink>) -> Result<bool, BackupError>;
    /// Makes a repository under `key` in an empty sink.
    ///
    /// # Errors
    /// There is one already, or the sink failed.
    async fn create(
        &self,
        sink: Arc<dyn BackupSink>,
        key: &RepositoryKey,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupRepository>, BackupError>;
    /// Opens a repository.
    ///
    /// # Errors
    /// `NoRepository`, `WrongKey`, or the sink failed.
    async fn open(
        &self,
        sink: Arc<dyn BackupSink>,
        unlock: Unlock,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupRepository>, BackupError>;
    /// The key of a repository that a passphrase opens, so that a new host can go on with it.
    ///
    /// # Errors
    /// `NoRepository`, `WrongKey`, or the sink failed.
    async fn key_of(
        &self,
        sink: Arc<dyn BackupSink>,
        passphrase: Zeroizing<String>,
    ) -> Result<RepositoryKey, BackupError>;
    /// Copies every version of a repository, sealed anew under another key, into the repository of another sink, which is
    /// made if there is none; times and order stay. What an earlier copy that was cut short has stored there is used;
    /// versions that are there and not in the original go. Gives the versions, oldest first. What the original lacks
    /// the copy lacks, too: check it before it takes the other's place. `options` are those of the copy.
    ///
    /// **Nothing else may write to either meanwhile.**
    ///
    /// # Errors
    /// `NoRepository` or `WrongKey` of the original, `WrongKey` if another repository is in the other sink, a sink
    /// failed, the original is damaged, or it was cancelled.
    async fn copy(
        &self,
        from: KeyedSink,
        to: KeyedSink,
        options: RepositoryOptions,
        progress: Arc<BackupProgress>,
    ) -> Result<Vec<CopiedVersion>, BackupError>;
    /// Puts sinks together, of which `require` have to take each write: at least one, at most all. Sinks that the
    /// ledger does not know are behind until the mirror is healed.
    ///
    /// # Errors
    /// There are fewer than two sinks, or two have one name.
    fn mirror(
        &self,
        sinks: Vec<MirroredSink>,
        ledger: Arc<dyn MirrorLedger>,
        require: usize,
        options: RepositoryOptions,
    ) -> Result<Arc<dyn BackupMirror>, BackupError>;
}
