//! What backup sinks over HTTP share: the names of blobs, where a server is, how often a request is
//! tried. What a protocol says is not here.

mod call;
mod endpoint;
mod name;
mod range;

pub use call::{Call, MAX_WAIT_MS, retry_after};
pub use endpoint::{Endpoint, encode};
pub use name::{MAX_NAME, Prefix, check};
pub use range::{Piece, read_in_pieces};

/// The most blobs in one answer to `list`; fewer mean that there are no more.
pub const PAGE: usize = 1_000;
