//! The knowledge base of a tenant: documents that an admin uploads, kept sealed, and found by agents. Reading
//! and finding are behind the port `Knowledge`, which holds its index in memory: it is filled when a tenant's
//! first search comes.

mod kept;
mod reading;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use uuid::Uuid;
use warbler_domain::{
    ByteStream, Chunk, ConversationId, Expect, IndexedDocument, KnowledgeError, KnowledgeQuery, ModelError, Passage,
    Right, StateKey, StoreError, TenantId, TenantScope, Timestamp, UserId,
};

pub(crate) use kept::{Back, KeptDocument, KeptSource, kept_sources, room_left};

use super::Inner;
use super::models::Models;
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::marked::{behind_mark, with_mark};
use crate::{Caller, ServiceError, records};

pub(super) const FAMILY: &str = "document";

/// Most documents of a tenant, and longest title, in bytes.
const DOCUMENTS: usize = 10_000;
const TITLE: usize = 300;

/// Bytes before a document's own: its identifier.
const MARK: u64 = 16;

/// Texts that are made vectors of at a time.
const BATCH: usize = 64;

/// The longest query, in bytes.
const QUERY: usize = 2_000;

/// A document to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// What people call it; citations name it.
    pub title: String,
    /// Its media type: text, Markdown, HTML or PDF.
    pub media_type: String,
    /// The only conversation that may see it; all of the tenant's, if absent.
    pub conversation: Option<ConversationId>,
}

/// A document, as it is kept and as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its identifier.
    pub id: Uuid,
    /// What people call it.
    pub title: String,
    /// Its media type.
    pub media_type: String,
    /// The only conversation that may see it.
    pub conversation: Option<ConversationId>,
    /// Its length, in bytes.
    pub size: u64,
    /// Into how many pieces it was split.
    pub chunks: u64,
    /// Whether its pieces have vectors.
    pub has_vectors: bool,
    /// Who added it, and when.
    pub added_by: UserId,
    /// When it was added.
    pub added_at: Timestamp,
    /// SHA-256 of what is kept of it: its mark and its bytes, and its pieces.
    digest: [u8; 32],
    pieces: [u8; 32],
    /// SHA-256 of its bytes alone, by which backups know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<[u8; 32]>,
}

/// Stands for the pieces of a document that came back from a backup and was not read yet.
const UNREAD: [u8; 32] = [0; 32];

/// The pieces of a document as they are kept, with what keeps them apart from those of an equal one.
#[derive(Serialize, Deserialize)]
struct Pieces<'a> {
    id: Uuid,
    chunks: Cow<'a, [Chunk]>,
}

fn key(id: Uuid) -> StateKey {
    StateKey::new(FAMILY, &[&id])
}

/// The indexes of tenants, filled when they are first asked.
pub(super) struct KnowledgeShelf {
    core: Arc<Core>,
    models: Models,
    filled: Mutex<HashMap<TenantId, Arc<OnceCell<()>>>>,
    /// Whose turn it is to be read after it came back.
    reading: tokio::sync::Mutex<()>,
}

impl KnowledgeShelf {
    pub(super) fn new(core: &Arc<Core>, models: &Models) -> Self {
        let reading = tokio::sync::Mutex::default();
        Self { core: Arc::clone(core), models: models.clone(), filled: Mutex::default(), reading }
    }

    /// Passages that `conversation` may see, best first, for `user`, to whom the costs are counted.
    pub(super) async fn search(
        &self,
        scope: &TenantScope,
        user: UserId,
        query: &str,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Vec<Passage>, ServiceError> {
        self.fill(scope).await?;
        let text = query.get(..query.floor_char_boundary(QUERY)).unwrap_or_default().to_owned();
        if text.trim().is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        // Without a vector words alone decide: a model that is down makes answers worse, not none.
        let vector = match self.models.embed(scope, user, vec![text.clone()]).await {
            Some(Ok(mut vectors)) => vectors.pop(),
            Some(Err(error)) => {
                tracing::warn!(%error, "a search goes by words alone");
                None
            }
            None => None,
        };
        let query = KnowledgeQuery { text, vector, conversation: Some(conversation), limit };
        let found = self.core.ports.agents.knowledge.search(scope, query).await.map_err(failed)?;
        let passage = |found: warbler_domain::Found| Passage {
            source: if found.place.is_empty() { found.title } else { format!("{} — {}", found.title, found.place) },
            text: found.text,
            score: found.score,
        };
        Ok(found.into_iter().map(passage).collect())
    }

    /// Fills a tenant's index, once.
    async fn fill(&self, scope: &TenantScope) -> Result<(), ServiceError> {
        let cell = Arc::clone(self.filled.lock().entry(scope.tenant()).or_default());
        cell.get_or_try_init(|| async {
            for document in documents(&self.core, scope).await? {
                if document.pieces == UNREAD {
                    if let Err(error) = self.take_in(scope, document.id).await {
                        tracing::error!(document = %document.id, %error, "a document cannot be searched");
                    }
                    continue;
                }
                match self.pieces(scope, &document).await {
                    Ok(chunks) => self.put(scope, &document, chunks).await?,
                    Err(error) => tracing::error!(document = %document.id, %error, "a document cannot be searched"),
                }
            }
            Ok(())
        })
        .await
        .copied()
    }

    async fn pieces(&self, scope: &TenantScope, document: &Document) -> Result<Vec<Chunk>, ServiceError> {
        let corrupt = || ServiceError::from(StoreError::Corrupt { what: "document" });
        let bytes = self.core.ports.blobs.get(scope, &document.pieces).await?.ok_or_else(corrupt)?;
        let bytes: BytesMut = bytes.try_fold(BytesMut::new(), gather).await?;
        let pieces: Pieces<'_> = serde_json::from_slice(&bytes).map_err(|_| corrupt())?;
        Ok(pieces.chunks.into_owned())
    }

    async fn put(&self, scope: &TenantScope, document: &Document, chunks: Vec<Chunk>) -> Result<(), ServiceError> {
        let indexed = IndexedDocument {
            id: document.id.to_string(),
            title: document.title.clone(),
            conversation: document.conversation,
            chunks,
        };
        self.core.ports.agents.knowledge.put(scope, indexed).await.map_err(failed)
    }

    /// Forgets a tenant that was removed.
    pub(super) fn forget(&self, scope: &TenantScope) {
        self.filled.lock().remove(&scope.tenant());
        self.core.ports.agents.knowledge.forget(scope);
    }

    /// Gives the pieces vectors, if the operator has set a model up for that.
    async fn vectors(&self, scope: &TenantScope, user: UserId, chunks: &mut [Chunk]) -> Result<bool, ServiceError> {
        for batch in chunks.chunks_mut(BATCH) {
            let texts = batch.iter().map(|chunk| chunk.text.clone()).collect();
            let Some(vectors) = self.models.embed(scope, user, texts).await else { return Ok(false) };
            let vectors = vectors.map_err(|error| match error {
                ModelError::OverBudget => ServiceError::Conflict { what: "the budget for models is spent for today" },
                error => {
                    tracing::warn!(%error, "a document got no vectors");
                    ServiceError::Unavailable { what: "the model that makes vectors does not answer" }
                }
            })?;
            for (chunk, vector) in batch.iter_mut().zip(vectors) {
                chunk.vector = Some(vector);
            }
        }
        Ok(!chunks.is_empty())
    }
}

/// The bytes of a document, given with their mark.
fn unmarked(marked: ByteStream) -> ByteStream {
    behind_mark(usize::try_from(MARK).unwrap_or(usize::MAX), marked)
}

#[allow(clippy::unused_async)] // The shape that `try_fold` asks for.
async fn gather(mut all: BytesMut, more: Bytes) -> Result<BytesMut, StoreError> {
    all.extend_from_slice(&more);
    Ok(all)
}

/// Keeps the pieces of a document, and gives the digest under which they are found.
async fn keep_pieces(core: &Core, scope: &TenantScope, id: Uuid, chunks: &[Chunk]) -> Result<[u8; 32], ServiceError> {
    let json = serde_json::to_vec(&Pieces { id, chunks: chunks.into() });
    let json = json.map_err(|_| ServiceError::Internal { what: "pieces of a document" })?;
    let stream = futures::stream::iter([Ok(Bytes::from(json))]).boxed();
    Ok(core.ports.blobs.put(scope, stream, u64::MAX).await?.0)
}

async fn documents(core: &Core, scope: &TenantScope) -> Result<Vec<Document>, ServiceError> {
    let found = records::scan_all(&*core.ports.state, scope, &records::under(FAMILY, &[]), DOCUMENTS).await?;
    found.iter().map(|(_, kept)| records::decode(kept, "document")).collect()
}

fn failed(error: KnowledgeError) -> ServiceError {
    match error {
        KnowledgeError::Unsupported { media_type } => {
            ServiceError::invalid("media_type", format!("{media_type:?} is no kind of document that can be read"))
        }
        KnowledgeError::Unreadable { text } => ServiceError::invalid("document", format!("cannot be read: {text}")),
        KnowledgeError::TooLong { limit } => {
            ServiceError::TooLarge { what: "the document", limit: u64::try_from(limit).unwrap_or(u64::MAX) }
        }
        error => {
            tracing::error!(%error, "the knowledge base failed");
            ServiceError::Internal { what: "the knowledge base" }
        }
    }
}

/// The documents of a tenant.
#[derive(Clone)]
pub struct KnowledgeBase {
    inner: Arc<Inner>,
}

impl fmt::Debug for KnowledgeBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnowledgeBase")
    }
}

impl KnowledgeBase {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The documents, in the order of their making.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<Document>, ServiceError> {
        caller.require(Right::ManageAgents)?;
        documents(&self.inner.core, caller.scope()).await
    }

    /// Adds a document: it is kept, read, split, and found from then on.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` if it cannot be read, `TooLarge`, `NotFound` if there is no such conversation,
    /// `Unavailable` if its vectors could not be made, `Conflict` if the budget for them is spent,
    /// `SessionEnded`, or the store failed.
    pub async fn add(&self, caller: &Caller, new: NewDocument, bytes: ByteStream) -> Result<Document, ServiceError> {
        caller.require(Right::ManageAgents)?;
        let (core, library, scope) = (&*self.inner.core, &self.inner.knowledge, caller.scope());
        if new.title.trim().is_empty() || new.title.len() > TITLE || new.title.chars().any(char::is_control) {
            return Err(ServiceError::length("title", TITLE));
        }
        if let Some(conversation) = new.conversation {
            core.room(scope, conversation).await?.ok_or(ServiceError::NotFound { what: "conversation" })?;
        }
        if documents(core, scope).await?.len() >= DOCUMENTS {
            return Err(ServiceError::Conflict { what: "there are as many documents as a tenant can have" });
        }
        // Before the upload is kept, so that a search which begins now does not miss it for good.
        library.fill(scope).await?;
        let limit = core.options.agents.document.0;
        let too_large = |error| match error {
            StoreError::TooLarge { .. } => ServiceError::TooLarge { what: "the document", limit },
            error => error.into(),
        };
        // Bytes are kept by digest. The mark keeps them apart from everybody else's, so that they can be deleted.
        let id = core.ports.ids.next();
        let mark = Bytes::copy_from_slice(id.as_bytes());
        let (most, stream) = (limit.saturating_add(MARK), with_mark(mark, bytes));
        let (digest, size) = core.ports.blobs.put(scope, stream, most).await.map_err(too_large)?;
        let added = self.read(caller, id, new, digest, size.saturating_sub(MARK)).await;
        if added.is_err() {
            self.drop_blobs(scope, &[digest]).await;
        }
        added
    }

    async fn read(
        &self,
        caller: &Caller,
        id: Uuid,
        new: NewDocument,
        digest: [u8; 32],
        size: u64,
    ) -> Result<Document, ServiceError> {
        let (core, library, scope) = (&*self.inner.core, &self.inner.knowledge, caller.scope());
        let kept = core.ports.blobs.get(scope, &digest).await?.ok_or(ABSENT)?;
        let bytes = unmarked(kept).try_fold(BytesMut::new(), gather).await?.freeze();
        let content: [u8; 32] = Sha256::digest(&bytes).into();
        let media_type = new.media_type.to_ascii_lowercase();
        let mut chunks = core.ports.agents.knowledge.read(&media_type, bytes).await.map_err(failed)?;
        let has_vectors = library.vectors(scope, caller.user(), &mut chunks).await?;
        let pieces = keep_pieces(core, scope, id, &chunks).await?;
        let document = Document {
            id,
            title: new.title,
            media_type,
            conversation: new.conversation,
            size,
            chunks: u64::try_from(chunks.len()).unwrap_or(u64::MAX),
            has_vectors,
            added_by: caller.user(),
            added_at: core.now(),
            digest,
            pieces,
            content: Some(content),
        };
        library.put(scope, &document, chunks).await?;
        let write = records::put(key(document.id), &document, Expect::Absent)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "document.add").subject("document", &document.id);
        core.audit.commit(scope, vec![write], entry).await?;
        Ok(document)
    }

    /// Forgets a document.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn remove(&self, caller: &Caller, id: Uuid) -> Result<(), ServiceError> {
        caller.require(Right::ManageAgents)?;
        let (core, scope) = (&*self.inner.core, caller.scope());
        let found = records::get::<Document>(&*core.ports.state, scope, &key(id), "document").await?;
        let (document, expect) = found.ok_or(ABSENT)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "document.remove").subject("document", &id);
        core.audit.commit(scope, vec![records::delete(key(id), expect)], entry).await?;
        core.ports.agents.knowledge.remove(scope, &id.to_string()).await.map_err(failed)?;
        self.drop_blobs(scope, &[document.digest, document.pieces]).await;
        Ok(())
    }

    /// Forgets the bytes of a document that is gone.
    async fn drop_blobs(&self, scope: &TenantScope, digests: &[[u8; 32]]) {
        for digest in digests {
            if let Err(error) = self.inner.core.ports.blobs.delete(scope, digest).await {
                tracing::warn!(%error, "bytes of a document that is gone stay behind");
            }
        }
    }

    /// What a search in a conversation would find, for an admin who tries the knowledge base out.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn search(
        &self,
        caller: &Caller,
        query: &str,
        conversation: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<Passage>, ServiceError> {
        caller.require(Right::ManageAgents)?;
        // Without a conversation: what every one of them may see, since none has this identifier.
        let conversation = conversation.unwrap_or(ConversationId::from_uuid(Uuid::nil()));
        self.inner.knowledge.search(caller.scope(), caller.user(), query, conversation, limit.clamp(1, 50)).await
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "document" };
