//! How a version looks inside: plain files that a person with the key can read without Warbler. The page for people is
//! `host/backup/README.md`; a change here changes it, and the format's number.
//!
//! | path | content |
//! |---|---|
//! | `attachments/AB/DIGEST` | a file that was sent, under the SHA-256 of its bytes |
//! | `audit/NUMBER.jsonl` | entries of the audit log from that number on, 1,000 at most |
//! | `conversations/ID/MONTH-PART.jsonl` | events of a conversation, one per line, in their order |
//! | `index/ID.jsonl` | conversations from that one on, one per line, with their parts |
//! | `manifest.json` | the format, whose it is, up to where, how much |
//! | `packages/DIGEST.wasm` | packages of the plugins that are in use, under their SHA-256 |
//! | `records/FAMILY-PART.jsonl` | other records, one per line, with their keys |
//! | `sources/AB/DIGEST` | a document of the knowledge base as it was uploaded, under the SHA-256 of its bytes |
//!
//! What lies behind the manifest in the order of paths is not counted in it: packages and sources say by their names what
//! they are, and hosts that know nothing of a folder still find the counts as they should be.

use serde::{Deserialize, Serialize};
use warbler_domain::{Conversation, ConversationId, Position, Sequence, TenantId, Timestamp};

use crate::TenantPolicy;

/// The number of this format.
pub(super) const FORMAT: u32 = 1;

/// The most of a part, unless a single event is longer. Parts are held in memory while they are made, some at a time.
pub(super) const PART: usize = 2 * 1024 * 1024;

/// Entries of the audit log in one file.
pub(super) const AUDIT: u64 = 1_000;

/// Where the manifest lies.
pub(super) const MANIFEST: &str = "manifest.json";

/// The family of what was erased: it never comes back.
pub(super) const ERASED: &str = "erased";

/// A part of a conversation: events of one month, or a piece of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The month of its events, `YYYY-MM`, UTC. An event whose time lies before that of an earlier one counts to
    /// the earlier one's month.
    pub(super) month: String,
    /// Its number within the month, from 1.
    pub(super) number: u32,
    /// The places of its first and last event.
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    /// Its length in bytes.
    pub(super) bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub(super) sha256: String,
    /// When it was last made.
    pub(super) modified: Timestamp,
}

impl Part {
    pub(super) fn path(&self, conversation: ConversationId) -> String {
        format!("conversations/{conversation}/{}-{:04}.jsonl", self.month, self.number)
    }

    /// Events in it: places have no gaps.
    pub(super) fn events(&self) -> u64 {
        self.last.0.saturating_sub(self.first.0).saturating_add(1)
    }
}

/// A line of the index: a conversation and where its events are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexLine {
    /// The conversation as it was.
    pub(super) conversation: Conversation,
    /// The last place taken.
    pub(super) head: Sequence,
    /// Its parts, in order.
    pub(super) parts: Vec<Part>,
}

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The number of the format.
    pub(super) format: u32,
    /// Whose data it is.
    pub(super) tenant: TenantId,
    /// What its people typed at sign-in, and what it was called.
    pub(super) slug: String,
    pub(super) name: String,
    /// What its admins had decided.
    pub(super) policy: TenantPolicy,
    /// Up to which position of the tenant's log.
    pub(super) position: Position,
    /// Messages before this time were erased because of their age.
    #[serde(default)]
    pub(super) erased_before: Option<Timestamp>,
    /// How many conversations and events.
    pub(super) conversations: u64,
    pub(super) events: u64,
    /// How many files before this one in the order of paths, and their length.
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// SHA-256 over path, a zero byte, the SHA-256 of the content in hex, and a line end, for each of these files
    /// in the order of their paths; in hex.
    pub(super) sha256: String,
}

/// A line of a file of records.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordLine {
    /// The record's key.
    pub(super) key: String,
    /// Its value.
    pub(super) value: serde_json::Value,
}

/// The name of a file of records.
pub(super) fn records_path(family: &str, part: u32) -> String {
    format!("records/{family}-{part:04}.jsonl")
}

/// Where a file that was sent lies.
pub(super) fn attachment_path(sha256: &str) -> String {
    format!("attachments/{}/{sha256}", sha256.get(..2).unwrap_or_default())
}

/// Where the package of a plugin lies.
pub(super) fn package_path(sha256: &str) -> String {
    format!("packages/{sha256}.wasm")
}

/// Where a document of the knowledge base lies.
pub(super) fn source_path(sha256: &str) -> String {
    format!("sources/{}/{sha256}", sha256.get(..2).unwrap_or_default())
}
