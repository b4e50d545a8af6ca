//! One suite for every backend: what the ports promise. What only one backend promises, or the store
//! as a whole, is in the files that are named after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod blobs;
mod consumer;
mod feed;
mod follow;
mod host;
mod log;
mod place;
mod repeats;
mod state;
mod tenants;
mod writes;

/// Runs each of these on every backend, each time with a store of its own. One that is written but
/// not named here is dead code, at which the compiler complains.
macro_rules! on_every_backend {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::host::Host::memory().await).await; })+
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::host::Host::sled().await).await; })+
        }
    };
}
pub(crate) use on_every_backend;
