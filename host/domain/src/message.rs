//! Messages: what a person sends, what is kept, and what a hook is shown.

use serde::{Deserialize, Serialize};

use crate::{
    AttachmentId, ConversationId, ConversationKind, MessageId, Reason, Receipt, Role, Sequence, Timestamp, UserId,
};

/// A file kept by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its identifier.
    pub id: AttachmentId,
    /// The name that the sender gave it.
    pub name: String,
    /// Its media type, as the sender said (RFC 6838).
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Body {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// A file.
    File {
        /// Which.
        attachment: Attachment,
    },
    /// A message type of the tenant's own.
    Custom {
        /// Its name.
        kind: String,
        /// Its content: a JSON document.
        json: String,
    },
}

impl Body {
    /// The text that filters read, if there is any.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            Self::File { attachment } => Some(&attachment.name),
            Self::Custom { json, .. } => Some(json),
        }
    }
}

/// A warning that receivers see beside a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caution {
    /// For programs.
    pub code: String,
    /// For people.
    pub text: String,
}

impl From<Reason> for Caution {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code, text: reason.text }
    }
}

/// A message as it is kept. Its place in the conversation is that of the event which posted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its identifier.
    pub id: MessageId,
    /// Who wrote it.
    pub sender: UserId,
    /// When the host took it.
    pub sent_at: Timestamp,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Its content; nothing once it was recalled.
    pub body: Option<Body>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Who is mentioned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    /// What receivers are warned of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<Caution>,
    /// When its content was removed together with the conversation's history. A backup may bring it back, unlike
    /// that of a message which was recalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// When it came back from a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<Timestamp>,
    /// What the filters said of it, in order. Never shown to receivers. The last in a message's JSON, where the store
    /// adds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
}

/// Who wrote a message, as a hook sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Their identifier.
    pub id: UserId,
    /// Their display name.
    pub name: String,
    /// Their role.
    pub role: Role,
}

/// A message on its way through the hooks, before or after the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Its identifier.
    pub id: MessageId,
    /// Where it goes.
    pub conversation: ConversationId,
    /// What kind of conversation that is.
    pub kind: ConversationKind,
    /// Its place, once it was committed.
    pub sequence: Option<Sequence>,
    /// Who wrote it.
    pub sender: Party,
    /// When the host took it.
    pub sent_at: Timestamp,
    /// Its content, as rewritten so far.
    pub body: Body,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Who is mentioned.
    pub mentions: Vec<UserId>,
    /// Whether it is a new body for a message that was sent before.
    pub edit: bool,
}
