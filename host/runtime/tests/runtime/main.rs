//! The runtime from outside: real guests, in the real engine, under the limits of production.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)] // It serves other crates as well.
#[path = "../../../../tests/src/guests.rs"]
mod guests;

mod agents;
mod cache;
mod calls;
mod harness;
mod hostile;
mod imports;
mod life;
mod mail;
mod pushes;
mod room;
mod server;
mod sinks;
mod web;
