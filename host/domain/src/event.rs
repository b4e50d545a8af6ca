//! Events: what a conversation's log is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Body, Caution, ConversationId, ConversationKind, Message, MessageId, Receipt, Timestamp, UserId};

/// A place in one conversation's log, from 1, without gaps. 0 is the place before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next place.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in one tenant's log of all conversations, ascending in the order of commits. What durable
/// consumers keep as their cursor. 0 is the place before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// Who may see an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Every member of the conversation.
    #[default]
    Members,
    /// One person alone: a discarded message, which its sender sees as sent. Others learn only that
    /// the place is taken.
    Only(UserId),
}

/// One entry of a conversation's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Where it happened.
    pub conversation: ConversationId,
    /// Its place; 0 until the log assigns it.
    #[serde(default)]
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: UserId,
    /// Who may see it.
    #[serde(default)]
    pub audience: Audience,
    /// What happened.
    pub kind: EventKind,
}

/// What happened in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The conversation began: always its first event.
    Created {
        /// Its kind.
        kind: ConversationKind,
        /// What people call it.
        title: String,
        /// Who is in it from the start.
        members: Vec<UserId>,
    },
    /// A message was posted. The stored event is amended when the message is edited or recalled, so
    /// that history always shows the present state.
    Posted {
        /// The message.
        message: Message,
    },
    /// A message got a new body.
    Edited {
        /// Which.
        message: MessageId,
        /// Where it was posted.
        posted: Sequence,
        /// Its new content.
        body: Body,
        /// What receivers are warned of.
        caution: Option<Caution>,
        /// What the filters said of the new body.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        receipts: Vec<Receipt>,
    },
    /// A message was taken back by its sender or a moderator.
    Recalled {
        /// Which.
        message: MessageId,
        /// Where it was posted.
        posted: Sequence,
    },
    /// Someone came in.
    Joined {
        /// Who.
        user: UserId,
    },
    /// Someone left or was taken out.
    Left {
        /// Who.
        user: UserId,
    },
    /// The title changed.
    Renamed {
        /// The new title.
        title: String,
    },
    /// What was said up to a place was removed.
    Cleared {
        /// Up to which place, that one included.
        up_to: Sequence,
    },
    /// Messages came back from a backup into their old places.
    Restored {
        /// How many.
        messages: u64,
    },
}
