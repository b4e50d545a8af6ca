//! Conversations and who is in them.

use serde::{Deserialize, Serialize};

use crate::{ConversationId, Timestamp, UserId};

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConversationKind {
    /// Two people, once per pair.
    Direct,
    /// Several people under a title.
    Group,
    /// A customer, agents and people behind one door.
    Support,
}

/// Someone's place in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its identifier.
    pub id: ConversationId,
    /// Its kind, which never changes.
    pub kind: ConversationKind,
    /// What people call it; empty for direct conversations.
    pub title: String,
    /// Who began it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Who is in it now.
    pub members: Vec<Member>,
}

impl Conversation {
    /// Whether `user` is in it now.
    #[must_use]
    pub fn has(&self, user: UserId) -> bool {
        self.members.iter().any(|member| member.user == user)
    }
}
