//! Everything in memory: for tests and trials.

mod blobs;
mod keys;
mod records;

pub(crate) use blobs::MemoryBlobs;
pub(crate) use keys::MemoryKeys;
pub(crate) use records::MemoryRecords;
