//! Reading what was said, as one person may see it.

use std::sync::Arc;

use warbler_domain::{Audience, ConversationId, Event, EventKind, Sequence, TenantScope, UserId};

use crate::core::Core;
use crate::{Caller, ServiceError};

/// Most events of one page.
const PAGE: usize = 200;

/// Which events to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryQuery {
    /// Only those before this place, the latest of them. Without a place: the latest of all.
    pub before: Option<Sequence>,
    /// Only those after this place, the earliest of them. Not together with `before`.
    pub after: Option<Sequence>,
    /// At most so many, 1 to 200; 0 stands for 50.
    pub limit: usize,
}

/// A place in a conversation as one person sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// What happened there.
    Event(Arc<Event>),
    /// Something that is not for them. Only its place is told, so that they miss nothing.
    Taken {
        /// Where.
        conversation: ConversationId,
        /// Its place.
        sequence: Sequence,
    },
}

impl Shown {
    /// Its place.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Event(event) => event.sequence,
            Self::Taken { sequence, .. } => *sequence,
        }
    }
}

/// What `viewer` sees of an event that is read from the log.
pub(crate) async fn show(
    core: &Core,
    scope: &TenantScope,
    event: Arc<Event>,
    viewer: UserId,
) -> Result<Shown, ServiceError> {
    let is_shown = may_see(&event, viewer) && !is_edit_of_recalled(core, scope, &event).await?;
    Ok(if is_shown {
        Shown::Event(event)
    } else {
        Shown::Taken { conversation: event.conversation, sequence: event.sequence }
    })
}

/// An edit keeps the body that it gave; once the message was recalled, that must not be read any more.
async fn is_edit_of_recalled(core: &Core, scope: &TenantScope, event: &Event) -> Result<bool, ServiceError> {
    let EventKind::Edited { posted, .. } = &event.kind else { return Ok(false) };
    let before = Sequence(posted.0.saturating_sub(1));
    let found = core.ports.log.read_after(scope, event.conversation, before, 1).await?;
    let present = found.first().map(|event| &event.kind);
    Ok(matches!(present, Some(EventKind::Posted { message }) if message.body.is_none()))
}

/// Whether the event is for `viewer`, who is in the conversation.
pub(crate) fn may_see(event: &Event, viewer: UserId) -> bool {
    match event.audience {
        Audience::Members => true,
        Audience::Only(user) => user == viewer,
    }
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The places, oldest first.
    pub entries: Vec<Shown>,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
}

pub(super) async fn page(
    core: &Core,
    caller: &Caller,
    conversation: ConversationId,
    query: HistoryQuery,
) -> Result<History, ServiceError> {
    caller.live()?;
    core.room_of(caller.scope(), caller.user(), conversation).await?;
    let limit = if query.limit == 0 { 50 } else { query.limit.min(PAGE) };
    let (log, scope) = (&*core.ports.log, caller.scope());
    let mut events = match (query.before, query.after) {
        (Some(_), Some(_)) => return Err(ServiceError::invalid("before", "cannot be given together with after")),
        (None, Some(after)) => log.read_after(scope, conversation, after, limit + 1).await?,
        (before, None) => {
            let before = before.unwrap_or(Sequence(u64::MAX));
            log.read_before(scope, conversation, before, limit + 1).await?
        }
    };
    let more = events.len() > limit;
    events.truncate(limit);
    if query.after.is_none() {
        events.reverse();
    }
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        entries.push(show(core, scope, event, caller.user()).await?);
    }
    Ok(History { entries, more })
}
