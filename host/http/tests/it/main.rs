//! The API against the real service over the store in memory: what a client sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bad_input;
mod document;
mod messages;
mod plugins;
mod sessions;
mod socket;
mod surface;
mod world;
