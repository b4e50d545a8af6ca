//! Reading documents: which reader for which type, and its limits. How each type is read lives below.

mod html;
mod markdown;
mod pdf;
mod split;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use warbler_domain::{Chunk, KnowledgeError};

use crate::KnowledgeOptions;

pub use pdf::{PdfReader, read_pdf};

/// A part of a document under one heading or on one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) place: String,
    pub(crate) text: String,
}

/// Most chunks of one document.
const MOST_CHUNKS: usize = 10_000;

/// Readers of documents.
pub(crate) struct Reading {
    options: KnowledgeOptions,
    free: Arc<Semaphore>,
}

impl Reading {
    /// Readers within `options`.
    pub(crate) fn new(options: KnowledgeOptions) -> Self {
        let free = Arc::new(Semaphore::new(options.readers.max(1)));
        Self { options, free }
    }

    /// The chunks of a document.
    ///
    /// # Errors
    /// `Unsupported`, `Unreadable`, `TooLong`.
    pub(crate) async fn read(&self, media_type: &str, bytes: Bytes) -> Result<Vec<Chunk>, KnowledgeError> {
        let limit = self.options.max_document.as_usize();
        if bytes.len() > limit {
            return Err(KnowledgeError::TooLong { limit });
        }
        let kind = Kind::of(media_type)?;
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|error| KnowledgeError::Index { text: error.to_string() })?;
        let pages = match kind {
            Kind::Pdf => Some(self.options.pdf.pages(bytes.clone()).await?),
            _ => None,
        };
        let (limit, media_type) = (self.options.max_text.as_usize(), media_type.to_owned());
        let read = spawn_blocking(move || {
            let _held = permit;
            // Readers of others' formats may panic on what nobody thought of.
            let read = catch_unwind(AssertUnwindSafe(|| match (kind, pages) {
                (_, Some(pages)) => Ok(pdf::sections(pages)),
                (Kind::Markdown, _) => text::decode(&media_type, &bytes).map(|text| markdown::sections(&text)),
                (Kind::Html, _) => text::decode(&media_type, &bytes).and_then(|text| html::sections(&text)),
                _ => text::decode(&media_type, &bytes).map(text::sections),
            }));
            let sections = read.unwrap_or_else(|_| Err(unreadable("its reader gave up on it")))?;
            chunks(&sections, kind, limit)
        });
        read.await.unwrap_or_else(|_| Err(unreadable("its reader gave up on it")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Markdown,
    Html,
    Pdf,
}

impl Kind {
    fn of(media_type: &str) -> Result<Self, KnowledgeError> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/plain" => Ok(Self::Text),
            "text/markdown" | "text/x-markdown" => Ok(Self::Markdown),
            "text/html" | "application/xhtml+xml" => Ok(Self::Html),
            "application/pdf" => Ok(Self::Pdf),
            _ => Err(KnowledgeError::Unsupported { media_type: media_type.chars().take(100).collect() }),
        }
    }
}

/// Splits sections into chunks, and holds the whole to its limits.
fn chunks(sections: &[Section], kind: Kind, limit: usize) -> Result<Vec<Chunk>, KnowledgeError> {
    let length: usize = sections.iter().map(|section| section.text.len()).sum();
    if length > limit {
        return Err(KnowledgeError::TooLong { limit });
    }
    let chunks: Vec<Chunk> =
        sections.iter().flat_map(|section| split::split(section, kind == Kind::Markdown)).collect();
    match chunks.len() {
        0 => Err(unreadable("there is no text in it")),
        1..=MOST_CHUNKS => Ok(chunks),
        _ => Err(KnowledgeError::TooLong { limit }),
    }
}

/// A document that does not read as what it says it is.
pub(crate) fn unreadable(text: &str) -> KnowledgeError {
    KnowledgeError::Unreadable { text: text.to_owned() }
}
