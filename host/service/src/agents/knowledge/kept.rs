//! Documents in a backup: their bytes as they were uploaded. Pieces and vectors are none of it: the host that they come
//! back to reads them anew, with the model that it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use warbler_domain::{Blobs, ByteStream, ConversationId, Expect, State, StoreError, TenantScope, Timestamp, UserId};

use super::{DOCUMENTS, Document, FAMILY, MARK, UNREAD, key, unmarked};
use crate::audit::{Actor, NewEntry};
use crate::authentication::hex;
use crate::core::Core;
use crate::marked::with_mark;
use crate::{ServiceError, records};

/// A document in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptDocument {
    id: Uuid,
    title: String,
    media_type: String,
    conversation: Option<ConversationId>,
    size: u64,
    added_by: UserId,
    added_at: Timestamp,
    /// SHA-256 of its bytes, in hex.
    sha256: String,
}

/// The bytes of a document that belong into a backup.
pub(crate) struct KeptSource {
    /// Their SHA-256, in hex.
    pub(crate) sha256: String,
    /// Their length.
    pub(crate) size: u64,
    blob: [u8; 32],
}

/// What came of bringing bytes back.
pub(crate) enum Back {
    /// The document is there.
    Stands,
    /// The bytes are others than the backup says.
    Other,
}

impl KeptDocument {
    /// A record as it stands in a version; nothing if it cannot be read.
    pub(crate) fn line(record: &[u8]) -> Option<Value> {
        let Document { id, title, media_type, conversation, size, added_by, added_at, content, .. } =
            serde_json::from_slice(record).ok()?;
        let sha256 = hex(&content?);
        serde_json::to_value(Self { id, title, media_type, conversation, size, added_by, added_at, sha256 }).ok()
    }

    /// Reads a line of a version; nothing if it is none, or a later host wrote it.
    pub(crate) fn read(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok()
    }

    /// Its identifier.
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// What people call it.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The only conversation that may see it.
    pub(crate) const fn conversation(&self) -> Option<ConversationId> {
        self.conversation
    }

    /// SHA-256 of its bytes, in hex.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether a document of this identifier is there.
    pub(crate) async fn is_there(&self, state: &dyn State, scope: &TenantScope) -> Result<bool, StoreError> {
        Ok(state.get(scope, &key(self.id)).await?.is_some())
    }

    /// Keeps it with its bytes. It is read by itself, now or when somebody first searches.
    pub(crate) async fn put(self, core: &Core, scope: &TenantScope, bytes: ByteStream) -> Result<Back, ServiceError> {
        let blobs = &core.ports.blobs;
        let hash = Arc::new(Mutex::new(Sha256::new()));
        let seen = Arc::clone(&hash);
        let bytes = bytes.inspect_ok(move |piece| seen.lock().update(piece));
        let marked = with_mark(Bytes::copy_from_slice(self.id.as_bytes()), Box::pin(bytes));
        let (digest, _) = blobs.put(scope, marked, self.size.saturating_add(MARK)).await?;
        let content: [u8; 32] = hash.lock().clone().finalize().into();
        if hex(&content) != self.sha256 {
            blobs.delete(scope, &digest).await?;
            return Ok(Back::Other);
        }
        let document = Document {
            id: self.id,
            title: self.title,
            media_type: self.media_type,
            conversation: self.conversation,
            size: self.size,
            chunks: 0,
            has_vectors: false,
            added_by: self.added_by,
            added_at: self.added_at,
            digest,
            content: Some(content),
            pieces: UNREAD,
        };
        let write = records::put(key(self.id), &document, Expect::Absent)?;
        let told = NewEntry::new(Actor::Host, "document.restore").subject("document", &self.id);
        core.audit.commit(scope, vec![write], told).await?;
        Ok(Back::Stands)
    }

    /// Whether it stands as it was, with the same bytes.
    pub(crate) async fn stands(
        &self,
        state: &dyn State,
        blobs: &dyn Blobs,
        scope: &TenantScope,
    ) -> Result<bool, ServiceError> {
        let Some((found, _)) = records::get::<Document>(state, scope, &key(self.id), "document").await? else {
            return Ok(false);
        };
        if found.title != self.title || found.media_type != self.media_type || found.conversation != self.conversation {
            return Ok(false);
        }
        let Some(bytes) = blobs.get(scope, &found.digest).await? else { return Ok(false) };
        Ok(hex(&sha256(bytes).await?) == self.sha256)
    }
}

impl KeptSource {
    /// The bytes; nothing if the document is gone by now.
    pub(crate) async fn open(&self, blobs: &dyn Blobs, scope: &TenantScope) -> Result<Option<ByteStream>, StoreError> {
        let found = blobs.get(scope, &self.blob).await?;
        Ok(found.map(unmarked))
    }
}

/// The bytes of all documents of a tenant, each once, in the order of their digests. Of documents that were kept before
/// their digest was noted, it is noted now.
pub(crate) async fn kept_sources(
    state: &dyn State,
    blobs: &dyn Blobs,
    scope: &TenantScope,
) -> Result<Vec<KeptSource>, ServiceError> {
    let mut found = BTreeMap::new();
    for (_, kept) in records::scan_all(state, scope, &records::under(FAMILY, &[]), DOCUMENTS).await? {
        let document: Document = records::decode(&kept, "document")?;
        let content = match document.content {
            Some(content) => Some(content),
            None => note(state, blobs, scope, &document, Expect::Version(kept.version)).await?,
        };
        // One that was removed meanwhile is in no version.
        let Some(content) = content else { continue };
        let source = KeptSource { sha256: hex(&content), size: document.size, blob: document.digest };
        found.insert(content, source);
    }
    Ok(found.into_values().collect())
}

/// Notes the digest of a document's bytes, and gives it; nothing if it was removed or changed meanwhile.
async fn note(
    state: &dyn State,
    blobs: &dyn Blobs,
    scope: &TenantScope,
    document: &Document,
    expect: Expect,
) -> Result<Option<[u8; 32]>, ServiceError> {
    let Some(bytes) = blobs.get(scope, &document.digest).await? else { return Ok(None) };
    let content = sha256(bytes).await?;
    let noted = Document { content: Some(content), ..document.clone() };
    match state.commit(scope, vec![records::put(key(document.id), &noted, expect)?]).await {
        Ok(()) => Ok(Some(content)),
        Err(StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How many documents the tenant may have beside those that it has.
pub(crate) async fn room_left(state: &dyn State, scope: &TenantScope) -> Result<usize, ServiceError> {
    let found = records::scan_all(state, scope, &records::under(FAMILY, &[]), DOCUMENTS).await?;
    Ok(DOCUMENTS.saturating_sub(found.len()))
}

/// SHA-256 of a document's bytes, given with their mark.
async fn sha256(marked: ByteStream) -> Result<[u8; 32], StoreError> {
    let mut bytes = unmarked(marked);
    let mut hash = Sha256::new();
    while let Some(piece) = bytes.try_next().await? {
        hash.update(&piece);
    }
    Ok(hash.finalize().into())
}
