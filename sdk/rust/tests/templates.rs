//! The templates of `warbler-plugin new`, with their own unit tests: what an author starts from works.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::format_push_string,
    clippy::doc_markdown,
    dead_code,
    unreachable_pub
)]

#[path = "../../cli/templates/agent/lib.rs"]
mod agent;
#[path = "../../cli/templates/filter/lib.rs"]
mod filter;
#[path = "../../cli/templates/push/lib.rs"]
mod push;
#[path = "../../cli/templates/sink/lib.rs"]
mod sink;
