//! Where Warbler keeps things: the message log, state, files and live signals, sealed, over backends
//! in memory and on disk. The only crate that names sled. What is kept, and for whom, is decided by
//! the crates above; they see the ports of `warbler_domain` alone.

mod backend;
mod codec;
mod commit;
mod consumer;
mod error;
mod feed;
mod layout;
mod options;
#[cfg(test)]
mod raw;
mod scratch;
mod seal;
mod sealed;
mod stats;
mod store;

pub use consumer::{Backoff, Consumer, ConsumerPorts, DeadLetters, Delivery, Parked, Retried};
pub use error::OpenError;
pub use options::{Durability, Location, StoreOptions};
pub use scratch::TemporaryStores;
pub use seal::{BadMasterKey, MasterKey};
pub use stats::StoreStats;
pub use store::Store;
