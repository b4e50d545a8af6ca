//! Removes what was said in a conversation: the content goes, the places stay. A backup may bring it back, for it was
//! not erased.

use warbler_domain::{
    Append, Audience, Body, ConversationId, Event, EventKind, Expect, Placed, Right, Sequence, StateWrite, StoreError,
    TenantScope,
};

use super::{journal, restore};
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::{Caller, ServiceError, records};

/// Events that are emptied together.
pub(super) const BATCH: usize = 128;

/// How often a change in between may undo a batch before the caller is told.
const ATTEMPTS: usize = 8;

/// Removes the content of all messages up to a place, or of all there are. Gives how many messages it were.
pub(crate) async fn clear(
    core: &Core,
    caller: &Caller,
    id: ConversationId,
    up_to: Option<Sequence>,
) -> Result<u64, ServiceError> {
    caller.live()?;
    let room = core.room_of(caller.scope(), caller.user(), id).await?;
    if room.conversation.created_by != caller.user() {
        caller.require(Right::ManageMembers)?;
    }
    let head = core.ports.log.head(caller.scope(), id).await?;
    let up_to = up_to.map_or(head, |up_to| up_to.min(head));
    let entry = NewEntry::new(Actor::User { id: caller.user() }, "conversation.clear")
        .subject("conversation", &id)
        .detail("up-to", up_to.0);
    core.audit.commit(caller.scope(), vec![journal::mark(id, core.now())?], entry).await?;
    let (mut after, mut removed) = (Sequence(0), 0);
    while after < up_to {
        let (last, count) =
            batch(core, caller.scope(), id, (after, up_to), |event| restore::empty(event, core.now())).await?;
        removed += count;
        after = last;
    }
    let event = Event {
        conversation: id,
        sequence: Sequence::default(),
        at: core.now(),
        actor: caller.user(),
        audience: Audience::Members,
        kind: EventKind::Cleared { up_to },
    };
    core.ports.log.append(caller.scope(), Append::event(event)).await?;
    Ok(removed)
}

/// Empties some events behind the one place, up to the other; the last of them, and how many messages lost their content.
pub(super) async fn batch(
    core: &Core,
    scope: &TenantScope,
    id: ConversationId,
    (after, up_to): (Sequence, Sequence),
    empty: impl Fn(&mut Event) -> bool,
) -> Result<(Sequence, u64), ServiceError> {
    for _ in 0..ATTEMPTS {
        let limit = usize::try_from(up_to.0.saturating_sub(after.0)).unwrap_or(BATCH).min(BATCH);
        let events = core.ports.log.read_after(scope, id, after, limit).await?;
        let Some(last) = events.last().map(|event| event.sequence) else { return Ok((up_to, 0)) };
        let (mut placed, mut writes, mut count) = (Vec::new(), Vec::new(), 0);
        for event in &events {
            let mut emptied = Event::clone(event);
            if !empty(&mut emptied) {
                continue;
            }
            if matches!(event.kind, EventKind::Posted { .. }) {
                guard(core, scope, event, &mut writes).await?;
                count += 1;
            }
            placed.push(Placed { event: emptied, over: true });
        }
        if placed.is_empty() {
            return Ok((last, 0));
        }
        writes.push(journal::mark(id, core.now())?);
        match core.ports.log.place(scope, id, placed, writes).await {
            Ok(()) => return Ok((last, count)),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict { what: "the conversation is being changed by others" })
}

/// What keeps an edit in between from being lost, and takes away who may read the message's file.
async fn guard(
    core: &Core,
    scope: &TenantScope,
    event: &Event,
    writes: &mut Vec<StateWrite>,
) -> Result<(), ServiceError> {
    let EventKind::Posted { message } = &event.kind else { return Ok(()) };
    let key = records::amended(event.conversation, message.id);
    let (changes, expect) = records::get_or_new::<u64>(&*core.ports.state, scope, &key, "guard of a message").await?;
    writes.push(records::put(key, &(changes + 1), expect)?);
    if let Some(Body::File { attachment }) = &message.body {
        let key = records::sent_in(attachment.id, event.conversation, message.id);
        writes.push(records::delete(key, Expect::Any));
    }
    Ok(())
}
