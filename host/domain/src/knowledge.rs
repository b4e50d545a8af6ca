//! A tenant's knowledge base: the port that reads documents, splits them, and finds passages.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ConversationId, TenantScope};

/// A piece of a document that is found as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// The section or page that it stands in; empty if there is none.
    pub place: String,
    /// Its text.
    pub text: String,
    /// Its vector, where an embeddings model is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
}

/// A document that is to be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedDocument {
    /// Its identifier within the tenant.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The only conversation that may see it; all of the tenant's, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Its pieces, in order.
    pub chunks: Vec<Chunk>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnowledgeQuery {
    /// In words.
    pub text: String,
    /// As a vector of the same model as the chunks'.
    pub vector: Option<Vec<f32>>,
    /// Documents of this conversation are found beside those of the whole tenant.
    pub conversation: Option<ConversationId>,
    /// Most passages.
    pub limit: usize,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The document.
    pub document: String,
    /// Its title.
    pub title: String,
    /// The section or page; empty if there is none.
    pub place: String,
    /// The passage.
    pub text: String,
    /// From 0 to 1.
    pub score: f32,
}

/// Why a document was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// Not a kind of document that can be read.
    #[error("documents of the type {media_type:?} cannot be read")]
    Unsupported {
        /// The media type (RFC 6838).
        media_type: String,
    },
    /// It does not read as what it says it is.
    #[error("the document cannot be read: {text}")]
    Unreadable {
        /// Why.
        text: String,
    },
    /// Longer than allowed.
    #[error("the document is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The index failed.
    #[error("the index failed: {text}")]
    Index {
        /// Why.
        text: String,
    },
}

impl KnowledgeError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Index { .. })
    }
}

/// Reads documents, and finds passages in them. What it holds is in memory alone: the service keeps the
/// documents, sealed, and gives them again after a restart.
#[async_trait]
pub trait Knowledge: Send + Sync {
    /// The text of a document (plain text, Markdown, HTML or PDF), split into pieces that each say where they stand.
    ///
    /// # Errors
    /// `Unsupported`, `Unreadable`, `TooLong`.
    async fn read(&self, media_type: &str, bytes: Bytes) -> Result<Vec<Chunk>, KnowledgeError>;
    /// Makes a document findable, in place of what had its identifier before.
    ///
    /// # Errors
    /// `Index`.
    async fn put(&self, scope: &TenantScope, document: IndexedDocument) -> Result<(), KnowledgeError>;
    /// Forgets a document, if it is there.
    ///
    /// # Errors
    /// `Index`.
    async fn remove(&self, scope: &TenantScope, document: &str) -> Result<(), KnowledgeError>;
    /// Forgets everything of a tenant.
    fn forget(&self, scope: &TenantScope);
    /// Passages that answer `query`, best first: word search and, where there are vectors, nearness, merged.
    ///
    /// # Errors
    /// `Index`.
    async fn search(&self, scope: &TenantScope, query: KnowledgeQuery) -> Result<Vec<Found>, KnowledgeError>;
}
