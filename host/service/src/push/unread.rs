//! How many messages somebody has not read, as the number on an app's icon. Counted once from the log, then
//! kept up to date by what happens.

use std::collections::{HashMap, HashSet};

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

/// One person's conversations.
#[derive(Default)]
struct Conversations {
    counted: HashMap<ConversationId, Tally>,
    /// Those that are counted when next asked for.
    unknown: HashSet<ConversationId>,
    /// The sum of what is counted.
    total: u32,
}

impl Conversations {
    fn put(&mut self, conversation: ConversationId, tally: Tally) {
        self.unknown.remove(&conversation);
        let before = self.counted.insert(conversation, tally).map_or(0, |before| before.count);
        self.total = self.total.saturating_sub(before).saturating_add(tally.count);
    }

    /// Takes a conversation out; whether it was there.
    fn take(&mut self, conversation: ConversationId) -> bool {
        let counted = self.counted.remove(&conversation);
        self.total = self.total.saturating_sub(counted.map_or(0, |before| before.count));
        counted.is_some() || self.unknown.remove(&conversation)
    }

    fn posted(&mut self, conversation: ConversationId, sequence: Sequence, is_own: bool) {
        match self.counted.get(&conversation) {
            Some(tally) if tally.upto < sequence => {
                let count = (tally.count + u32::from(!is_own)).min(MOST);
                self.put(conversation, Tally { upto: sequence, count });
            }
            Some(_) => {}
            None => {
                self.unknown.insert(conversation);
            }
        }
    }

    fn read(&mut self, conversation: ConversationId, sequence: Sequence) {
        if self.counted.get(&conversation).is_some_and(|tally| sequence >= tally.upto) {
            self.put(conversation, Tally { upto: sequence, count: 0 });
        } else {
            self.recount(conversation);
        }
    }

    fn recount(&mut self, conversation: ConversationId) {
        if self.take(conversation) {
            self.unknown.insert(conversation);
        }
    }
}

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
            if let Some(conversations) = people.get_mut(&(tenant, *user)) {
                conversations.posted(conversation, sequence, *user == sender);
            }
        }
    }

    /// Something happened that may make fewer messages unread: those of `conversation` are counted again.
    pub(super) fn recount(&self, tenant: TenantId, members: &[UserId], conversation: ConversationId) {
        let mut people = self.people.lock();
        for user in members {
            if let Some(conversations) = people.get_mut(&(tenant, *user)) {
                conversations.recount(conversation);
            }
        }
    }

    /// Someone is no longer in a conversation.
    pub(super) fn left(&self, tenant: TenantId, user: UserId, conversation: ConversationId) {
        if let Some(conversations) = self.people.lock().get_mut(&(tenant, user)) {
            conversations.take(conversation);
        }
    }

    /// Someone read up to `sequence`.
    pub(super) fn read(&self, tenant: TenantId, user: UserId, conversation: ConversationId, sequence: Sequence) {
        if let Some(conversations) = self.people.lock().get_mut(&(tenant, user)) {
            conversations.read(conversation, sequence);
        }
    }

    /// All of somebody's unread messages.
    pub(super) async fn badge(&self, core: &Core, scope: &TenantScope, user: UserId) -> Result<u32, ServiceError> {
        let key = (scope.tenant(), user);
        let known = self.people.lock().get(&key).map(|conversations| {
            let unknown: Vec<_> = conversations.unknown.iter().copied().collect();
            (conversations.total, unknown)
        });
        let unknown = match known {
            Some((total, unknown)) if unknown.is_empty() => return Ok(total),
            Some((_, unknown)) => unknown,
            None => {
                let prefix = records::under("member", &[&user]);
                let found = records::scan_all(&*core.ports.state, scope, &prefix, usize::MAX).await?;
                found.iter().filter_map(|(key, _)| key.last().parse().ok()).collect()
            }
        };
        let mut counted = Vec::with_capacity(unknown.len());
        for conversation in unknown {
            counted.push((conversation, count(core, scope, user, conversation).await?));
        }
        let mut people = self.people.lock();
        if people.len() >= PEOPLE {
            people.clear();
        }
        let conversations = people.entry(key).or_default();
        for (conversation, tally) in counted {
            conversations.put(conversation, tally);
        }
        Ok(conversations.total)
    }
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_total_follows_what_happens() {
        let place = |number| ConversationId::from_uuid(Uuid::from_u128(number));
        let mut it = Conversations::default();
        it.put(place(1), Tally { upto: Sequence(5), count: 2 });
        it.put(place(2), Tally { upto: Sequence(9), count: 1 });
        it.posted(place(1), Sequence(6), false);
        it.posted(place(1), Sequence(6), false);
        it.posted(place(2), Sequence(10), true);
        assert_eq!((it.total, it.unknown.len()), (4, 0));
        it.read(place(1), Sequence(6));
        assert_eq!(it.total, 1);
        // Not all of it was read, or a message was taken back: how many are left has to be counted.
        it.read(place(2), Sequence(9));
        it.recount(place(3));
        it.posted(place(4), Sequence(1), false);
        assert_eq!((it.total, it.unknown.len()), (0, 2));
        it.put(place(2), Tally { upto: Sequence(10), count: 7 });
        assert!(it.take(place(2)) && it.take(place(4)) && !it.take(place(5)));
        assert_eq!((it.total, it.unknown.len()), (0, 0));
    }
}
