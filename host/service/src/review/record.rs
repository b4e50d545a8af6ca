//! Held messages as they are kept, and as moderators see them.

use serde::{Deserialize, Serialize};
use warbler_domain::{Body, Caution, ConversationId, Idempotency, MessageId, Reason, Receipt, Timestamp, UserId};

/// A held message as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldRecord {
    pub(crate) id: MessageId,
    pub(crate) conversation: ConversationId,
    pub(crate) sender: UserId,
    pub(crate) held_at: Timestamp,
    pub(crate) reason: Reason,
    /// As the filters left it.
    pub(crate) body: Body,
    /// As it came, if a filter rewrote it.
    pub(crate) original: Option<Body>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) mentions: Vec<UserId>,
    pub(crate) caution: Option<Caution>,
    pub(crate) receipts: Vec<Receipt>,
    /// The client's key.
    pub(crate) key: String,
    pub(crate) idempotency: KeptIdempotency,
    /// What it edits, if it is an edit.
    pub(crate) edit: Option<HeldEdit>,
    /// Set once a moderator lets it through, until it is in the log.
    pub(crate) approval: Option<Approval>,
}

/// The message that a held edit is about.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct HeldEdit {
    pub(crate) message: MessageId,
}

/// Who let a message through.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) by: UserId,
    pub(crate) at: Timestamp,
}

/// An [`Idempotency`] as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptIdempotency {
    pub(crate) key: [u8; 16],
    pub(crate) content: [u8; 16],
}

impl From<Idempotency> for KeptIdempotency {
    fn from(Idempotency { key, content }: Idempotency) -> Self {
        Self { key, content }
    }
}

impl From<KeptIdempotency> for Idempotency {
    fn from(KeptIdempotency { key, content }: KeptIdempotency) -> Self {
        Self { key, content }
    }
}

/// What was decided, kept so that deciding again gives the same answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Decided {
    pub(crate) approved: bool,
    pub(crate) conversation: ConversationId,
    /// Under which the log has the message, if it was approved.
    pub(crate) idempotency: Option<KeptIdempotency>,
}

/// A message that waits for a moderator's decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldMessage {
    /// What it is known by until it is decided.
    pub id: MessageId,
    /// Where it was going.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub sender: UserId,
    /// Since when it waits.
    pub held_at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// What receivers will get if it is approved.
    pub body: Body,
    /// What the sender wrote, if a filter rewrote it.
    pub original: Option<Body>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// What receivers will be warned of.
    pub caution: Option<Caution>,
    /// What the filters said of it.
    pub receipts: Vec<Receipt>,
    /// The message that it gives a new body to, if it is an edit.
    pub edits: Option<MessageId>,
}

impl From<HeldRecord> for HeldMessage {
    fn from(record: HeldRecord) -> Self {
        Self {
            id: record.id,
            conversation: record.conversation,
            sender: record.sender,
            held_at: record.held_at,
            reason: record.reason,
            body: record.body,
            original: record.original,
            reply_to: record.reply_to,
            caution: record.caution,
            receipts: record.receipts,
            edits: record.edit.map(|edit| edit.message),
        }
    }
}
