//! The knowledge base: reads documents, splits them, indexes and finds passages. What is kept, and for whom,
//! does not live here.

mod base;
mod index;
mod rank;
mod read;
mod words;

pub use base::{KnowledgeBase, KnowledgeOptions};
pub use read::{PdfReader, read_pdf};
