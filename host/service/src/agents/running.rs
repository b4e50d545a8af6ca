//! The replies that are being written on this node, so that a person can stop one.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use warbler_domain::{ConversationId, MessageId, TenantId, UserId};

/// The replies under way.
#[derive(Default)]
pub(super) struct Running {
    replies: Mutex<HashMap<(TenantId, ConversationId, MessageId), Entry>>,
}

struct Entry {
    agent: UserId,
    stop: CancellationToken,
}

/// One reply under way; dropping it takes it off the list.
pub(super) struct Underway<'a> {
    running: &'a Running,
    key: (TenantId, ConversationId, MessageId),
}

impl Running {
    /// Puts a reply on the list.
    pub(super) fn enter(
        &self,
        key: (TenantId, ConversationId, MessageId),
        agent: UserId,
        stop: CancellationToken,
    ) -> Underway<'_> {
        self.replies.lock().insert(key, Entry { agent, stop });
        Underway { running: self, key }
    }

    /// Stops a reply; `false` if it is not under way.
    pub(super) fn stop(&self, key: &(TenantId, ConversationId, MessageId)) -> bool {
        let replies = self.replies.lock();
        replies.get(key).map(|entry| entry.stop.cancel()).is_some()
    }

    /// Stops all replies of `agent`, or all of its tenant's, that are under way in `conversation`, if one is named.
    pub(super) fn stop_all(&self, tenant: TenantId, agent: Option<UserId>, conversation: Option<ConversationId>) {
        for ((of, within, _), entry) in &*self.replies.lock() {
            let is_named = agent.is_none_or(|agent| agent == entry.agent)
                && conversation.is_none_or(|conversation| conversation == *within);
            if *of == tenant && is_named {
                entry.stop.cancel();
            }
        }
    }

    /// Replies of `agent` under way.
    pub(super) fn count(&self, tenant: TenantId, agent: UserId) -> usize {
        self.replies.lock().iter().filter(|((of, ..), entry)| *of == tenant && entry.agent == agent).count()
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.running.replies.lock().remove(&self.key);
    }
}
