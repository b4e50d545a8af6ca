//! Stored bytes: what is written is read, also what earlier versions wrote, and nothing else.

use proptest::prelude::*;
use serde::Serialize;
use uuid::Uuid;
use warbler_domain::{
    Audience, Body, Caution, EventKind, EventLine, Finding, InstallationId, Message, MessageId, Outcome, Reason,
    Receipt, Strength, Timestamp, UserId,
};

use super::event::decode_event;
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

fn known(origins: &[Arc<Named>], id: OriginId) -> Result<Arc<Origin>, StoreError> {
    let named = origins.iter().find(|named| named.id == id);
    named.map(|named| Arc::new(named.origin.clone())).ok_or(receipts::CORRUPT)
}

/// An event as the first two versions wrote it.
#[derive(Serialize)]
struct Early<'a> {
    at: u64,
    by: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Audience>,
    what: &'a EventKind,
}

impl<'a> From<&'a Event> for Early<'a> {
    fn from(event: &'a Event) -> Self {
        let to = Some(event.audience).filter(|audience| *audience != Audience::Members);
        Self { at: event.at.as_millis(), by: event.actor, to, what: &event.kind }
    }
}

/// An event as the second version wrote it, and the origins that it names.
fn second(event: &mut Event) -> (Vec<u8>, Vec<Arc<Named>>) {
    let receipts = event::receipts_of(&mut event.kind).map(std::mem::take).unwrap_or_default();
    let (mut draft, mut origins) = (Draft::of(&[2]), Vec::new());
    receipts::write(&mut draft, &receipts, &Names::default(), &mut origins).unwrap();
    serde_json::to_writer(&mut draft, &Early::from(&*event)).unwrap();
    if let Some(place) = event::receipts_of(&mut event.kind) {
        *place = receipts;
    }
    let subkey = subkey();
    let sealed = subkey.seal(b"place", 0, draft).unwrap();
    (subkey.open(b"place", 0, &sealed, "event").unwrap(), origins)
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
    any::<(String, Option<String>, u64, bool, u32, bool)>().prop_map(|(text, reason, took_us, rescan, at, failed)| {
        Receipt {
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
        }
    })
}

fn kind() -> impl Strategy<Value = EventKind> {
    let message = (body(), any::<u64>(), user(), proptest::collection::vec(receipt(), 0..3), any::<Option<String>>());
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
    let receipt = crate::raw::receipt("0.1.0");
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
    assert_eq!(two.draft.len() - none.draft.len(), 2 * 21);
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
    fn an_event_as_earlier_versions_wrote_it_is_read(mut event in event()) {
        let mut first = vec![1];
        serde_json::to_writer(&mut first, &Early::from(&event)).unwrap();
        let read = decode_event(event.conversation, event.sequence, &first, &unknown).unwrap();
        prop_assert_eq!(&read, &event);
        let (second, origins) = second(&mut event);
        let read = decode_event(event.conversation, event.sequence, &second, &|id| known(&origins, id)).unwrap();
        prop_assert_eq!(&read, &event);
    }

    #[test]
    fn a_line_is_the_event_s_json_whichever_version_wrote_it(mut event in event()) {
        let expected = format!("{}\n", serde_json::to_string(&event).unwrap());
        let (second, mut origins) = second(&mut event);
        let Encoded { draft, origins: more } = encode_event(&mut event, &Names::default()).unwrap();
        origins.extend(more);
        let subkey = subkey();
        let third = subkey.open(b"place", 0, &subkey.seal(b"place", 0, draft).unwrap(), "event").unwrap();
        for plain in [second, third] {
            let mut lines = EventLines { text: b"before".to_vec(), ..EventLines::default() };
            let find = |id| known(&origins, id);
            event::add_line(&mut lines, event.conversation, event.sequence, &plain, &find).unwrap();
            let line = EventLine { sequence: event.sequence, at: event.at, length: expected.len() };
            prop_assert_eq!(lines.lines, [line]);
            prop_assert_eq!(String::from_utf8(lines.text).unwrap(), format!("before{expected}"));
        }
    }

    #[test]
    fn plain_bytes_of_any_kind_are_refused_without_panic(first in 0_u8..5, bytes in bytes()) {
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
        let known = |id| known(&origins, id);
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
