//! Messages that are older than the tenant keeps them: their content is erased, their places stay. It is erased for good,
//! so that no backup brings it back, also not where the tenant later keeps messages longer: up to which time that was
//! done is remembered, here and in every version.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{
    ConversationId, Event, EventKind, Expect, Sequence, State, StateKey, StateWrite, TenantScope, Timestamp,
};

use super::clear::{self, BATCH};
use super::{Inner, restore};
use crate::audit::{Actor, NewEntry};
use crate::conversations::RoomRecord;
use crate::core::Core;
use crate::{ServiceError, records};

const DAY: Duration = Duration::from_hours(24);

/// Up to when messages were erased because of their age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Mark {
    before: Timestamp,
}

fn mark_key() -> StateKey {
    StateKey::new("retention", &[])
}

/// Up to which place a conversation was looked through.
fn cursor_key(conversation: ConversationId) -> StateKey {
    StateKey::new("retention-cursor", &[&conversation])
}

/// The age of a message counts from its last edit, which holds its content too.
fn age_from(event: &Event) -> Timestamp {
    match &event.kind {
        EventKind::Posted { message } => message.edited_at.unwrap_or(message.sent_at),
        _ => event.at,
    }
}

/// The time before which messages do not come back; nothing if the tenant keeps all.
pub(super) async fn erased_before(core: &Core, scope: &TenantScope) -> Result<Option<Timestamp>, ServiceError> {
    let found = records::get::<Mark>(&*core.ports.state, scope, &mark_key(), "retention").await?;
    let days = core.tenants.policy(scope.tenant()).retention_days;
    let due = (days > 0).then(|| due_before(core.now(), days));
    Ok(found.map(|(mark, _)| mark.before).max(due))
}

/// Remembers up to when messages were erased where they come from, so that versions of this host say so too.
pub(super) async fn bring_back(
    state: &dyn State,
    scope: &TenantScope,
    erased_before: Option<Timestamp>,
) -> Result<(), ServiceError> {
    let Some(before) = erased_before else { return Ok(()) };
    let busy = "up to when messages were erased is being changed by others";
    records::change(state, scope, &mark_key(), ("retention", busy), |mark: &mut Mark| {
        mark.before = mark.before.max(before);
    })
    .await
    .map(drop)
}

fn due_before(now: Timestamp, days: u32) -> Timestamp {
    let kept = u64::try_from((DAY * days).as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(kept))
}

impl Inner {
    /// Erases what is older than the tenant keeps it; how many messages.
    pub(super) async fn expire(&self, scope: &TenantScope) -> Result<u64, ServiceError> {
        let days = self.core.tenants.policy(scope.tenant()).retention_days;
        if days == 0 {
            return Ok(0);
        }
        let before = due_before(self.core.now(), days);
        // Told first: a backup that is made meanwhile must not bring back what is erased now.
        let state = &*self.core.ports.state;
        let found = records::get::<Mark>(state, scope, &mark_key(), "retention").await?;
        let mark = found.map_or(before, |(mark, _)| mark.before.max(before));
        state.commit(scope, vec![records::put(mark_key(), &Mark { before: mark }, Expect::Any)?]).await?;
        let (mut after, mut erased, prefix) = (None, 0, records::under("conversation", &[]));
        loop {
            let page = state.scan(scope, &prefix, after.as_ref(), records::SCAN).await?;
            for (_, kept) in &page {
                let room: RoomRecord = records::decode(kept, "conversation")?;
                erased += self.expire_in(scope, room.conversation.id, before).await?;
            }
            after = match page.last() {
                Some((key, _)) if page.len() == records::SCAN => Some(key.clone()),
                _ => break,
            };
        }
        if erased > 0 {
            tracing::info!(tenant = %scope.tenant(), erased, "messages past their retention were erased");
            metrics::counter!("retention_erased_total", "tenant" => scope.tenant().to_string()).increment(erased);
            let told = NewEntry::new(Actor::Host, "retention.erase")
                .detail("messages", erased)
                .detail("before", before.to_string());
            self.core.audit.record(scope, told).await?;
        }
        Ok(erased)
    }

    async fn expire_in(&self, scope: &TenantScope, id: ConversationId, before: Timestamp) -> Result<u64, ServiceError> {
        let (core, state) = (&self.core, &*self.core.ports.state);
        let found = records::get::<Sequence>(state, scope, &cursor_key(id), "retention cursor").await?;
        let start = found.map_or(Sequence(0), |(cursor, _)| cursor);
        // The first place that is not done yet: of a message that was edited since.
        let (mut after, mut open, mut erased) = (start, None, 0);
        loop {
            let events = core.ports.log.read_after(scope, id, after, BATCH).await?;
            let old = events.iter().take_while(|event| event.at < before).count();
            let Some(last) = events.get(..old).and_then(<[_]>::last).map(|event| event.sequence) else { break };
            let kept = events.iter().take(old).find(|event| age_from(event) >= before);
            open = open.or(kept.map(|event| event.sequence));
            let empty = |event: &mut Event| age_from(event) < before && erase(event);
            let (_, count) = clear::batch(core, scope, id, (after, last), empty).await?;
            (after, erased) = (last, erased + count);
            if old < events.len() {
                break;
            }
        }
        let cursor = open.map_or(after, |open| Sequence(open.0.saturating_sub(1)));
        if cursor > start {
            let write: StateWrite = records::put(cursor_key(id), &cursor, Expect::Any)?;
            state.commit(scope, vec![write]).await?;
        }
        Ok(erased)
    }
}

/// Takes the content out as a recall does; whether there was any.
fn erase(event: &mut Event) -> bool {
    let changed = restore::empty(event, Timestamp::default());
    if let EventKind::Posted { message } = &mut event.kind {
        // What was only removed could come back.
        let was_removed = message.removed_at.take().is_some();
        return changed || was_removed;
    }
    changed
}

/// Whether a message of a version is too old to come back.
pub(super) fn is_past(event: &Event, before: Option<Timestamp>) -> bool {
    before.is_some_and(|before| age_from(event) < before)
}
