//! The port of stores that are thrown away: a restore is tried in one, and nothing of it is left.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Blobs, Feed, MessageLog, State, StoreError, TenantKeys};

/// A store of one's own, empty and sealed under a key that nobody keeps.
pub struct ScratchStore {
    /// Every conversation's events.
    pub log: Arc<dyn MessageLog>,
    /// Small records.
    pub state: Arc<dyn State>,
    /// Files.
    pub blobs: Arc<dyn Blobs>,
    /// Live signals.
    pub feed: Arc<dyn Feed>,
    /// The keys of tenants.
    pub keys: Arc<dyn TenantKeys>,
    /// What its maker needs to throw it away.
    pub remains: Box<dyn Any + Send + Sync>,
}

/// Makes stores that are thrown away.
#[async_trait]
pub trait ScratchStores: Send + Sync {
    /// An empty store for about so many bytes: in memory if they are few, on disk otherwise.
    ///
    /// # Errors
    /// It could not be made.
    async fn open(&self, bytes: u64) -> Result<ScratchStore, StoreError>;
    /// Throws a store away with all that is in it. Nothing may use it meanwhile.
    ///
    /// # Errors
    /// Something was left over; it is removed when the host starts again.
    async fn discard(&self, store: ScratchStore) -> Result<(), StoreError>;
}
