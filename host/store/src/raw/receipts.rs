//! Receipts in the records: their origins are written once, found again by another store, and deleted
//! with their tenant.

use uuid::Uuid;
use warbler_domain::{Body, EventKind, InstallationId, Message, MessageId, Outcome, Receipt, Strength};

use super::*;
use crate::backend::memory::MemoryRecords;
use crate::layout::{self, Kind};

/// What a filter of this version says that lets a message pass.
pub(crate) fn receipt(version: &str) -> Receipt {
    Receipt {
        installation: InstallationId::from_uuid(Uuid::from_u128(5)),
        plugin: "keyword-filter".into(),
        version: version.into(),
        digest: "ab".repeat(32).into(),
        config_digest: "cd".repeat(32).into(),
        verdict: Strength::Pass,
        reason: None,
        findings: Vec::new(),
        outcome: Outcome::Decided,
        took_us: 12,
        rescan: false,
    }
}

fn judged(receipts: Vec<Receipt>) -> Append {
    let message = Message {
        id: MessageId::from_uuid(Uuid::from_u128(4)),
        sender: UserId::from_uuid(Uuid::from_u128(3)),
        sent_at: Timestamp::from_millis(1),
        edited_at: None,
        removed_at: None,
        restored_at: None,
        body: Some(Body::Text { text: "x".to_owned() }),
        reply_to: None,
        mentions: Vec::new(),
        caution: None,
        receipts,
    };
    Append::event(Event { kind: EventKind::Posted { message }, ..titled(1, "") })
}

fn origins(records: &MemoryRecords, scope: &TenantScope) -> usize {
    records.range(&layout::all_of(Kind::Origin, scope.tenant()), &|_| false, 99).unwrap().len()
}

fn receipts(events: &[Arc<Event>]) -> Vec<Receipt> {
    let of = |event: &Arc<Event>| match &event.kind {
        EventKind::Posted { message } => message.receipts.clone(),
        other => panic!("{other:?}"),
    };
    events.iter().flat_map(of).collect()
}

#[tokio::test]
async fn receipts_come_back_whole_from_another_store_and_go_with_their_tenant() {
    let (records, keys) = (Arc::new(MemoryRecords::default()), SharedKeys::default());
    let open = || store(records.clone(), Arc::new(MemoryBlobs::default()), keys.clone());
    let (old, new) = (receipt("1.0.0"), receipt("1.1.0"));
    let first = open().await;
    for receipts in [vec![old.clone()], vec![old.clone(), new.clone()], vec![old.clone()]] {
        first.log().append(&ONE, judged(receipts)).await.unwrap();
    }
    first.log().append(&OTHER, judged(vec![new.clone()])).await.unwrap();
    assert_eq!((origins(&records, &ONE), origins(&records, &OTHER)), (2, 1));
    first.close().await;
    let second = open().await;
    let read = second.log().read_after(&ONE, conversation(1), Sequence(0), 9).await.unwrap();
    assert_eq!(receipts(&read), [old.clone(), old.clone(), new.clone(), old.clone()]);
    second.log().append(&ONE, judged(vec![new.clone()])).await.unwrap();
    assert_eq!(origins(&records, &ONE), 2, "what is there is not written again");
    second.destroy_tenant(ONE.tenant()).await.unwrap();
    assert_eq!((origins(&records, &ONE), origins(&records, &OTHER)), (0, 1));
}

#[tokio::test]
async fn a_receipt_without_its_origin_is_refused_rather_than_left_out() {
    let (records, keys) = (Arc::new(MemoryRecords::default()), SharedKeys::default());
    let open = || store(records.clone(), Arc::new(MemoryBlobs::default()), keys.clone());
    let first = open().await;
    first.log().append(&ONE, judged(vec![receipt("1.0.0")])).await.unwrap();
    first.close().await;
    let range = layout::all_of(Kind::Origin, ONE.tenant());
    for (place, _) in records.range(&range, &|_| false, 9).unwrap() {
        overwrite(&*records, place, None);
    }
    let read = open().await.log().read_after(&ONE, conversation(1), Sequence(0), 9).await;
    assert!(matches!(read, Err(warbler_domain::StoreError::Corrupt { what: "receipt" })), "{read:?}");
}

#[tokio::test]
async fn a_store_of_an_earlier_layout_is_opened_and_marked_as_the_present_one() {
    let (records, keys) = (Arc::new(MemoryRecords::default()), SharedKeys::default());
    let open = || store(records.clone(), Arc::new(MemoryBlobs::default()), keys.clone());
    open().await.close().await;
    for earlier in 1..layout::LAYOUT {
        overwrite(&*records, b"m".to_vec(), Some(Bytes::copy_from_slice(&[earlier])));
        open().await.close().await;
        assert_eq!(records.get(b"m").unwrap().as_deref(), Some(&[layout::LAYOUT][..]));
    }
}
