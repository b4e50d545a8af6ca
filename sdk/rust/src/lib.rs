//! Warbler plugins in Rust: a trait per hook, an export macro, wrappers for what the host offers, and
//! test doubles of it. The contract itself is `wit/v0.1`; the host that runs plugins is not here.
//!
//! ```
//! use warbler_sdk::{ContentFilter, Decision, Failure, Message, Plugin};
//!
//! struct NoShouting;
//!
//! impl Plugin for NoShouting {
//!     fn init(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl ContentFilter for NoShouting {
//!     fn check(&self, message: &Message) -> Result<Decision, Failure> {
//!         match message.text() {
//!             Some(text) if text.ends_with("!!!") => Ok(Decision::warn("shouting", "This message is loud.")),
//!             _ => Ok(Decision::pass()),
//!         }
//!     }
//! }
//!
//! warbler_sdk::export!(NoShouting: ContentFilter);
//! # fn main() {}
//! ```
//!
//! Off WebAssembly `export!` only checks types, and the wrappers speak to a [`testing::Host`], so
//! that a plugin builds, lints and tests like any other crate.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod bindings;
#[cfg(feature = "serde")]
pub mod config;
mod decision;
mod export;
pub mod folders;
pub mod http;
pub mod lexicons;
pub mod log;
pub mod mail;
mod message;
pub mod models;
mod plugin;
pub mod secrets;
pub mod storage;
pub mod system;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod turn;

pub use bindings::backup_sink::exports::warbler::plugin::backup_sink::BlobInfo;
pub use bindings::content_filter::exports::warbler::plugin::content_filter::{Decision, Finding, Reason, Verdict};
pub use bindings::imports::warbler::plugin::conversation::{Passage, Tool};
pub use bindings::imports::warbler::plugin::types::{
    Attachment, Body, ConversationKind, CustomBody, Failure, Message, Party, Role, Timestamp,
};
pub use bindings::push::exports::warbler::plugin::push::{Endpoint, Notification, Outcome, Urgency};
pub use plugin::{Agent, BackupSink, ContentFilter, Plugin, Push};
pub use turn::Turn;

/// What the expansion of `export!` names. Not part of the interface of this crate.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::bindings::{agent, backup_sink, content_filter, lifecycle, push};
    #[cfg(target_family = "wasm")]
    pub use crate::export::{Glue, Slot};
}
