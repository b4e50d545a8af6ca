//! A conversation as it is kept, and as it lies in memory for every message that passes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{Conversation, UserId};

/// A conversation as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoomRecord {
    /// Counts changes.
    pub(crate) revision: u64,
    pub(crate) conversation: Conversation,
}

/// A conversation in memory.
pub(crate) struct Room {
    pub(crate) revision: u64,
    pub(crate) conversation: Arc<Conversation>,
    /// Sorted, so that asking for one does not read them all.
    members: Box<[UserId]>,
}

impl Room {
    /// Whether `user` is in it.
    pub(crate) fn has(&self, user: UserId) -> bool {
        self.members.binary_search(&user).is_ok()
    }

    /// Who is in it, in order.
    pub(crate) fn members(&self) -> &[UserId] {
        &self.members
    }
}

impl From<RoomRecord> for Room {
    fn from(record: RoomRecord) -> Self {
        let mut members: Box<[UserId]> = record.conversation.members.iter().map(|member| member.user).collect();
        members.sort_unstable();
        Self { revision: record.revision, conversation: Arc::new(record.conversation), members }
    }
}
