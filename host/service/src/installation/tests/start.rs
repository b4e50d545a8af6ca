//! What the host does with installations when it starts.

use super::*;

#[tokio::test]
async fn installations_survive_a_restart_with_configuration_order_and_policy() {
    let mut world = World::new().await;
    let first = world.install("holder", json!({"do": "hold"})).await.plugin;
    let second = world.install("rejecter", json!({"do": "reject"})).await.plugin;
    assert!(first.order < second.order);
    let adjustment = Adjustment { order: Some(-5), fail_policy: Some(FailPolicy::Open), ..Adjustment::default() };
    world.ext.plugins.adjust(&world.admin, second.id, adjustment).await.unwrap();
    world.restart().await;
    let judgement = world.judge("bad").await;
    let order: Vec<_> = judgement.receipts.iter().map(|receipt| receipt.plugin.to_string()).collect();
    assert_eq!(order, ["rejecter", "holder"]);
    assert_eq!(judgement.merged.verdict.strength(), Strength::Reject);
    assert_eq!(view(&world, second.id).await.fail_policy, FailPolicy::Open);
    assert_eq!(view(&world, first.id).await.config, json!({"do": "hold"}));
}

#[tokio::test]
async fn a_package_that_fails_to_load_does_not_keep_the_host_from_starting() {
    let mut world = World::new().await;
    let whole = world.install("holder", json!({"do": "flag"})).await.plugin;
    let broken = world.install("broken", json!({})).await.plugin;
    world.runtime.broken.lock().insert(*broken.digest.as_bytes());
    let mut signals = world.store.feed().subscribe();
    world.restart().await;
    assert!(matches!(signals.next().await.unwrap().1, Signal::Alert { code, .. } if code == "plugin-not-running"));
    let failed = view(&world, broken.id).await;
    assert!(matches!(&failed.status, Status::Failed { code, .. } if code == "does-not-compile"), "{:?}", failed.status);
    assert_eq!(view(&world, whole.id).await.status, Status::Active);
    assert_eq!(verdict(&world, "harmless").await, Strength::Hold, "closed means held");
    let adjustment = Adjustment { fail_policy: Some(FailPolicy::Open), ..Adjustment::default() };
    world.ext.plugins.adjust(&world.admin, broken.id, adjustment).await.unwrap();
    assert_eq!(verdict(&world, "harmless").await, Strength::Flag);
    world.runtime.broken.lock().clear();
    world.ext.plugins.activate(&world.admin, broken.id, None).await.unwrap();
    assert_eq!(verdict(&world, "harmless").await, Strength::Pass);
}

#[tokio::test]
async fn a_record_that_nobody_can_read_holds_messages_and_can_be_seen() {
    let mut world = World::new().await;
    let id = world.install("holder", json!({})).await.plugin.id;
    let key = StateKey::new("plugin", &[&id]);
    let write = StateWrite { key, value: Some("rubbish".into()), expect: Expect::Any };
    world.store.state().commit(&world.scope(), vec![write]).await.unwrap();
    world.restart().await;
    assert_eq!(verdict(&world, "harmless").await, Strength::Hold);
    let list = world.ext.plugins.list(&world.admin).await.unwrap();
    assert!(list.plugins.is_empty() && list.unreadable.contains_key(&id));
}

#[tokio::test]
async fn a_package_changed_in_the_store_is_not_started() {
    let mut world = World::new().await;
    let id = world.install("holder", json!({"do": "hold"})).await.plugin.id;
    let kept = world.store.state().get(&world.scope(), &record_key(id)).await.unwrap().unwrap();
    let mut record = record::Record::parse(&kept.value).unwrap();
    let other = world.signed("holder", "2.0.0");
    let blob = packages::put(&world.store.blobs(), &world.scope(), &other.bytes).await.unwrap();
    record.current.as_mut().unwrap().blob = blob;
    let value = Some(serde_json::to_vec(&record).unwrap().into());
    let write = StateWrite { key: record_key(id), value, expect: Expect::Any };
    world.store.state().commit(&world.scope(), vec![write]).await.unwrap();
    world.restart().await;
    let status = view(&world, id).await.status;
    assert!(matches!(&status, Status::Failed { code, .. } if code == "tampered"), "{status:?}");
}
