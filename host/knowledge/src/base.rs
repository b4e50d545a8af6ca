//! The knowledge base: an index for each tenant, and readers of documents. All work that takes the processor's
//! time runs beside the threads that serve.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;
use tokio::task::spawn_blocking;
use warbler_domain::{
    ByteSize, Chunk, Found, IndexedDocument, Knowledge, KnowledgeError, KnowledgeQuery, TenantId, TenantScope,
};

use crate::index::TenantIndex;
use crate::read::{PdfReader, Reading};

/// Longest query, in bytes; what is longer is cut.
const LONGEST_QUERY: usize = 4_000;

/// Most passages of one answer.
const MOST_PASSAGES: usize = 50;

/// What a knowledge base may use.
#[derive(Debug, Clone)]
pub struct KnowledgeOptions {
    /// The largest document that is read.
    pub max_document: ByteSize,
    /// The longest text that is taken from one.
    pub max_text: ByteSize,
    /// Who reads PDF.
    pub pdf: PdfReader,
    /// Documents that are read at a time.
    pub readers: usize,
}

impl Default for KnowledgeOptions {
    fn default() -> Self {
        // A long manual is some 20 MiB with its pictures, and half a mebibyte of text.
        Self { max_document: ByteSize::mib(32), max_text: ByteSize::mib(4), pdf: PdfReader::Here, readers: 2 }
    }
}

/// All tenants' documents, in memory. What is at rest is the service's to keep.
pub struct KnowledgeBase {
    reading: Reading,
    tenants: RwLock<HashMap<TenantId, Arc<TenantIndex>>>,
}

impl KnowledgeBase {
    /// A knowledge base without documents.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(KnowledgeOptions::default())
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_options(options: KnowledgeOptions) -> Self {
        Self { reading: Reading::new(options), tenants: RwLock::default() }
    }

    fn present(&self, scope: &TenantScope) -> Option<Arc<TenantIndex>> {
        self.tenants.read().get(&scope.tenant()).cloned()
    }

    fn made(&self, scope: &TenantScope) -> Result<Arc<TenantIndex>, KnowledgeError> {
        if let Some(index) = self.present(scope) {
            return Ok(index);
        }
        let index = Arc::new(TenantIndex::new()?);
        Ok(Arc::clone(self.tenants.write().entry(scope.tenant()).or_insert(index)))
    }
}

impl Default for KnowledgeBase {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Knowledge for KnowledgeBase {
    async fn read(&self, media_type: &str, bytes: Bytes) -> Result<Vec<Chunk>, KnowledgeError> {
        self.reading.read(media_type, bytes).await
    }

    async fn put(&self, scope: &TenantScope, document: IndexedDocument) -> Result<(), KnowledgeError> {
        let index = self.made(scope)?;
        apart(move || index.put(document)).await
    }

    async fn remove(&self, scope: &TenantScope, document: &str) -> Result<(), KnowledgeError> {
        let Some(index) = self.present(scope) else { return Ok(()) };
        let document = document.to_owned();
        apart(move || index.remove(&document)).await
    }

    fn forget(&self, scope: &TenantScope) {
        self.tenants.write().remove(&scope.tenant());
    }

    async fn search(&self, scope: &TenantScope, mut query: KnowledgeQuery) -> Result<Vec<Found>, KnowledgeError> {
        let Some(index) = self.present(scope) else { return Ok(Vec::new()) };
        query.text.truncate(query.text.floor_char_boundary(LONGEST_QUERY));
        query.limit = query.limit.min(MOST_PASSAGES);
        apart(move || index.search(&query)).await
    }
}

/// Runs `work` where it holds nobody up.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KnowledgeError> + Send + 'static,
) -> Result<T, KnowledgeError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(KnowledgeError::Index { text: error.to_string() }))
}
