//! What a notification says, made at the moment of handing it over: what was taken back, read or left
//! meanwhile is told of to nobody.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{
    ConversationKind, Event, EventKind, Message, Notification, PushTarget, Sequence, TenantScope, Timestamp,
};

use super::job::{Held, Job};
use super::person::Endpoint;
use super::story::Dropped;
use super::text::{self, Language, Phrase};
use super::unread;
use super::work::PushWork;
use crate::ServiceError;
use crate::conversations::Room;

/// A job older than this is looked at once more: its message may have been read or changed.
const FRESH: Duration = Duration::from_secs(2);

/// The notification of a job, or why there is none.
pub(super) async fn compose(
    work: &PushWork,
    scope: &TenantScope,
    held: &Held,
    now: Timestamp,
) -> Result<Result<Notification, Dropped>, ServiceError> {
    let job = &held.job;
    if job.expires_at <= now {
        return Ok(Err(Dropped::Expired));
    }
    if work.core.withdrawn.has(job.message) {
        return Ok(Err(Dropped::Recalled));
    }
    let person = work.person(scope, job.user).await?;
    let Some(endpoint) = person.endpoint(job.endpoint) else { return Ok(Err(Dropped::Unbound)) };
    let room = work.core.room(scope, job.conversation).await?;
    let Some(room) = room.filter(|room| room.has(job.user)) else { return Ok(Err(Dropped::Left)) };
    let is_fresh = now.since(held.came) < FRESH && job.attempt == 0;
    let event = match &held.event {
        Some(event) if is_fresh => Some(Arc::clone(event)),
        _ => event(work, scope, job).await?,
    };
    let Some(event) = event else { return Ok(Err(Dropped::Recalled)) };
    let message = match &event.kind {
        EventKind::Posted { message } if message.body.is_some() => message,
        _ => return Ok(Err(Dropped::Recalled)),
    };
    if !is_fresh && unread::read_mark(&work.core, scope, job.user, job.conversation).await? >= job.sequence {
        return Ok(Err(Dropped::Read));
    }
    let badge = work.unread.badge(&work.core, scope, job.user).await?;
    let words = words(work, scope, job, message, &room).await?;
    Ok(Ok(notification(job, endpoint, words, badge)))
}

/// The event that posted a job's message, as it stands now.
async fn event(work: &PushWork, scope: &TenantScope, job: &Job) -> Result<Option<Arc<Event>>, ServiceError> {
    let before = Sequence(job.sequence.0.saturating_sub(1));
    let found = work.core.ports.log.read_after(scope, job.conversation, before, 1).await?;
    Ok(found.into_iter().find(|event| event.sequence == job.sequence))
}

/// What is said, and in which language.
struct Words {
    title: String,
    body: String,
    locale: String,
}

async fn words(
    work: &PushWork,
    scope: &TenantScope,
    job: &Job,
    message: &Message,
    room: &Room,
) -> Result<Words, ServiceError> {
    let receiver = work.core.person(scope, job.user).await?;
    let locale = receiver.and_then(|person| person.profile.load().locale.clone());
    let language = Language::of(locale.as_deref().unwrap_or_default());
    let locale = locale.unwrap_or_else(|| language.tag().to_owned());
    if !work.policy(scope).await?.contents {
        let phrase = if job.mentioned { Phrase::Mention } else { Phrase::NewMessage };
        return Ok(Words { title: phrase.text(language).to_owned(), body: String::new(), locale });
    }
    let sender = work.core.person(scope, message.sender).await?;
    let sender = sender.map(|person| person.profile.load().name.clone());
    let sender = sender.unwrap_or_else(|| Phrase::Somebody.text(language).to_owned());
    let conversation = &room.conversation;
    let place = if conversation.kind == ConversationKind::Direct { "" } else { conversation.title.as_str() };
    let body = message.body.as_ref().map(|body| text::summary(body, language)).unwrap_or_default();
    Ok(Words { title: text::title(&sender, place), body, locale })
}

fn notification(job: &Job, endpoint: &Endpoint, words: Words, badge: u32) -> Notification {
    Notification {
        id: job.id().to_string(),
        target: target(endpoint, words.locale),
        title: words.title,
        body: words.body,
        conversation: job.conversation.to_string(),
        // Without its hyphens a UUID fits into what every vendor takes (Web Push topics: 32 characters).
        collapse_key: Some(job.conversation.as_uuid().simple().to_string()),
        badge,
        urgency: job.urgency,
        expires_at: job.expires_at,
        secret: false,
    }
}

/// Where a device's notifications go.
pub(super) fn target(endpoint: &Endpoint, locale: String) -> PushTarget {
    PushTarget { id: endpoint.id.to_string(), kind: endpoint.kind.clone(), address: endpoint.address.clone(), locale }
}
