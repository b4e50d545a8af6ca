//! Reads documents that came back from a backup: only their bytes did, so that they are split and given vectors here.

use bytes::BytesMut;
use futures::TryStreamExt as _;
use uuid::Uuid;
use warbler_domain::{Chunk, StateChange, StoreError, TenantScope};

use super::{Document, KnowledgeShelf, UNREAD, failed, gather, keep_pieces, key, unmarked};
use crate::{ServiceError, records};

impl KnowledgeShelf {
    /// Reads a document that changed, if that has not been done.
    pub(in crate::agents) async fn on_document(&self, change: StateChange) {
        let Some(kept) = &change.value else { return };
        let Ok(document) = records::decode::<Document>(kept, "document") else { return };
        if document.pieces == UNREAD {
            let scope = TenantScope::own_work(change.tenant);
            match self.take_in(&scope, document.id).await {
                Ok(()) => {}
                Err(error) => tracing::error!(document = %document.id, %error, "a document cannot be searched"),
            }
        }
    }

    /// Reads a document, and makes it findable. One that was read meanwhile only becomes findable.
    pub(super) async fn take_in(&self, scope: &TenantScope, id: Uuid) -> Result<(), ServiceError> {
        // One at a time: each is held in memory.
        let _turn = self.reading.lock().await;
        let state = &*self.core.ports.state;
        let Some((mut document, expect)) = records::get::<Document>(state, scope, &key(id), "document").await? else {
            return Ok(());
        };
        if document.pieces != UNREAD {
            let chunks = self.pieces(scope, &document).await?;
            return self.put(scope, &document, chunks).await;
        }
        let mut chunks = self.chunks(scope, &document).await?;
        document.has_vectors = match self.vectors(scope, document.added_by, &mut chunks).await {
            Ok(has_vectors) => has_vectors,
            // Words find it all the same.
            Err(error) => {
                tracing::warn!(document = %id, %error, "a document that came back has no vectors");
                for chunk in &mut chunks {
                    chunk.vector = None;
                }
                false
            }
        };
        document.chunks = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        document.pieces = keep_pieces(&self.core, scope, id, &chunks).await?;
        match state.commit(scope, vec![records::put(key(id), &document, expect)?]).await {
            Ok(()) => self.put(scope, &document, chunks).await,
            // It was removed meanwhile.
            Err(StoreError::Conflict { .. }) => Ok(self.core.ports.blobs.delete(scope, &document.pieces).await?),
            Err(error) => Err(error.into()),
        }
    }

    async fn chunks(&self, scope: &TenantScope, document: &Document) -> Result<Vec<Chunk>, ServiceError> {
        let missing = StoreError::Corrupt { what: "document" };
        let kept = self.core.ports.blobs.get(scope, &document.digest).await?.ok_or(missing)?;
        let bytes = unmarked(kept).try_fold(BytesMut::new(), gather).await?.freeze();
        self.core.ports.agents.knowledge.read(&document.media_type, bytes).await.map_err(failed)
    }
}
