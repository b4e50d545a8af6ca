//! The chain: no gaps, no losses, and no field that can be changed unseen.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use warbler_domain::{Body, Expect, StateKey, TenantScope};

use super::*;
use crate::filters::Judgement;
use crate::plugin_world::{World, message};

fn entry(action: &str) -> NewEntry {
    NewEntry::new(Actor::Host, action).subject("thing", &"t1").detail("size", 3)
}

async fn fill(world: &World, count: usize) {
    for number in 0..count {
        world.ext.audit.record(&world.scope(), entry(&format!("test.{number}"))).await.unwrap();
    }
}

async fn report(world: &World) -> AuditReport {
    world.ext.audit.verify(&world.scope()).await.unwrap()
}

async fn write(world: &World, key: StateKey, value: Option<Vec<u8>>) {
    let write = StateWrite { key, value: value.map(Into::into), expect: Expect::Any };
    world.store.state().commit(&world.scope(), vec![write]).await.unwrap();
}

async fn stored(world: &World, number: u64) -> Value {
    let kept = world.store.state().get(&world.scope(), &entry::entry_key(number)).await.unwrap().unwrap();
    serde_json::from_slice(&kept.value).unwrap()
}

#[tokio::test]
async fn an_untouched_log_verifies_and_an_empty_one_too() {
    let world = World::new().await;
    assert_eq!((report(&world).await.intact, report(&world).await.broken), (0, None));
    fill(&world, 5).await;
    let report = report(&world).await;
    assert_eq!((report.intact, report.broken), (5, None));
    assert_eq!(report.last_hash, stored(&world, 5).await["hash"]);
}

#[tokio::test]
async fn a_change_of_any_field_is_found_and_the_entry_is_named() {
    let changes = [
        ("/number", Value::from(9)),
        ("/at", Value::from("2026-01-01T00:00:00Z")),
        ("/actor/kind", Value::from("operator")),
        ("/action", Value::from("test.other")),
        ("/subjects/thing", Value::from("t2")),
        ("/details", Value::from("{\"size\":4}")),
        ("/previous", Value::from("ab")),
        ("/hash", Value::from("ab")),
    ];
    let fields = |value: &Value| value.as_object().unwrap().len();
    let world = World::new().await;
    fill(&world, 4).await;
    let original = stored(&world, 3).await;
    assert_eq!(fields(&original), changes.len(), "a field is not tried");
    for (pointer, value) in changes {
        let mut forged = original.clone();
        *forged.pointer_mut(pointer).unwrap() = value;
        assert_ne!(forged, original);
        write(&world, entry::entry_key(3), Some(serde_json::to_vec(&forged).unwrap())).await;
        let report = report(&world).await;
        assert_eq!((report.intact, report.broken.map(|broken| broken.number)), (2, Some(3)), "{pointer}");
        write(&world, entry::entry_key(3), Some(serde_json::to_vec(&original).unwrap())).await;
    }
    assert_eq!(report(&world).await.broken, None);
}

#[tokio::test]
async fn an_entry_with_a_hash_made_anew_breaks_the_one_after_it() {
    let world = World::new().await;
    fill(&world, 3).await;
    let mut forged: AuditEntry = serde_json::from_value(stored(&world, 2).await).unwrap();
    forged.action = "test.forged".into();
    forged.hash = forged.hash_for(world.tenant);
    write(&world, entry::entry_key(2), Some(serde_json::to_vec(&forged).unwrap())).await;
    assert_eq!(report(&world).await.broken.unwrap().number, 3);
}

#[tokio::test]
async fn an_entry_that_is_taken_out_cut_off_or_unreadable_is_named() {
    let world = World::new().await;
    fill(&world, 3).await;
    let kept = serde_json::to_vec(&stored(&world, 2).await).unwrap();
    write(&world, entry::entry_key(2), None).await;
    assert_eq!(report(&world).await.broken.unwrap(), Broken { number: 2, reason: "is missing" });
    write(&world, entry::entry_key(2), Some(b"rubbish".to_vec())).await;
    assert_eq!(report(&world).await.broken.unwrap(), Broken { number: 2, reason: "does not open" });
    write(&world, entry::entry_key(2), Some(kept)).await;
    write(&world, entry::entry_key(3), None).await;
    assert_eq!(report(&world).await.broken.unwrap(), Broken { number: 3, reason: "is missing" });
}

#[tokio::test]
async fn a_log_whose_head_was_taken_is_broken() {
    let world = World::new().await;
    fill(&world, 2).await;
    write(&world, entry::head_key(), None).await;
    assert_eq!(report(&world).await.broken.unwrap().number, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_many_at_once_are_neither_lost_nor_numbered_twice() {
    let world = Arc::new(World::new().await);
    // A second node over the same store appends, too.
    let ports = (world.store.state(), Arc::clone(&world.clock) as Arc<dyn Clock>);
    let other = Audit::new(ports.0, ports.1, world.tasks.clone());
    let append = |audit: Audit, name: &'static str, world: Arc<World>| {
        tokio::spawn(async move {
            for number in 0..50 {
                audit.record(&world.scope(), entry(&format!("{name}.{number}"))).await.unwrap();
            }
        })
    };
    let tasks = ["a", "b", "c", "d"].map(|name| append(world.ext.audit.clone(), name, Arc::clone(&world)));
    let elsewhere = append(other, "e", Arc::clone(&world));
    for task in tasks {
        task.await.unwrap();
    }
    elsewhere.await.unwrap();
    let report = report(&world).await;
    assert_eq!((report.intact, report.broken), (250, None));
    let mut seen = Vec::new();
    let mut after = Some(0);
    while after.is_some() {
        let query = AuditQuery { after, limit: 200, ..AuditQuery::default() };
        let page = world.ext.audit.list(&world.scope(), &query).await.unwrap();
        seen.extend(page.entries.into_iter().map(|entry| entry.action));
        after = page.next;
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
}

#[tokio::test]
async fn a_change_that_meets_a_conflict_leaves_no_entry() {
    let world = World::new().await;
    let key = StateKey::new("test", &[&1]);
    let change = || StateWrite { key: key.clone(), value: Some("x".into()), expect: Expect::Absent };
    world.ext.audit.commit(&world.scope(), vec![change()], entry("first")).await.unwrap();
    let lost = world.ext.audit.commit(&world.scope(), vec![change()], entry("second")).await;
    assert!(matches!(lost, Err(StoreError::Conflict { key: conflicting }) if conflicting == key));
    assert_eq!(world.actions().await, ["first"]);
    fill(&world, 1).await;
    assert_eq!(report(&world).await.intact, 2);
}

#[tokio::test]
async fn pages_go_both_ways_and_are_narrowed() {
    let world = World::new().await;
    fill(&world, 7).await;
    let numbers = |page: &AuditPage| page.entries.iter().map(|entry| entry.number).collect::<Vec<_>>();
    let list = async |query: AuditQuery| world.ext.audit.list(&world.scope(), &query).await.unwrap();
    let newest = list(AuditQuery { limit: 3, ..AuditQuery::default() }).await;
    assert_eq!((numbers(&newest), newest.next), (vec![7, 6, 5], Some(5)));
    let older = list(AuditQuery { before: newest.next, limit: 10, ..AuditQuery::default() }).await;
    assert_eq!((numbers(&older), older.next), (vec![4, 3, 2, 1], None));
    let upwards = list(AuditQuery { after: Some(5), limit: 10, ..AuditQuery::default() }).await;
    assert_eq!((numbers(&upwards), upwards.next), (vec![6, 7], None));
    let one = list(AuditQuery { action: Some("test.3".into()), ..AuditQuery::default() }).await;
    assert_eq!(numbers(&one), [4]);
    assert_eq!(list(AuditQuery { action: Some("test".into()), ..AuditQuery::default() }).await.entries.len(), 7);
    assert!(list(AuditQuery { action: Some("tes".into()), ..AuditQuery::default() }).await.entries.is_empty());
    assert_eq!(list(AuditQuery { subject: Some("t1".into()), ..AuditQuery::default() }).await.entries.len(), 7);
    assert!(list(AuditQuery { subject: Some("t9".into()), ..AuditQuery::default() }).await.entries.is_empty());
}

#[tokio::test]
async fn the_same_entries_have_other_hashes_in_another_tenants_log() {
    let (one, two) = (World::new().await, World::new().await);
    for world in [&one, &two] {
        fill(world, 1).await;
    }
    assert_ne!(stored(&one, 1).await["hash"], stored(&two, 1).await["hash"]);
    let operators = one.ext.audit.verify(&TenantScope::operator()).await.unwrap();
    assert_eq!((operators.intact, operators.broken), (1, None), "the publisher that was added");
}

#[tokio::test]
async fn a_decision_is_recorded_without_the_text_and_a_pass_is_not() {
    let world = World::new().await;
    world.install("holder", serde_json::json!({"do": "hold", "word": "topsecret"})).await;
    let sent = message("a topsecret plan");
    let judged = Judged { message: sent.id, conversation: sent.conversation, sender: sent.sender.id, edit: false };
    let mut judgement = world.ext.filters.judge(&world.scope(), sent).await;
    // A filter's own words may quote the message.
    judgement.receipts[0].reason.as_mut().unwrap().text = "it said topsecret".into();
    judgement.receipts[0].findings[0].rule = "rule-1".into();
    let entry = NewEntry::decision(&judged, &judgement).unwrap();
    let entry = world.ext.audit.record(&world.scope(), entry).await.unwrap();
    assert!(!entry.details.contains("topsecret") && !entry.details.contains("plan"), "{}", entry.details);
    let details = entry.details_json();
    assert_eq!(details["verdict"], "hold");
    assert_eq!(details["filters"][0]["findings"][0]["start"], 2);
    assert_eq!(entry.subjects["message"], judged.message.to_string());
    assert_eq!(NewEntry::decision(&judged, &Judgement::pass(Body::Text { text: "x".into() })), None);
}
