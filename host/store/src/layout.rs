//! Raw keys: what stands under which bytes. They hold kinds, identifiers, numbers and digests, and
//! nothing that a person wrote.
//!
//! | kind | then | value |
//! |---|---|---|
//! | `e` | tenant, conversation, sequence | sealed event |
//! | `p` | tenant, position | conversations and sequences of the events of one group, of which the last has that position |
//! | `i` | tenant, conversation, idempotency key | sequence, and a keyed digest over it and the content |
//! | `s` | tenant, text of the state key | version, then the sealed value |
//! | `o` | tenant, digest | sealed origin of receipts: a plugin's version with one configuration |
//! | `r` | tenant | the version that the tenant's last state write got |
//! | `m` | – | version of this layout |
//!
//! Identifiers are sixteen bytes and numbers eight, big-endian, so that byte order is log order.

use warbler_domain::{ConversationId, Position, Sequence, StateKey, TenantId};

use crate::codec::OriginId;

/// The version of this layout, which is written into every store and checked when one is opened.
pub(crate) const LAYOUT: u8 = 3;

/// Under which the version of the layout stands.
pub(crate) const LAYOUT_KEY: &[u8] = b"m";

/// Bytes of a raw key before the part that differs within one tenant.
const TENANT_PREFIX: usize = 17;

/// Bytes that name one event: conversation and sequence.
const POINTER: usize = 24;

/// What a raw key leads to. Also tells the sealing keys of one tenant apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Event = b'e',
    Position = b'p',
    Idempotency = b'i',
    State = b's',
    Revision = b'r',
    Origin = b'o',
    Blob = b'b',
}

impl Kind {
    /// Every kind that has raw keys of a tenant.
    pub(crate) const RECORDS: [Self; 6] =
        [Self::Event, Self::Position, Self::Idempotency, Self::State, Self::Revision, Self::Origin];

    /// The byte that stands for it.
    pub(crate) const fn byte(self) -> u8 {
        self as u8
    }
}

/// A stretch of raw keys, `from` included and `to` not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
    pub(crate) newest_first: bool,
}

fn start(kind: Kind, tenant: TenantId, more: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(TENANT_PREFIX + more);
    key.push(kind.byte());
    key.extend_from_slice(tenant.as_bytes());
    key
}

fn in_conversation(kind: Kind, tenant: TenantId, conversation: ConversationId, last: &[u8]) -> Vec<u8> {
    let mut key = start(kind, tenant, 16 + last.len());
    key.extend_from_slice(conversation.as_bytes());
    key.extend_from_slice(last);
    key
}

/// Where an event stands.
pub(crate) fn event(tenant: TenantId, conversation: ConversationId, sequence: Sequence) -> Vec<u8> {
    in_conversation(Kind::Event, tenant, conversation, &sequence.0.to_be_bytes())
}

/// Events of a conversation from `first` to `last`, both included.
pub(crate) fn events(
    tenant: TenantId,
    conversation: ConversationId,
    first: Sequence,
    last: Sequence,
    newest_first: bool,
) -> KeyRange {
    let mut to = event(tenant, conversation, last);
    to.push(0);
    KeyRange { from: event(tenant, conversation, first), to, newest_first }
}

/// Where the events of a group are named, by the position of the last. One record for all of them,
/// since every record costs the database a page.
pub(crate) fn position(tenant: TenantId, position: Position) -> Vec<u8> {
    let mut key = start(Kind::Position, tenant, 8);
    key.extend_from_slice(&position.0.to_be_bytes());
    key
}

/// The records that name the positions from `first` on; the first of them may begin before it.
pub(crate) fn positions(tenant: TenantId, first: Position, newest_first: bool) -> KeyRange {
    let mut to = position(tenant, Position(u64::MAX));
    to.push(0);
    KeyRange { from: position(tenant, first), to, newest_first }
}

/// Where an idempotency key of a conversation stands.
pub(crate) fn idempotency(tenant: TenantId, conversation: ConversationId, key: &[u8; 16]) -> Vec<u8> {
    in_conversation(Kind::Idempotency, tenant, conversation, key)
}

/// Where a record of state stands.
pub(crate) fn state(tenant: TenantId, key: &StateKey) -> Vec<u8> {
    let text = key.as_str().as_bytes();
    let mut raw = start(Kind::State, tenant, text.len());
    raw.extend_from_slice(text);
    raw
}

/// Records of state whose key lies below `prefix` (that is, continues it after a slash), and after
/// `after` if that lies there too.
pub(crate) fn state_below(tenant: TenantId, prefix: &StateKey, after: Option<&StateKey>) -> KeyRange {
    let mut from = state(tenant, prefix);
    if !prefix.as_str().ends_with('/') {
        from.push(b'/');
    }
    let mut to = from.clone();
    if let Some(slash) = to.last_mut() {
        // The byte after a slash: the first key that no longer continues the prefix.
        *slash = b'/' + 1;
    }
    if let Some(after) = after {
        let mut next = state(tenant, after);
        next.push(0);
        from = from.max(next);
    }
    KeyRange { from, to, newest_first: false }
}

/// Where an origin of receipts stands.
pub(crate) fn origin(tenant: TenantId, id: OriginId) -> Vec<u8> {
    let mut key = start(Kind::Origin, tenant, 16);
    key.extend_from_slice(&id.0);
    key
}

/// Where the tenant's last version is kept.
pub(crate) fn revision(tenant: TenantId) -> Vec<u8> {
    start(Kind::Revision, tenant, 0)
}

/// Every raw key of one kind of one tenant.
pub(crate) fn all_of(kind: Kind, tenant: TenantId) -> KeyRange {
    let from = start(kind, tenant, 0);
    let mut to = from.clone();
    // The next tenant's first key, or the next kind's if this is the greatest tenant there can be.
    while let Some(last) = to.pop() {
        if last < u8::MAX {
            to.push(last + 1);
            break;
        }
    }
    KeyRange { from, to, newest_first: false }
}

/// The number at the end of a raw key.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The state key in a raw key.
pub(crate) fn state_key(raw: &[u8]) -> Option<StateKey> {
    let text = raw.get(TENANT_PREFIX..)?;
    Some(StateKey::from_text(String::from_utf8(text.to_vec()).ok()?))
}

/// Names one more event of a group.
pub(crate) fn push_pointer(pointers: &mut Vec<u8>, conversation: ConversationId, sequence: Sequence) {
    pointers.extend_from_slice(conversation.as_bytes());
    pointers.extend_from_slice(&sequence.0.to_be_bytes());
}

/// An event's position, and where it stands.
pub(crate) type Pointer = (Position, ConversationId, Sequence);

/// Reads the record that names the events of a group, the last of which has the position `last`.
pub(crate) fn read_pointers(last: u64, bytes: &[u8]) -> Option<Vec<Pointer>> {
    let entries = bytes.chunks_exact(POINTER);
    let count = u64::try_from(entries.len()).ok()?;
    if !entries.remainder().is_empty() {
        return None;
    }
    let first = last.checked_sub(count)?.checked_add(1)?;
    (first..)
        .zip(entries)
        .map(|(position, entry)| {
            let (conversation, sequence) = entry.split_first_chunk::<16>()?;
            let conversation = ConversationId::from_uuid(uuid::Uuid::from_bytes(*conversation));
            Some((Position(position), conversation, Sequence(last_number(sequence)?)))
        })
        .collect()
}
