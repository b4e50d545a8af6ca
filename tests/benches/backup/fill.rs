//! Fills the store of a host that does not run with messages, by its own port and in large commits: as many as people
//! would send in half a year.

use std::path::Path;

use anyhow::{Context as _, Result};
use uuid::Uuid;
use warbler_domain::{
    Audience, Body, ConversationId, Event, EventKind, Message, MessageId, MessageLog, Placed, Sequence, TenantId,
    TenantScope, Timestamp, UserId,
};
use warbler_store::{Durability, Location, MasterKey, Store, StoreOptions};

use crate::data::Dice;

/// Events of one commit.
const TOGETHER: usize = 512;

/// When the first conversation began, in milliseconds: 1 January 2026.
const BEGUN: u64 = 1_767_225_600_000;

/// Over how long a conversation goes on, in milliseconds.
const HALF_A_YEAR: u64 = 180 * 24 * 3600 * 1000;

/// A conversation that is to be filled.
pub(crate) struct Room {
    pub(crate) id: String,
    /// How long it becomes, in bytes of its events as JSON.
    pub(crate) bytes: u64,
}

/// Fills conversations of a tenant, in which these people talk. Gives how many messages it were.
pub(crate) async fn fill(folder: &Path, tenant: &str, people: &[String], rooms: &[Room]) -> Result<u64> {
    let key = std::fs::read_to_string(folder.join("master.key"))?;
    let master: MasterKey = key.trim().parse().ok().context("the master key cannot be read")?;
    let mut options = StoreOptions::new(Location::Sled(folder.join("data")), master);
    options.durability = Durability::Relaxed;
    let store = Store::open(&options)?;
    let scope = TenantScope::own_work(TenantId::from_uuid(tenant.parse()?));
    let people = people.iter().map(|id| Ok(UserId::from_uuid(id.parse()?))).collect::<Result<Vec<_>>>()?;
    let mut messages = 0;
    for (number, room) in rooms.iter().enumerate() {
        let id = ConversationId::from_uuid(room.id.parse()?);
        let talk = Talk { id, people: &people, dice: Dice::new(number as u64 + 1), bytes: room.bytes };
        messages += talk.place(&*store.log(), &scope).await?;
    }
    store.close().await;
    Ok(messages)
}

/// What is said in one conversation.
struct Talk<'a> {
    id: ConversationId,
    people: &'a [UserId],
    dice: Dice,
    bytes: u64,
}

impl Talk<'_> {
    async fn place(mut self, log: &dyn MessageLog, scope: &TenantScope) -> Result<u64> {
        // What began it is as old as the rest.
        let first = log.read_after(scope, self.id, Sequence(0), TOGETHER).await?;
        let begun = first.iter().map(|event| Event { at: Timestamp::from_millis(BEGUN), ..Event::clone(event) });
        let mut placed: Vec<Placed> = begun.map(|event| Placed { event, over: true }).collect();
        let mut sequence = first.last().map_or(Sequence(0), |event| event.sequence);
        let (mut length, mut messages) = (0, 0);
        while length < self.bytes {
            sequence = sequence.next();
            let at = BEGUN + HALF_A_YEAR / self.bytes.max(1) * length;
            let event = self.message(sequence, Timestamp::from_millis(at))?;
            length += serde_json::to_vec(&event)?.len() as u64 + 1;
            messages += 1;
            placed.push(Placed { event, over: false });
            if placed.len() == TOGETHER {
                log.place(scope, self.id, std::mem::take(&mut placed), Vec::new()).await?;
            }
        }
        if !placed.is_empty() {
            log.place(scope, self.id, placed, Vec::new()).await?;
        }
        Ok(messages)
    }

    fn message(&mut self, sequence: Sequence, at: Timestamp) -> Result<Event> {
        let who = usize::try_from(self.dice.next() % self.people.len().max(1) as u64)?;
        let sender = *self.people.get(who).context("nobody is there")?;
        // As UUIDs of version 7 are made: the time, and then chance (RFC 9562, section 5.7).
        let time = at.as_millis() << 16 | 0x7000 | self.dice.next() & 0xfff;
        let id = Uuid::from_u64_pair(time, 1 << 63 | self.dice.next() >> 2);
        let message = Message {
            id: MessageId::from_uuid(id),
            sender,
            sent_at: at,
            edited_at: None,
            body: Some(Body::Text { text: self.dice.text() }),
            reply_to: None,
            mentions: Vec::new(),
            caution: None,
            receipts: Vec::new(),
            removed_at: None,
            restored_at: None,
        };
        let kind = EventKind::Posted { message };
        Ok(Event { conversation: self.id, sequence, at, actor: sender, audience: Audience::Members, kind })
    }
}
