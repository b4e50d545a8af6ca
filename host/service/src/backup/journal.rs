//! What the host remembers of a conversation's parts, so that a run reads only what changed.

use serde::{Deserialize, Serialize};
use warbler_domain::{ConversationId, Expect, Sequence, State, StateKey, StateWrite, TenantScope, Timestamp};

use super::layout::Part;
use crate::{ServiceError, records};

/// The parts of a conversation as they were last made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    /// Up to which place.
    pub(super) head: Sequence,
    pub(super) parts: Vec<Part>,
}

fn key(conversation: ConversationId) -> StateKey {
    StateKey::new("backup-parts", &[&conversation])
}

fn dirty_key(conversation: ConversationId) -> StateKey {
    StateKey::new("backup-dirty", &[&conversation])
}

impl Journal {
    pub(super) async fn load(
        state: &dyn State,
        scope: &TenantScope,
        conversation: ConversationId,
    ) -> Result<Option<Self>, ServiceError> {
        let found = records::get(state, scope, &key(conversation), "backup journal").await?;
        Ok(found.map(|(journal, _)| journal))
    }

    pub(super) fn write(&self, conversation: ConversationId) -> Result<StateWrite, ServiceError> {
        records::put(key(conversation), self, Expect::Any)
    }
}

/// The write that has a conversation made anew by the next run: events changed in place.
pub(crate) fn mark(conversation: ConversationId, now: Timestamp) -> Result<StateWrite, ServiceError> {
    records::put(dirty_key(conversation), &now, Expect::Any)
}

/// Whether a conversation is marked, and the write that takes just this mark away.
pub(super) async fn marked(
    state: &dyn State,
    scope: &TenantScope,
    conversation: ConversationId,
) -> Result<Option<StateWrite>, ServiceError> {
    let key = dirty_key(conversation);
    let found = state.get(scope, &key).await?;
    Ok(found.map(|kept| records::delete(key, Expect::Version(kept.version))))
}
