//! What an agent may see of a conversation: in a group only what it was addressed in, elsewhere what was said
//! since it came in. What was recalled, held or discarded is never among it.

use std::collections::HashSet;
use std::sync::Arc;

use warbler_domain::{
    Audience, ConversationKind, Event, EventKind, Message, MessageId, Party, Role, Sequence, Submission, TenantScope,
    Timestamp, UserId,
};

use super::links;
use super::record::{AgentRecord, GroupRule};
use crate::ServiceError;
use crate::conversations::Room;
use crate::core::Core;

/// Events that are looked back over at most, and at a time.
const REACH: usize = 600;
const PAGE: usize = 100;

/// Most messages that an agent is given.
pub(super) const MOST: usize = 50;

/// A message that an agent may see.
pub(super) struct Seen {
    /// The message.
    pub(super) message: Submission,
    /// Whether links in it may be repeated.
    pub(super) is_source: bool,
}

/// The messages before `before` that `agent` may see, oldest first, at most `limit`.
pub(super) async fn seen(
    core: &Core,
    scope: &TenantScope,
    room: &Room,
    agent: &AgentRecord,
    before: Sequence,
    limit: usize,
) -> Result<Vec<Seen>, ServiceError> {
    let limit = limit.min(MOST);
    let Some(since) = joined_at(room, agent.user) else { return Ok(Vec::new()) };
    let sees_all = room.conversation.kind != ConversationKind::Group || agent.settings.groups == GroupRule::Always;
    let (mut before, mut looked, mut found) = (before, 0, Vec::new());
    let mut own: HashSet<MessageId> = HashSet::new();
    while looked < REACH && (found.len() < limit || !sees_all) {
        let page = core.ports.log.read_before(scope, room.conversation.id, before, PAGE).await?;
        looked += page.len();
        for event in &page {
            if let Some(message) = shown(event, since) {
                own.extend((message.sender == agent.user).then_some(message.id));
                found.push(Arc::clone(event));
            }
        }
        match page.last() {
            Some(oldest) if page.len() == PAGE && oldest.at >= since => before = oldest.sequence,
            _ => break,
        }
    }
    let is_addressed = |message: &Message| {
        message.sender == agent.user
            || message.mentions.contains(&agent.user)
            || message.reply_to.is_some_and(|answered| own.contains(&answered))
    };
    let mut seen = Vec::with_capacity(limit.min(found.len()));
    for event in found {
        let EventKind::Posted { message } = &event.kind else { continue };
        if seen.len() < limit && (sees_all || is_addressed(message)) {
            let is_source = message.sender != agent.user || !links::is_flagged(message);
            let submission = submission(core, scope, room, &event, message).await?;
            seen.extend(submission.map(|message| Seen { message, is_source }));
        }
    }
    seen.reverse();
    Ok(seen)
}

/// Since when `user` is in the conversation.
pub(super) fn joined_at(room: &Room, user: UserId) -> Option<Timestamp> {
    room.conversation.members.iter().find(|member| member.user == user).map(|member| member.joined_at)
}

/// The message that an event posted, if everybody may still read it.
pub(super) fn shown(event: &Event, since: Timestamp) -> Option<&Message> {
    let EventKind::Posted { message } = &event.kind else { return None };
    let is_shown = event.audience == Audience::Members && message.body.is_some() && event.at >= since;
    is_shown.then_some(message)
}

/// A message as a hook sees it; nothing if it was recalled.
pub(super) async fn submission(
    core: &Core,
    scope: &TenantScope,
    room: &Room,
    event: &Event,
    message: &Message,
) -> Result<Option<Submission>, ServiceError> {
    let Some(body) = message.body.clone() else { return Ok(None) };
    let sender = match core.person(scope, message.sender).await? {
        Some(person) => {
            let profile = person.profile.load();
            Party { id: profile.id, name: profile.name.clone(), role: profile.role }
        }
        None => Party { id: message.sender, name: String::new(), role: Role::Guest },
    };
    Ok(Some(Submission {
        id: message.id,
        conversation: event.conversation,
        kind: room.conversation.kind,
        sequence: Some(event.sequence),
        sender,
        sent_at: message.sent_at,
        body,
        reply_to: message.reply_to,
        mentions: message.mentions.clone(),
        edit: false,
    }))
}
