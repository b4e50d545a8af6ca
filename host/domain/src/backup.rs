//! The backup-sink hook: a place for opaque, already encrypted blobs.

use async_trait::async_trait;
use bytes::Bytes;

use crate::HookError;

/// A blob that a sink lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Keeps blobs of at most 32 MiB.
#[async_trait]
pub trait BackupSink: Send + Sync {
    /// Keeps a blob. `Ok` means that a later `get` returns these bytes. Putting it again is no error.
    ///
    /// # Errors
    /// It may be there whole or not at all.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError>;
    /// Bytes from `offset`, at most `length`; nothing if there is no such blob.
    ///
    /// # Errors
    /// The sink did not answer.
    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError>;
    /// Blobs whose name starts with `prefix`, in byte order, after `after`, at most 1,000; fewer mean that
    /// there are no more.
    ///
    /// # Errors
    /// The sink did not answer.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError>;
    /// Removes a blob, if it is there.
    ///
    /// # Errors
    /// The sink did not answer.
    async fn delete(&self, name: &str) -> Result<(), HookError>;
    /// Whether a blob that is listed is wherever it has to be. Of several sinks as one, one alone may have it.
    fn is_one(&self) -> bool {
        true
    }
}
