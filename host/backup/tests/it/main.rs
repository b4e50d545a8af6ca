//! Repositories over sinks of all kinds: versions, faults, keys, and Debian's restic as the other side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod copies;
mod faults;
mod keys;
mod restic;
mod sinks;
mod source;
mod versions;
