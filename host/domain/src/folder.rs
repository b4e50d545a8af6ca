//! Folders of the host's disk that the operator named, as plugins see them: blobs by name, and nothing
//! outside.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BlobEntry, TenantId};

/// Why a folder did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The name is none: it leads outside, or has characters that names do not have.
    #[error("the name {name:?} {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The disk is full.
    #[error("the folder has no room left")]
    NoRoom,
    /// The tenant keeps as much there as the operator lets it.
    #[error("the operator lets a tenant keep at most {limit} bytes in this folder")]
    Quota {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The disk did not do it.
    #[error("the folder failed while {doing}")]
    Io {
        /// What it was doing.
        doing: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl FolderError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// One tenant's part of a folder. Blobs are put whole or not at all, and are on the disk once `put` returned.
#[async_trait]
pub trait FolderStore: Send + Sync {
    /// Keeps a blob, in the place of an earlier one of the same name.
    ///
    /// # Errors
    /// It is as it was before.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), FolderError>;
    /// Bytes from `offset`, at most `length`; nothing if there is no such blob.
    ///
    /// # Errors
    /// The name is none, or the disk failed.
    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, FolderError>;
    /// Blobs whose name starts with `prefix`, in byte order, after `after`, at most `limit`.
    ///
    /// # Errors
    /// The disk failed.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, FolderError>;
    /// Removes a blob, if it is there.
    ///
    /// # Errors
    /// The name is none, or the disk failed.
    async fn delete(&self, name: &str) -> Result<(), FolderError>;
}

/// The folders that the operator named.
pub trait Folders: Send + Sync {
    /// The tenant's part of the folder called `name`; nothing if the operator named none so.
    fn open(&self, tenant: TenantId, name: &str) -> Option<Arc<dyn FolderStore>>;
}

/// An operator who named no folders.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFolders;

impl Folders for NoFolders {
    fn open(&self, _: TenantId, _: &str) -> Option<Arc<dyn FolderStore>> {
        None
    }
}
