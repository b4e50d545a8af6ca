//! Read marks and signs of typing.

use warbler_domain::{ConversationId, Sequence, Signal, StoreError, UserId};

use crate::core::Core;
use crate::{Caller, ServiceError, records};

/// How often another of the reader's devices may be faster before they are told.
const ATTEMPTS: usize = 8;

pub(super) async fn read(
    core: &Core,
    caller: &Caller,
    conversation: ConversationId,
    sequence: Sequence,
) -> Result<Sequence, ServiceError> {
    caller.live()?;
    let (scope, user) = (caller.scope(), caller.user());
    core.room_of(scope, user, conversation).await?;
    let state = &*core.ports.state;
    let sequence = sequence.min(core.ports.log.head(scope, conversation).await?);
    let key = records::read_mark(conversation, user);
    for _ in 0..ATTEMPTS {
        let (present, expect) = records::get_or_new(state, scope, &key, "read mark").await?;
        if sequence <= present {
            return Ok(present);
        }
        match state.commit(scope, vec![records::put(key.clone(), &sequence, expect)?]).await {
            Ok(()) => {
                core.ports.feed.publish(scope, Signal::Read { conversation, user, sequence }).await?;
                return Ok(sequence);
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict { what: "the read mark is being moved by others" })
}

pub(super) async fn reads(
    core: &Core,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Vec<(UserId, Sequence)>, ServiceError> {
    caller.live()?;
    let scope = caller.scope();
    let room = core.room_of(scope, caller.user(), conversation).await?;
    let prefix = records::under("read", &[&conversation]);
    let mut marks = Vec::with_capacity(room.members().len());
    for (key, kept) in records::scan_all(&*core.ports.state, scope, &prefix, usize::MAX).await? {
        match key.last().parse() {
            // Those who left are nobody's concern any more.
            Ok(user) if room.has(user) => marks.push((user, records::decode(&kept, "read mark")?)),
            _ => {}
        }
    }
    Ok(marks)
}

pub(super) async fn typing(core: &Core, caller: &Caller, conversation: ConversationId) -> Result<(), ServiceError> {
    caller.live()?;
    let (scope, user) = (caller.scope(), caller.user());
    core.room_of(scope, user, conversation).await?;
    caller.person().typing.take()?;
    caller.inner().touch(core.now());
    core.ports.feed.publish(scope, Signal::Typing { conversation, user }).await?;
    Ok(())
}
