//! Stored bytes: how events, idempotency entries and records of state look before they are sealed.
//! An event is a version, its receipts if it has any, and JSON without what its raw key says already.
//! What was written by one version is read by every later one.

mod origins;
mod receipts;

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use warbler_domain::{
    Audience, ConversationId, Event, EventKind, Idempotency, Receipt, Sequence, StoreError, TenantId, Timestamp,
    UserId, Versioned,
};

pub(crate) use origins::{Named, Names, Origins};
pub(crate) use receipts::{Origin, OriginId};

use crate::layout::{self, Kind};
use crate::seal::{Draft, Subkey, TenantKey};

/// The version of stored events, their first byte: JSON follows, which may have receipts in it.
const EVENT_V1: u8 = 1;
/// Receipts follow, and then JSON without them.
const EVENT_V2: u8 = 2;

/// Longest event, encoded. A message's body is at most 64 KiB, and receipts and their findings come to it.
const EVENT_LIMIT: u64 = 1024 * 1024;

/// Longest value of state: a word list of a hundred thousand words.
const STATE_LIMIT: u64 = 4 * 1024 * 1024;

/// Longest state key: a family and some identifiers.
const STATE_KEY_LIMIT: u64 = 512;

/// An event as it is written.
#[derive(Serialize)]
struct Written<'a> {
    at: u64,
    by: UserId,
    #[serde(skip_serializing_if = "is_everybody")]
    to: Audience,
    what: &'a EventKind,
}

/// An event as it is read.
#[derive(Deserialize)]
struct Read {
    at: u64,
    by: UserId,
    #[serde(default)]
    to: Audience,
    what: EventKind,
}

impl<'a> From<&'a Event> for Written<'a> {
    fn from(event: &'a Event) -> Self {
        Self { at: event.at.as_millis(), by: event.actor, to: event.audience, what: &event.kind }
    }
}

impl Read {
    fn at(self, conversation: ConversationId, sequence: Sequence) -> Event {
        Event {
            conversation,
            sequence,
            at: Timestamp::from_millis(self.at),
            actor: self.by,
            audience: self.to,
            kind: self.what,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_everybody(audience: &Audience) -> bool {
    *audience == Audience::Members
}

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
    use std::io::Write as _;
    let failed = |source| StoreError::Io { doing: "encoding an event", source };
    // Most messages fit, so that the buffer need not grow.
    let mut draft = Draft::with_capacity(1024);
    let mut origins = Vec::new();
    if receipts.is_empty() {
        draft.write_all(&[EVENT_V1]).map_err(|error| failed(error.into()))?;
    } else {
        draft.write_all(&[EVENT_V2]).map_err(|error| failed(error.into()))?;
        receipts::write(&mut draft, receipts, names, &mut origins)?;
    }
    serde_json::to_writer(&mut draft, &Written::from(event)).map_err(|error| failed(error.into()))?;
    if draft.len() as u64 > EVENT_LIMIT {
        return Err(StoreError::TooLarge { limit: EVENT_LIMIT });
    }
    Ok(Encoded { draft, origins })
}

/// The receipts in an event of the kinds that have any.
const fn receipts_of(kind: &mut EventKind) -> Option<&mut Vec<Receipt>> {
    match kind {
        EventKind::Posted { message } => Some(&mut message.receipts),
        EventKind::Edited { receipts, .. } => Some(receipts),
        _ => None,
    }
}

/// Reads the record under a raw key.
pub(crate) type ReadRecord<'a> = dyn Fn(&[u8]) -> Result<Option<Bytes>, StoreError> + 'a;

/// Opens one tenant's events.
pub(crate) struct Opener<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a TenantKey,
    pub(crate) origins: &'a Origins,
    pub(crate) read: &'a ReadRecord<'a>,
}

impl Opener<'_> {
    /// Opens and decodes the event at a raw key.
    pub(crate) fn event(
        &self,
        subkey: &Subkey,
        place: &[u8],
        conversation: ConversationId,
        sealed: &[u8],
    ) -> Result<Arc<Event>, StoreError> {
        let sequence = layout::last_number(place).ok_or(StoreError::Corrupt { what: "event" })?;
        let plain = subkey.open(place, 0, sealed, "event")?;
        decode_event(conversation, Sequence(sequence), &plain, &|id| self.origin(id)).map(Arc::new)
    }

    /// Opens and decodes events of one conversation.
    pub(crate) fn events(
        &self,
        conversation: ConversationId,
        records: &[crate::backend::Record],
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let subkey = self.key.subkey(Kind::Event, conversation.as_bytes())?;
        records.iter().map(|(place, sealed)| self.event(&subkey, place, conversation, sealed)).collect()
    }

    fn origin(&self, id: OriginId) -> Result<Arc<Origin>, StoreError> {
        self.origins.get(self.tenant, id, || {
            let place = layout::origin(self.tenant, id);
            let sealed = (self.read)(&place)?.ok_or(receipts::CORRUPT)?;
            Origin::read(&origin_subkey(self.key)?.open(&place, 0, &sealed, "receipt")?)
        })
    }
}

/// The key that origins of receipts are sealed with.
pub(crate) fn origin_subkey(key: &TenantKey) -> Result<Subkey, StoreError> {
    key.subkey(Kind::Origin, &[])
}

fn decode_event(
    conversation: ConversationId,
    sequence: Sequence,
    plain: &[u8],
    find: &dyn Fn(OriginId) -> Result<Arc<Origin>, StoreError>,
) -> Result<Event, StoreError> {
    let corrupt = StoreError::Corrupt { what: "event" };
    let (version, rest) = plain.split_first().ok_or(StoreError::Corrupt { what: "event" })?;
    let (receipts, json) = match *version {
        EVENT_V1 => (None, rest),
        EVENT_V2 => {
            let (receipts, json) = receipts::read(rest, find)?;
            (Some(receipts), json)
        }
        _ => return Err(corrupt),
    };
    let read: Read = serde_json::from_slice(json).map_err(|_| corrupt)?;
    let mut event = read.at(conversation, sequence);
    if let (Some(receipts), Some(place)) = (receipts, receipts_of(&mut event.kind)) {
        *place = receipts;
    }
    Ok(event)
}

/// What stands under an idempotency key: the place, and a keyed digest that binds it to the key and the
/// content. Short, since there is one for every message, and the database keeps values of up to 22
/// bytes within their page.
pub(crate) fn idempotency_entry(
    key: &TenantKey,
    place: &[u8],
    asked: &Idempotency,
    sequence: Sequence,
) -> Result<[u8; 22], StoreError> {
    let mut bound = Vec::with_capacity(place.len() + 24);
    bound.extend_from_slice(place);
    bound.extend_from_slice(&asked.content);
    bound.extend_from_slice(&sequence.0.to_be_bytes());
    let digest = key.blind("idempotency", &bound)?;
    let mut entry = [0; 22];
    let bytes = sequence.0.to_be_bytes().into_iter().chain(digest);
    entry.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Ok(entry)
}

/// Reads what stands under an idempotency key; the place, if the content is the same.
pub(crate) fn read_idempotency(
    key: &TenantKey,
    place: &[u8],
    asked: &Idempotency,
    entry: &[u8],
) -> Result<Sequence, StoreError> {
    let sequence = entry.first_chunk::<8>().ok_or(StoreError::Corrupt { what: "idempotency key" })?;
    let sequence = Sequence(u64::from_be_bytes(*sequence));
    let expected = idempotency_entry(key, place, asked, sequence)?;
    // A digest cannot tell another content from an entry that was tampered with; both are refused.
    verify_slices_are_equal(&expected, entry).map_err(|_| StoreError::KeyReused)?;
    Ok(sequence)
}

/// Checks the sizes of a write.
pub(crate) fn check_write(write: &warbler_domain::StateWrite) -> Result<(), StoreError> {
    if write.key.as_str().len() as u64 > STATE_KEY_LIMIT {
        return Err(StoreError::TooLarge { limit: STATE_KEY_LIMIT });
    }
    match &write.value {
        Some(value) if value.len() as u64 > STATE_LIMIT => Err(StoreError::TooLarge { limit: STATE_LIMIT }),
        _ => Ok(()),
    }
}

/// Seals a value of state, with its version before it.
pub(crate) fn seal_state(subkey: &Subkey, key: &[u8], version: u64, draft: Draft) -> Result<Bytes, StoreError> {
    let sealed = subkey.seal(key, version, draft)?;
    let mut record = Vec::with_capacity(8 + sealed.len());
    record.extend_from_slice(&version.to_be_bytes());
    record.extend_from_slice(&sealed);
    Ok(Bytes::from(record))
}

/// The version of a record of state.
pub(crate) fn state_version(record: &[u8]) -> Result<u64, StoreError> {
    let version = record.first_chunk::<8>().ok_or(StoreError::Corrupt { what: "state" })?;
    Ok(u64::from_be_bytes(*version))
}

/// Opens a record of state.
pub(crate) fn open_state(subkey: &Subkey, key: &[u8], record: &[u8]) -> Result<Versioned, StoreError> {
    let version = state_version(record)?;
    let sealed = record.get(8..).unwrap_or_default();
    Ok(Versioned { value: Bytes::from(subkey.open(key, version, sealed, "state")?), version })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;
    use warbler_domain::{
        Body, Caution, Finding, InstallationId, Message, MessageId, Outcome, Reason, Receipt, Strength,
    };

    use super::*;
    use crate::seal::{BlobKey, Keyring};
    use crate::{MasterKey, backend::memory::MemoryKeys};

    /// Seals and opens an event with nothing remembered in between.
    fn through(event: &mut Event) -> Result<Event, StoreError> {
        let (place, key) = (place(event), tenant_key());
        let subkey = subkey();
        let Encoded { draft, origins } = encode_event(event, &Names::default())?;
        let sealed = subkey.seal(&place, 0, draft)?;
        let kept: std::collections::BTreeMap<Vec<u8>, Bytes> = origins
            .iter()
            .map(|named| {
                let place = layout::origin(TenantId::OPERATOR, named.id);
                let sealed = origin_subkey(&key).unwrap().seal(&place, 0, named.origin.draft().unwrap()).unwrap();
                (place, sealed)
            })
            .collect();
        let (origins, read) = (Origins::default(), |place: &[u8]| Ok(kept.get(place).cloned()));
        let opener = Opener { tenant: TenantId::OPERATOR, key: &key, origins: &origins, read: &read };
        opener.event(&subkey, &place, event.conversation, &sealed).map(|event| Event::clone(&event))
    }

    fn subkey() -> Subkey {
        tenant_key().subkey(Kind::Event, b"context").unwrap()
    }

    fn unknown(_: OriginId) -> Result<Arc<Origin>, StoreError> {
        Err(receipts::CORRUPT)
    }

    fn tenant_key() -> Arc<crate::seal::TenantKey> {
        let keys = Keyring::open(Box::new(MemoryKeys::default()), MasterKey::from_bytes([1; 32]), false).unwrap();
        keys.get(warbler_domain::TenantId::OPERATOR).unwrap()
    }

    fn place(event: &Event) -> Vec<u8> {
        layout::event(warbler_domain::TenantId::OPERATOR, event.conversation, event.sequence)
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..200)
    }

    fn user() -> impl Strategy<Value = UserId> {
        any::<u128>().prop_map(|bits| UserId::from_uuid(Uuid::from_u128(bits)))
    }

    fn body() -> impl Strategy<Value = Body> {
        prop_oneof![
            any::<String>().prop_map(|text| Body::Text { text }),
            any::<(String, String)>().prop_map(|(kind, json)| Body::Custom { kind, json }),
        ]
    }

    fn receipt() -> impl Strategy<Value = Receipt> {
        any::<(String, Option<String>, u64, bool, u32, bool)>().prop_map(
            |(text, reason, took_us, rescan, at, failed)| Receipt {
                installation: InstallationId::from_uuid(Uuid::from_u128(took_us.into())),
                plugin: text.clone().into(),
                version: "1.2.3".into(),
                digest: text.clone().into(),
                config_digest: "".into(),
                verdict: Strength::Hold,
                reason: reason.map(|code| Reason { code, text: text.clone() }),
                findings: vec![Finding { label: text.clone(), rule: text.clone(), start: at, end: at, score: 0.5 }],
                outcome: if failed { Outcome::Failed { code: text } } else { Outcome::Decided },
                took_us,
                rescan,
            },
        )
    }

    fn kind() -> impl Strategy<Value = EventKind> {
        let message =
            (body(), any::<u64>(), user(), proptest::collection::vec(receipt(), 0..3), any::<Option<String>>());
        prop_oneof![
            message.prop_map(|(body, id, sender, receipts, code)| {
                let id = MessageId::from_uuid(Uuid::from_u128(id.into()));
                let caution = code.map(|code| Caution { text: code.clone(), code });
                let (sent_at, edited_at) = (Timestamp::from_millis(1), Some(Timestamp::from_millis(2)));
                let mentions = vec![sender];
                let body = Some(body);
                let reply_to = Some(id);
                EventKind::Posted {
                    message: Message {
                        id,
                        sender,
                        sent_at,
                        edited_at,
                        body,
                        reply_to,
                        mentions,
                        caution,
                        receipts,
                        removed_at: None,
                        restored_at: edited_at,
                    },
                }
            }),
            user().prop_map(|user| EventKind::Left { user }),
            any::<String>().prop_map(|title| EventKind::Renamed { title }),
            any::<(u128, u64)>().prop_map(|(id, posted)| EventKind::Recalled {
                message: MessageId::from_uuid(Uuid::from_u128(id)),
                posted: Sequence(posted),
            }),
        ]
    }

    fn event() -> impl Strategy<Value = Event> {
        let audience = prop_oneof![Just(Audience::Members), user().prop_map(Audience::Only)];
        (any::<(u128, u64, u64)>(), user(), audience, kind()).prop_map(|((id, sequence, at), actor, audience, kind)| {
            Event {
                conversation: ConversationId::from_uuid(Uuid::from_u128(id)),
                sequence: Sequence(sequence),
                at: Timestamp::from_millis(at),
                actor,
                audience,
                kind,
            }
        })
    }

    #[test]
    fn a_receipt_of_a_plain_pass_takes_few_bytes_and_its_origin_is_named_once() {
        let receipt = Receipt {
            installation: InstallationId::from_uuid(Uuid::from_u128(1)),
            plugin: "keyword-filter".into(),
            version: "0.1.0".into(),
            digest: "ab".repeat(32).into(),
            config_digest: "cd".repeat(32).into(),
            verdict: Strength::Pass,
            reason: None,
            findings: Vec::new(),
            outcome: Outcome::Decided,
            took_us: 12,
            rescan: false,
        };
        let posted = |receipts| {
            let mut event = Event {
                conversation: ConversationId::from_uuid(Uuid::nil()),
                sequence: Sequence(1),
                at: Timestamp::from_millis(1),
                actor: UserId::from_uuid(Uuid::nil()),
                audience: Audience::Members,
                kind: EventKind::Edited {
                    message: MessageId::from_uuid(Uuid::nil()),
                    posted: Sequence(1),
                    body: Body::Text { text: "x".to_owned() },
                    caution: None,
                    receipts,
                },
            };
            encode_event(&mut event, &Names::default()).unwrap()
        };
        let (none, two) = (posted(Vec::new()), posted(vec![receipt.clone(), receipt]));
        assert_eq!(two.draft.len() - none.draft.len(), 2 + 2 * 21);
        assert_eq!((none.origins.len(), two.origins.len()), (0, 1));
    }

    proptest! {
        #[test]
        fn an_event_opens_as_it_was_sealed(event in event()) {
            let mut same = event.clone();
            prop_assert_eq!(&through(&mut same).unwrap(), &event);
            prop_assert_eq!(same, event);
        }

        #[test]
        fn an_event_as_the_first_version_wrote_it_is_read(event in event()) {
            let plain = [&[EVENT_V1], serde_json::to_vec(&Written::from(&event)).unwrap().as_slice()].concat();
            let read = decode_event(event.conversation, event.sequence, &plain, &unknown).unwrap();
            prop_assert_eq!(read, event);
        }

        #[test]
        fn plain_bytes_of_any_kind_are_refused_without_panic(first in 0_u8..4, bytes in bytes()) {
            let plain = [&[first], bytes.as_slice()].concat();
            let id = ConversationId::from_uuid(Uuid::nil());
            let refused = decode_event(id, Sequence(1), &plain, &unknown);
            let is_refused = matches!(refused, Err(StoreError::Corrupt { what: "event" | "receipt" }));
            prop_assert!(is_refused);
        }

        #[test]
        fn an_event_cut_off_anywhere_is_refused(mut event in event(), cut in any::<prop::sample::Index>()) {
            let (key, subkey) = (place(&event), subkey());
            let Encoded { draft, origins } = encode_event(&mut event, &Names::default()).unwrap();
            let sealed = subkey.seal(&key, 0, draft).unwrap();
            let plain = subkey.open(&key, 0, &sealed, "event").unwrap();
            let known = |id| {
                let named = origins.iter().find(|named| named.id == id);
                named.map(|named| Arc::new(named.origin.clone())).ok_or(receipts::CORRUPT)
            };
            prop_assert_eq!(decode_event(event.conversation, event.sequence, &plain, &known).unwrap(), event.clone());
            let cut = &plain[..cut.index(plain.len())];
            prop_assert!(decode_event(event.conversation, event.sequence, cut, &known).is_err());
        }

        #[test]
        fn sealed_bytes_of_any_kind_are_refused_without_panic(format in 0_u8..3, bytes in bytes()) {
            let bytes = [&[format], bytes.as_slice()].concat();
            let (key, asked) = (subkey(), Idempotency { key: [1; 16], content: [1; 16] });
            prop_assert!(key.open(b"k", 0, &bytes, "x").is_err());
            prop_assert!(open_state(&key, b"k", &bytes).is_err());
            prop_assert!(read_idempotency(&tenant_key(), b"k", &asked, &bytes).is_err());
            prop_assert!(BlobKey::open(&tenant_key(), "name", &bytes).is_err());
            let _ = (layout::state_key(&bytes), layout::last_number(&bytes));
            let last = u64::from(format);
            let pointers = layout::read_pointers(last, &bytes);
            let whole = bytes.len() % 24 == 0 && bytes.len() / 24 <= usize::from(format);
            prop_assert_eq!(pointers.map(|pointers| pointers.len()), whole.then_some(bytes.len() / 24));
        }
    }
}
