//! Finding the event that posted a message. The log is in order of places, and a message's identifier
//! (`UUIDv7`, RFC 9562) tells when it was made, so that a binary search by time comes close; a commit may be
//! overtaken by another one, so that the neighbourhood is looked through.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{ConversationId, Event, EventKind, MessageId, Sequence, TenantScope, Timestamp};

use crate::ServiceError;
use crate::core::Core;

/// How far the time of a message and those of its neighbours may lie apart: longer than any commit takes, than
/// the clocks of two nodes differ, and than an agent writes its reply, whose identifier is as old as its trigger.
const APART: Duration = Duration::from_mins(10);

/// Events looked through in each direction at most, and at a time.
const REACH: usize = 1_024;
const CHUNK: usize = 64;

/// The event that posted `message`, if it is in this conversation's log. Who may see it is the caller's
/// question.
pub(crate) async fn locate(
    core: &Core,
    scope: &TenantScope,
    conversation: ConversationId,
    message: MessageId,
) -> Result<Option<Arc<Event>>, ServiceError> {
    let Some(made_at) = made_at(message) else { return Ok(None) };
    let log = &*core.ports.log;
    // The first place whose event is not older than the message.
    let (mut low, mut high) = (1, log.head(scope, conversation).await?.0.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let found = log.read_after(scope, conversation, Sequence(middle - 1), 1).await?;
        match found.first() {
            Some(event) if event.at < made_at => low = middle + 1,
            _ => high = middle,
        }
    }
    let is_it =
        |event: &Arc<Event>| matches!(&event.kind, EventKind::Posted { message: posted } if posted.id == message);
    let (mut after, mut looked) = (Sequence(low - 1), 0);
    while looked < REACH {
        let chunk = log.read_after(scope, conversation, after, CHUNK).await?;
        if let Some(found) = chunk.iter().find(|event| is_it(event)) {
            return Ok(Some(Arc::clone(found)));
        }
        match chunk.last() {
            Some(last) if chunk.len() == CHUNK && last.at.since(made_at) <= APART => after = last.sequence,
            _ => break,
        }
        looked += CHUNK;
    }
    let (mut before, mut looked) = (Sequence(low), 0);
    while looked < REACH {
        let chunk = log.read_before(scope, conversation, before, CHUNK).await?;
        if let Some(found) = chunk.iter().find(|event| is_it(event)) {
            return Ok(Some(Arc::clone(found)));
        }
        match chunk.last() {
            Some(last) if chunk.len() == CHUNK && made_at.since(last.at) <= APART => before = last.sequence,
            _ => break,
        }
        looked += CHUNK;
    }
    Ok(None)
}

/// When the identifier was made; nothing if it tells no time.
fn made_at(message: MessageId) -> Option<Timestamp> {
    let (seconds, nanos) = message.as_uuid().get_timestamp()?.to_unix();
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(u64::from(nanos) / 1_000_000)))
}
