//! How many messages somebody has not read, as the number on an app's icon. Counted once from the log, then
//! kept up to date by what happens.

use std::collections::HashMap;

use parking_lot::Mutex;
use warbler_domain::{Audience, ConversationId, EventKind, Sequence, TenantId, TenantScope, Timestamp, UserId};

use crate::core::Core;
use crate::{ServiceError, records};

/// Where counting stops in one conversation: nobody reads a longer number.
const MOST: u32 = 999;

/// Events read at a time while counting.
const CHUNK: usize = 256;

/// People who are remembered before all are forgotten and counted again.
const PEOPLE: usize = 65_536;

/// Unread messages of one conversation, up to a place in it.
#[derive(Debug, Clone, Copy)]
struct Tally {
    upto: Sequence,
    count: u32,
}

/// One person's conversations; those without a tally are counted when next asked for.
type Conversations = HashMap<ConversationId, Option<Tally>>;

/// Unread messages of those who were notified since the host started.
#[derive(Default)]
pub(super) struct Unread {
    people: Mutex<HashMap<(TenantId, UserId), Conversations>>,
}

impl Unread {
    /// Someone posted at `sequence`.
    pub(super) fn posted(
        &self,
        tenant: TenantId,
        members: &[UserId],
        sender: UserId,
        conversation: ConversationId,
        sequence: Sequence,
    ) {
        let mut people = self.people.lock();
        for user in members {
            let Some(conversations) = people.get_mut(&(tenant, *user)) else { continue };
            if let Some(tally) = conversations.entry(conversation).or_insert(None)
                && tally.upto < sequence
            {
                tally.upto = sequence;
                tally.count = (tally.count + u32::from(*user != sender)).min(MOST);
            }
        }
    }

    /// Something happened that may make fewer messages unread: those of `conversation` are counted again.
    pub(super) fn recount(&self, tenant: TenantId, members: &[UserId], conversation: ConversationId) {
        let mut people = self.people.lock();
        for user in members {
            if let Some(tally) = people.get_mut(&(tenant, *user)).and_then(|of| of.get_mut(&conversation)) {
                *tally = None;
            }
        }
    }

    /// Someone is no longer in a conversation.
    pub(super) fn left(&self, tenant: TenantId, user: UserId, conversation: ConversationId) {
        if let Some(conversations) = self.people.lock().get_mut(&(tenant, user)) {
            conversations.remove(&conversation);
        }
    }

    /// Someone read up to `sequence`.
    pub(super) fn read(&self, tenant: TenantId, user: UserId, conversation: ConversationId, sequence: Sequence) {
        let mut people = self.people.lock();
        let Some(tally) = people.get_mut(&(tenant, user)).and_then(|of| of.get_mut(&conversation)) else { return };
        *tally = match tally {
            Some(present) if sequence >= present.upto => Some(Tally { upto: sequence, count: 0 }),
            _ => None,
        };
    }

    /// All of somebody's unread messages.
    pub(super) async fn badge(&self, core: &Core, scope: &TenantScope, user: UserId) -> Result<u32, ServiceError> {
        let key = (scope.tenant(), user);
        let known = self.people.lock().get(&key).map(|conversations| {
            let missing: Vec<_> =
                conversations.iter().filter(|(_, tally)| tally.is_none()).map(|(id, _)| *id).collect();
            (sum(conversations), missing)
        });
        let missing = match known {
            Some((count, missing)) if missing.is_empty() => return Ok(count),
            Some((_, missing)) => missing,
            None => {
                let prefix = records::under("member", &[&user]);
                let found = records::scan_all(&*core.ports.state, scope, &prefix, usize::MAX).await?;
                found.iter().filter_map(|(key, _)| key.last().parse().ok()).collect()
            }
        };
        let mut counted = Vec::with_capacity(missing.len());
        for conversation in missing {
            counted.push((conversation, count(core, scope, user, conversation).await?));
        }
        let mut people = self.people.lock();
        if people.len() >= PEOPLE {
            people.clear();
        }
        let conversations = people.entry(key).or_default();
        conversations.extend(counted.into_iter().map(|(conversation, tally)| (conversation, Some(tally))));
        Ok(sum(conversations))
    }
}

fn sum(conversations: &Conversations) -> u32 {
    conversations.values().flatten().map(|tally| tally.count).sum()
}

/// Counts one conversation from the log.
async fn count(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    conversation: ConversationId,
) -> Result<Tally, ServiceError> {
    let head = core.ports.log.head(scope, conversation).await?;
    let read = read_mark(core, scope, user, conversation).await?;
    let mut tally = Tally { upto: head, count: 0 };
    let room = core.room(scope, conversation).await?;
    let joined = room.and_then(|room| {
        let member = room.conversation.members.iter().find(|member| member.user == user)?;
        Some(member.joined_at)
    });
    let Some(joined) = joined else { return Ok(tally) };
    let mut after = read;
    while after < head && tally.count < MOST {
        let events = core.ports.log.read_after(scope, conversation, after, CHUNK).await?;
        let Some(last) = events.last() else { break };
        after = last.sequence;
        let unread = events.iter().filter(|event| event.sequence <= head && counts(event, user, joined)).count();
        tally.count = tally.count.saturating_add(u32::try_from(unread).unwrap_or(MOST)).min(MOST);
    }
    Ok(tally)
}

/// How far somebody has read.
pub(super) async fn read_mark(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    conversation: ConversationId,
) -> Result<Sequence, ServiceError> {
    let mark = records::read_mark(conversation, user);
    let read = records::get::<Sequence>(&*core.ports.state, scope, &mark, "read mark").await?;
    Ok(read.map_or(Sequence(0), |(read, _)| read))
}

/// Whether an event is a message that `user`, who came at `joined`, would call unread.
fn counts(event: &warbler_domain::Event, user: UserId, joined: Timestamp) -> bool {
    let EventKind::Posted { message } = &event.kind else { return false };
    event.audience == Audience::Members && message.sender != user && message.body.is_some() && event.at >= joined
}
