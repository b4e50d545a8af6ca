//! The ports, sealed, over any backend: from domain types to bytes and back.

mod blobs;
mod log;
mod state;

pub(crate) use blobs::SealedBlobs;
pub(crate) use log::SealedLog;
pub(crate) use state::SealedState;
