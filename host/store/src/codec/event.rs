//! Events as they are stored, without what their raw keys say already:
//! `3 | time in milliseconds (8) | actor (16) | audience: 0, or 1 and a person (16) | receipts | JSON of what happened`.
//! Numbers are big-endian. The JSON stands there as a line of a backup has it, so that it is copied and not made again.
//! The first two versions were JSON as a whole, the second with its receipts before it.

use std::io::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warbler_domain::{
    Audience, ConversationId, Event, EventKind, EventLine, EventLines, Receipt, Sequence, StoreError, Timestamp, UserId,
};

use super::origins::{Named, Names};
use super::receipts::{self, Origin, OriginId};
use crate::seal::Draft;

const V1: u8 = 1;
const V2: u8 = 2;
const V3: u8 = 3;

const EVERYBODY: u8 = 0;
const ONE: u8 = 1;

/// Longest event, encoded. A message's body is at most 64 KiB, and receipts and their findings come to it.
pub(super) const LIMIT: u64 = 1024 * 1024;

const CORRUPT: StoreError = StoreError::Corrupt { what: "event" };

/// Finds the origin of a receipt.
pub(super) type Find<'a> = dyn Fn(OriginId) -> Result<Arc<Origin>, StoreError> + 'a;

/// An encoded event, and the origins of receipts that it names.
pub(crate) struct Encoded {
    pub(crate) draft: Draft,
    pub(crate) origins: Vec<Arc<Named>>,
}

/// Encodes an event, which it leaves as it was.
pub(crate) fn encode_event(event: &mut Event, names: &Names) -> Result<Encoded, StoreError> {
    let receipts = receipts_of(&mut event.kind).map(std::mem::take).unwrap_or_default();
    let encoded = encode(event, &receipts, names);
    if let Some(place) = receipts_of(&mut event.kind) {
        *place = receipts;
    }
    encoded
}

fn encode(event: &Event, receipts: &[Receipt], names: &Names) -> Result<Encoded, StoreError> {
    let failed = |source| StoreError::Io { doing: "encoding an event", source };
    // Most messages fit, so that the buffer need not grow.
    let mut draft = Draft::with_capacity(1024);
    let mut origins = Vec::new();
    let (to, person) = match &event.audience {
        Audience::Members => (EVERYBODY, [].as_slice()),
        Audience::Only(user) => (ONE, user.as_bytes().as_slice()),
    };
    for bytes in [&[V3], event.at.as_millis().to_be_bytes().as_slice(), event.actor.as_bytes(), &[to], person] {
        draft.write_all(bytes).map_err(|error| failed(error.into()))?;
    }
    receipts::write(&mut draft, receipts, names, &mut origins)?;
    serde_json::to_writer(&mut draft, &event.kind).map_err(|error| failed(error.into()))?;
    if draft.len() as u64 > LIMIT {
        return Err(StoreError::TooLarge { limit: LIMIT });
    }
    Ok(Encoded { draft, origins })
}

/// The receipts in an event of the kinds that have any.
pub(super) const fn receipts_of(kind: &mut EventKind) -> Option<&mut Vec<Receipt>> {
    match kind {
        EventKind::Posted { message } => Some(&mut message.receipts),
        EventKind::Edited { receipts, .. } => Some(receipts),
        _ => None,
    }
}

/// An event whose JSON was not looked at.
struct Stored<'a> {
    at: Timestamp,
    actor: UserId,
    audience: Audience,
    receipts: Vec<Receipt>,
    what: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Reads what follows the number of the version.
    fn read(bytes: &'a [u8], find: &Find<'_>) -> Result<Self, StoreError> {
        let (at, rest) = bytes.split_first_chunk().ok_or(CORRUPT)?;
        let (actor, rest) = person(rest)?;
        let (audience, rest) = match rest.split_first().ok_or(CORRUPT)? {
            (&EVERYBODY, rest) => (Audience::Members, rest),
            (&ONE, rest) => person(rest).map(|(user, rest)| (Audience::Only(user), rest))?,
            _ => return Err(CORRUPT),
        };
        let (receipts, what) = receipts::read(rest, find)?;
        Ok(Self { at: Timestamp::from_millis(u64::from_be_bytes(*at)), actor, audience, receipts, what })
    }

    fn decode(self, conversation: ConversationId, sequence: Sequence) -> Result<Event, StoreError> {
        let Self { at, actor, audience, receipts, what } = self;
        let mut kind = serde_json::from_slice(what).map_err(|_| CORRUPT)?;
        put_receipts(&mut kind, receipts);
        Ok(Event { conversation, sequence, at, actor, audience, kind })
    }

    /// Writes the event as `serde_json` would, from the JSON that is there.
    fn write(&self, conversation: ConversationId, sequence: Sequence, text: &mut Vec<u8>) -> Result<(), StoreError> {
        let head = Head { conversation, sequence, at: self.at, actor: self.actor, audience: self.audience };
        json(&head, text)?;
        // The closing brace of the head comes at the very end.
        text.pop();
        text.extend_from_slice(b",\"kind\":");
        if self.receipts.is_empty() {
            text.extend_from_slice(self.what);
        } else {
            // They are the last of a message, and of an edit.
            let closing: &[u8] = if self.what.starts_with(b"{\"event\":\"posted\"") { b"}}" } else { b"}" };
            text.extend_from_slice(self.what.strip_suffix(closing).ok_or(CORRUPT)?);
            text.extend_from_slice(b",\"receipts\":");
            json(&self.receipts, text)?;
            text.extend_from_slice(closing);
        }
        text.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// What an event's JSON begins with, in the same order.
#[derive(Serialize)]
struct Head {
    conversation: ConversationId,
    sequence: Sequence,
    at: Timestamp,
    actor: UserId,
    audience: Audience,
}

/// An event as the first two versions wrote it.
#[derive(Deserialize)]
struct Early {
    at: u64,
    by: UserId,
    #[serde(default)]
    to: Audience,
    what: EventKind,
}

impl Early {
    fn decode(
        json: &[u8],
        receipts: Vec<Receipt>,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> Result<Event, StoreError> {
        let Self { at, by: actor, to: audience, what: mut kind } = serde_json::from_slice(json).map_err(|_| CORRUPT)?;
        put_receipts(&mut kind, receipts);
        Ok(Event { conversation, sequence, at: Timestamp::from_millis(at), actor, audience, kind })
    }
}

fn put_receipts(kind: &mut EventKind, receipts: Vec<Receipt>) {
    if let Some(place) = receipts_of(kind).filter(|_| !receipts.is_empty()) {
        *place = receipts;
    }
}

fn person(bytes: &[u8]) -> Result<(UserId, &[u8]), StoreError> {
    let (id, rest) = bytes.split_first_chunk().ok_or(CORRUPT)?;
    Ok((UserId::from_uuid(Uuid::from_bytes(*id)), rest))
}

fn json(value: &impl Serialize, text: &mut Vec<u8>) -> Result<(), StoreError> {
    let failed = |source: serde_json::Error| StoreError::Io { doing: "writing a line", source: source.into() };
    serde_json::to_writer(text, value).map_err(failed)
}

/// Decodes an event.
pub(super) fn decode_event(
    conversation: ConversationId,
    sequence: Sequence,
    plain: &[u8],
    find: &Find<'_>,
) -> Result<Event, StoreError> {
    match plain.split_first().ok_or(CORRUPT)? {
        (&V1, json) => Early::decode(json, Vec::new(), conversation, sequence),
        (&V2, rest) => {
            let (receipts, json) = receipts::read(rest, find)?;
            Early::decode(json, receipts, conversation, sequence)
        }
        (&V3, rest) => Stored::read(rest, find)?.decode(conversation, sequence),
        _ => Err(CORRUPT),
    }
}

/// Adds an event as a line: the same as its JSON, decoded or not.
pub(super) fn add_line(
    lines: &mut EventLines,
    conversation: ConversationId,
    sequence: Sequence,
    plain: &[u8],
    find: &Find<'_>,
) -> Result<(), StoreError> {
    let before = lines.text.len();
    let at = if let Some((&V3, rest)) = plain.split_first() {
        let stored = Stored::read(rest, find)?;
        stored.write(conversation, sequence, &mut lines.text)?;
        stored.at
    } else {
        let event = decode_event(conversation, sequence, plain, find)?;
        json(&event, &mut lines.text)?;
        lines.text.push(b'\n');
        event.at
    };
    lines.lines.push_back(EventLine { sequence, at, length: lines.text.len() - before });
    Ok(())
}
