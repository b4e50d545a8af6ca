//! The life of installations, played with a runtime without WebAssembly over the store in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::json;
use warbler_domain::{Expect, Role, Signal, State, StateKey, StateWrite, StorageError, Strength};
use warbler_package::Granted;
use zeroize::Zeroizing;

use super::record::record_key;
use super::storage::{Storage, clear};
use super::*;
use crate::filters::FailPolicy;
use crate::plugin_world::{Signed, World, sign};
use crate::{PluginError, Step};
use warbler_domain::PluginStorage as _;

async fn verdict(world: &World, text: &str) -> Strength {
    world.judge(text).await.merged.verdict.strength()
}

fn refusal(error: ServiceError) -> (Step, &'static str) {
    match error {
        ServiceError::Plugin(error) => (error.step(), error.code()),
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn refused(world: &World, request: InstallRequest) -> (Step, &'static str) {
    refusal(world.try_install(request).await.unwrap_err())
}

async fn view(world: &World, id: InstallationId) -> PluginView {
    world.ext.plugins.get(&world.admin, id).await.unwrap()
}

#[tokio::test]
async fn a_plugin_is_installed_in_steps_and_checks_messages_from_then_on() {
    let world = World::new().await;
    assert_eq!(verdict(&world, "bad").await, Strength::Pass);
    let installed = world.install("holder", json!({"do": "hold"})).await;
    let words: Vec<_> = installed.steps.iter().map(|step| step.as_str()).collect();
    let expected = "verify probe configuration grants compile instantiate init self-test switch";
    assert_eq!(words.join(" "), expected);
    assert_eq!(installed.plugin.status, Status::Active);
    assert_eq!((installed.plugin.stats.calls, installed.plugin.signers[0].publisher.as_str()), (7, "acme"));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    let judgement = world.judge("bad").await;
    assert_eq!(judgement.receipts[0].config_digest, installed.plugin.config_digest);
    assert_eq!(judgement.receipts[0].digest, installed.plugin.digest.to_string());
    assert_eq!(world.actions().await, ["plugin.install"]);
}

#[tokio::test]
async fn whatever_is_refused_names_its_step_and_leaves_live_traffic_alone() {
    let world = World::new().await;
    world.install("holder", json!({"do": "hold"})).await;
    let next = world.signed("holder", "1.1.0");
    let pass = || next.request(json!({"do": "pass"}));
    let unsigned = InstallRequest { signatures: vec![], ..pass() };
    assert_eq!(refused(&world, unsigned).await, (Step::Verify, "unsigned"));
    let mut bytes = next.bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let tampered = InstallRequest { package: Bytes::from(bytes), ..pass() };
    assert_eq!(refused(&world, tampered).await, (Step::Verify, "tampered"));
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let unknown = sign(&stranger, "holder", "1.1.0", &json!({}), &[]).request(json!({}));
    assert_eq!(refused(&world, unknown).await, (Step::Verify, "unknown-publisher"));
    let older = world.signed("holder", "0.9.0").request(json!({}));
    assert_eq!(refused(&world, older).await, (Step::Verify, "downgrade"));
    assert_eq!(refused(&world, next.request(json!({"do": 7}))).await, (Step::Configuration, "configuration-invalid"));
    assert_eq!(refused(&world, next.request(json!({"init": "refuse"}))).await, (Step::Init, "configuration-refused"));
    let deaf = next.request(json!({"do": "trap", "word": "Hello"}));
    assert_eq!(refused(&world, deaf).await, (Step::SelfTest, "trapped"));
    world.runtime.broken.lock().insert(*next.package().digest().as_bytes());
    assert_eq!(refused(&world, pass()).await, (Step::Compile, "does-not-compile"));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    let list = world.ext.plugins.list(&world.admin).await.unwrap();
    assert_eq!((list.plugins.len(), list.plugins[0].version.as_str()), (1, "1.0.0"));
    assert_eq!(world.actions().await, ["plugin.install"]);
}

#[tokio::test]
async fn a_version_number_means_the_same_bytes_for_ever() {
    let world = World::new().await;
    world.install("holder", json!({})).await;
    let other = sign(&world.key, "holder", "1.0.0", &json!({"title": "Other"}), &[]);
    assert_eq!(refused(&world, other.request(json!({}))).await, (Step::Verify, "version-reused"));
    let again = world.install("holder", json!({"do": "hold"})).await;
    assert_eq!((again.plugin.previous, verdict(&world, "bad").await), (None, Strength::Hold));
}

async fn spoken(world: &World) -> String {
    world.judge("x").await.merged.caution.unwrap().code
}

#[tokio::test]
async fn an_upgrade_can_be_rolled_back_in_one_step_and_forth_again() {
    let mut world = World::new().await;
    let id = world.install("speaker", json!({"do": "version"})).await.plugin.id;
    let next = world.signed("speaker", "1.1.0").request(json!({"do": "version"}));
    let installed = world.try_install(next).await.unwrap();
    assert_eq!(installed.plugin.id, id);
    assert_eq!(installed.plugin.previous.unwrap().version, "1.0.0");
    assert_eq!(spoken(&world).await, "1.1.0");
    let loads = world.runtime.loads.load(Ordering::Relaxed);
    let back = world.ext.plugins.rollback(&world.admin, id).await.unwrap();
    assert_eq!((back.plugin.version.as_str(), spoken(&world).await.as_str()), ("1.0.0", "1.0.0"));
    world.ext.plugins.rollback(&world.admin, id).await.unwrap();
    assert_eq!(spoken(&world).await, "1.1.0");
    assert_eq!(world.runtime.loads.load(Ordering::Relaxed), loads, "the version before was not warm");
    world.restart().await;
    assert_eq!(spoken(&world).await, "1.1.0");
    world.ext.plugins.activate(&world.admin, id, Some("1.0.0".into())).await.unwrap();
    assert_eq!(spoken(&world).await, "1.0.0");
    let third = world.signed("speaker", "1.2.0").request(json!({"do": "version"}));
    let third = world.try_install(third).await.unwrap().plugin;
    assert_eq!(third.previous.unwrap().version, "1.0.0");
    let expected = ["install", "install", "rollback", "rollback", "rollback", "install"];
    assert_eq!(world.actions().await, expected.map(|action| format!("plugin.{action}")));
}

#[tokio::test]
async fn without_a_version_before_there_is_nothing_to_go_back_to() {
    let world = World::new().await;
    let id = world.install("holder", json!({})).await.plugin.id;
    let plugins = &world.ext.plugins;
    assert!(matches!(plugins.rollback(&world.admin, id).await, Err(ServiceError::NotFound { what: "version" })));
    let missing = plugins.activate(&world.admin, id, Some("9.9.9".into())).await;
    assert!(matches!(missing, Err(ServiceError::NotFound { what: "version" })));
}

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
    let order: Vec<_> = judgement.receipts.iter().map(|receipt| receipt.plugin.as_str()).collect();
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

/// A filter that imports word lists and asks for them, and for `more`.
fn asking(world: &World, version: &str, more: &serde_json::Value) -> Signed {
    let mut permissions = json!({"lexicons": true});
    for (name, value) in more.as_object().unwrap() {
        permissions[name] = value.clone();
    }
    sign(&world.key, "asker", version, &json!({"permissions": permissions}), &["lexicons"])
}

fn granted(value: serde_json::Value) -> Granted {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_plugin_that_asks_for_permissions_waits_until_they_are_granted() {
    let mut world = World::new().await;
    let signed = asking(&world, "1.0.0", &json!({}));
    let installed = world.try_install(signed.request(json!({"do": "version"}))).await.unwrap();
    let id = installed.plugin.id;
    assert_eq!(installed.plugin.status, Status::AwaitingApproval);
    assert!(!installed.steps.contains(&Step::Switch));
    assert_eq!(verdict(&world, "x").await, Strength::Pass, "nothing of it runs");
    world.restart().await;
    let plugins = world.ext.plugins.clone();
    let none = plugins.grant(&world.admin, id, Granted::default()).await.unwrap_err();
    assert_eq!(refusal(none), (Step::Grants, "import-not-granted"));
    let more = plugins.grant(&world.admin, id, granted(json!({"lexicons": true, "secrets": ["x"]}))).await;
    assert!(matches!(more, Err(ServiceError::Invalid { field: "grants", .. })));
    let installed = plugins.grant(&world.admin, id, granted(json!({"lexicons": true}))).await.unwrap();
    assert_eq!(installed.plugin.status, Status::Active);
    assert_eq!(spoken(&world).await, "1.0.0");
}

#[tokio::test]
async fn an_update_that_asks_for_more_waits_while_the_old_version_goes_on() {
    let world = World::new().await;
    let lexicons = || Some(granted(json!({"lexicons": true})));
    let request = asking(&world, "1.0.0", &json!({})).request(json!({"do": "version"}));
    let id = world.try_install(InstallRequest { grants: lexicons(), ..request }).await.unwrap().plugin.id;
    let same = asking(&world, "1.1.0", &json!({})).request(json!({"do": "version"}));
    assert_eq!(world.try_install(same).await.unwrap().plugin.waiting, None);
    assert_eq!(spoken(&world).await, "1.1.0");
    let more = asking(&world, "1.2.0", &json!({"secrets": ["token"]})).request(json!({"do": "version"}));
    let waiting = world.try_install(more).await.unwrap().plugin;
    assert_eq!((waiting.status, waiting.version.as_str()), (Status::Active, "1.1.0"));
    let candidate = waiting.waiting.unwrap();
    assert_eq!(candidate.version, "1.2.0");
    assert_eq!(candidate.beyond.iter().map(|asked| asked.as_str()).collect::<Vec<_>>(), ["secrets"]);
    assert_eq!(spoken(&world).await, "1.1.0");
    let early = world.ext.plugins.activate(&world.admin, id, Some("1.2.0".into())).await;
    assert!(matches!(early, Err(ServiceError::Conflict { .. })));
    let all = granted(json!({"lexicons": true, "secrets": ["token"]}));
    let installed = world.ext.plugins.grant(&world.admin, id, all).await.unwrap().plugin;
    assert_eq!((installed.waiting, spoken(&world).await.as_str()), (None, "1.2.0"));
    assert_eq!(installed.previous.unwrap().version, "1.1.0");
}

#[tokio::test]
async fn a_plugin_installed_aside_runs_only_when_it_is_activated() {
    let world = World::new().await;
    let aside = |version: &str| {
        let request = world.signed("speaker", version).request(json!({"do": "version"}));
        InstallRequest { inactive: true, ..request }
    };
    let id = world.try_install(aside("1.0.0")).await.unwrap().plugin.id;
    assert_eq!(view(&world, id).await.status, Status::Inactive);
    assert_eq!(world.runtime.loads.load(Ordering::Relaxed), 0);
    world.ext.plugins.activate(&world.admin, id, None).await.unwrap();
    assert_eq!(spoken(&world).await, "1.0.0");
    world.try_install(aside("1.1.0")).await.unwrap();
    assert_eq!(spoken(&world).await, "1.0.0");
    world.ext.plugins.activate(&world.admin, id, Some("1.1.0".into())).await.unwrap();
    assert_eq!(spoken(&world).await, "1.1.0");
}

#[tokio::test]
async fn a_configuration_is_checked_by_schema_then_by_the_plugin_and_then_switched_to() {
    let world = World::new().await;
    let id = world.install("holder", json!({"do": "hold"})).await.plugin.id;
    let configure = async |config| world.ext.plugins.configure(&world.admin, id, config).await;
    let ServiceError::Plugin(PluginError::Config { problems }) = configure(json!({"do": 7})).await.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(problems.iter().map(|problem| problem.pointer.as_str()).collect::<Vec<_>>(), ["/do"]);
    let refused = configure(json!({"init": "refuse"})).await.unwrap_err();
    assert_eq!(refusal(refused), (Step::Init, "configuration-refused"));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    let before = view(&world, id).await.config_digest;
    let after = configure(json!({"do": "reject"})).await.unwrap().plugin.config_digest;
    assert_ne!(before, after);
    let judgement = world.judge("bad").await;
    assert_eq!(judgement.merged.verdict.strength(), Strength::Reject);
    assert_eq!(judgement.receipts[0].config_digest, after);
}

#[tokio::test]
async fn limits_have_bounds_and_a_change_of_order_or_policy_needs_no_loading() {
    let world = World::new().await;
    let id = world.install("holder", json!({})).await.plugin.id;
    let loads = world.runtime.loads.load(Ordering::Relaxed);
    let adjust = async |adjustment| world.ext.plugins.adjust(&world.admin, id, adjustment).await;
    adjust(Adjustment { order: Some(3), fail_policy: Some(FailPolicy::Lexicon), ..Adjustment::default() })
        .await
        .unwrap();
    assert_eq!(world.runtime.loads.load(Ordering::Relaxed), loads);
    let limits = |change: fn(&mut CallLimits)| {
        let mut limits = CallLimits::default();
        change(&mut limits);
        Adjustment { limits: Some(limits), ..Adjustment::default() }
    };
    for (field, bad) in [
        ("deadline_ms", limits(|limits| limits.deadline_ms = 5_001)),
        ("deadline_ms", limits(|limits| limits.deadline_ms = 0)),
        ("memory_bytes", limits(|limits| limits.memory_bytes = 1)),
        ("concurrency", limits(|limits| limits.concurrency = 0)),
    ] {
        assert!(matches!(adjust(bad).await, Err(ServiceError::Invalid { field: named, .. }) if named == field));
    }
    let adjusted = adjust(limits(|limits| limits.deadline_ms = 200)).await.unwrap().plugin;
    assert_eq!((adjusted.limits.deadline_ms, adjusted.order), (200, 3));
    assert_eq!(world.runtime.loads.load(Ordering::Relaxed), loads + 1);
}

#[tokio::test]
async fn a_plugin_gets_its_secrets_and_nobody_reads_them_back() {
    let world = World::new().await;
    let permissions = json!({"permissions": {"secrets": ["token"]}});
    let signed = sign(&world.key, "keeper", "1.0.0", &permissions, &["secrets"]);
    let request = || InstallRequest {
        grants: Some(granted(json!({"secrets": ["token"]}))),
        ..signed.request(json!({"init": "needs-secret", "do": "hold"}))
    };
    assert_eq!(refused(&world, request()).await, (Step::Init, "configuration-refused"));
    let with = |name: &str| InstallRequest {
        secrets: [(name.to_owned(), Zeroizing::new("s3cret".to_owned()))].into(),
        ..request()
    };
    assert!(matches!(world.try_install(with("other")).await, Err(ServiceError::Invalid { field: "secret", .. })));
    let plugin = world.try_install(with("token")).await.unwrap().plugin;
    assert_eq!(plugin.secrets, [("token".to_owned(), true)].into());
    let shown = serde_json::to_string(&plugin).unwrap() + &format!("{plugin:?}");
    assert!(!shown.contains("s3cret"));
    let plugins = &world.ext.plugins;
    let gone = plugins.delete_secret(&world.admin, plugin.id, "token".into()).await.unwrap();
    assert_eq!((gone.secrets["token"], gone.status), (false, Status::Active), "what ran goes on");
    let log = plugins.log(&world.admin, plugin.id, LogLevel::Error, 10).unwrap();
    assert!(log[0].text.contains("does not start"), "{log:?}");
    let missing = plugins.delete_secret(&world.admin, plugin.id, "token".into()).await;
    assert!(matches!(missing, Err(ServiceError::NotFound { what: "secret" })));
    let value = || Zeroizing::new("s3cret".to_owned());
    let set = plugins.set_secret(&world.admin, plugin.id, "token".into(), value()).await.unwrap();
    assert!(set.secrets["token"]);
    let unasked = plugins.set_secret(&world.admin, plugin.id, "other".into(), value()).await;
    assert!(matches!(unasked, Err(ServiceError::Invalid { field: "secret", .. })));
    for entry in ["plugin.set-secret", "plugin.delete-secret"] {
        assert!(world.actions().await.contains(&entry.to_owned()));
    }
}

#[tokio::test]
async fn a_failed_installation_leaves_no_secret_behind() {
    let world = World::new().await;
    let permissions = json!({"permissions": {"secrets": ["token"]}});
    let signed = sign(&world.key, "keeper", "1.0.0", &permissions, &[]);
    let request = InstallRequest {
        grants: Some(granted(json!({"secrets": ["token"]}))),
        secrets: [("token".to_owned(), Zeroizing::new("s3cret".to_owned()))].into(),
        ..signed.request(json!({"init": "refuse"}))
    };
    assert_eq!(refused(&world, request).await, (Step::Init, "configuration-refused"));
    assert_eq!(kept(&world, "plugin").await, 0);
}

/// How many records there are whose family begins with `family`.
async fn kept(world: &World, family: &str) -> usize {
    let prefix = StateKey::from_text(family.to_owned());
    world.store.state().scan(&world.scope(), &prefix, None, 100).await.unwrap().len()
}

fn storage(world: &World, installation: InstallationId) -> Storage {
    Storage { state: world.store.state(), scope: world.scope(), installation }
}

#[tokio::test]
async fn a_plugins_storage_keeps_to_its_quota_and_lists_in_order() {
    let world = World::new().await;
    let id = InstallationId::from_uuid(uuid::Uuid::now_v7());
    let (mine, other) = (storage(&world, id), storage(&world, InstallationId::from_uuid(uuid::Uuid::now_v7())));
    // Two bytes of length, one of key, seven of value: ten each.
    for key in ["c", "a", "b"] {
        mine.set(key, Bytes::from_static(b"1234567"), 30).await.unwrap();
    }
    let full = mine.set("d", Bytes::from_static(b"x"), 30).await;
    assert_eq!(full, Err(StorageError::OverQuota { limit: 30 }));
    assert_eq!(mine.get("d").await.unwrap(), None);
    mine.set("a", Bytes::from_static(b"7654321"), 30).await.unwrap();
    mine.delete("b").await.unwrap();
    mine.delete("b").await.unwrap();
    mine.set("d", Bytes::from_static(b"7654321"), 30).await.unwrap();
    assert_eq!(mine.keys("", None, 10).await.unwrap(), ["a", "c", "d"]);
    assert_eq!(mine.keys("", Some("a"), 1).await.unwrap(), ["c"]);
    assert_eq!(mine.get("a").await.unwrap().unwrap(), "7654321");
    assert_eq!((other.get("a").await.unwrap(), other.keys("", None, 9).await.unwrap().len()), (None, 0));
    let long = mine.set(&"k".repeat(257), Bytes::new(), 9_999).await;
    assert!(matches!(long, Err(StorageError::TooLong { limit: 256, .. })));
    let state: Arc<dyn State> = world.store.state();
    clear(&state, &world.scope(), id).await.unwrap();
    assert_eq!(kept(&world, "plugin-store").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_cannot_pass_the_quota_together() {
    let world = Arc::new(World::new().await);
    let id = InstallationId::from_uuid(uuid::Uuid::now_v7());
    let write = |number: usize| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let storage = storage(&world, id);
            storage.set(&number.to_string(), Bytes::from_static(b"1234567"), 50).await.is_ok()
        })
    };
    let writers: Vec<_> = (0..9).map(write).collect();
    let mut written = 0;
    for writer in writers {
        written += usize::from(writer.await.unwrap());
    }
    assert_eq!((written, storage(&world, id).keys("", None, 99).await.unwrap().len()), (5, 5));
}

#[tokio::test]
async fn an_installation_that_is_removed_leaves_nothing_but_its_audit_entries() {
    let world = World::new().await;
    let id = world.install("holder", json!({"do": "hold"})).await.plugin.id;
    let next = world.signed("holder", "1.1.0").request(json!({"do": "hold"}));
    let kept_blob = packages::put(&world.store.blobs(), &world.scope(), &next.package).await.unwrap();
    world.try_install(next).await.unwrap();
    storage(&world, id).set("a", Bytes::from_static(b"1"), 99).await.unwrap();
    world.ext.plugins.deactivate(&world.admin, id).await.unwrap();
    assert_eq!((verdict(&world, "bad").await, view(&world, id).await.status), (Strength::Pass, Status::Inactive));
    world.ext.plugins.remove(&world.admin, id).await.unwrap();
    assert!(matches!(world.ext.plugins.get(&world.admin, id).await, Err(ServiceError::NotFound { .. })));
    assert_eq!(kept(&world, "plugin").await, 0);
    assert!(packages::get(&world.store.blobs(), &world.scope(), kept_blob).await.is_err());
    assert_eq!(world.actions().await.last().unwrap(), "plugin.remove");
}

#[tokio::test]
async fn a_filter_that_keeps_failing_is_reported_loudly_and_stays_in_the_chain() {
    let world = World::new().await;
    let id = world.install("trapper", json!({"do": "trap"})).await.plugin.id;
    let mut signals = world.store.feed().subscribe();
    for _ in 0..5 {
        assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    }
    let (tenant, signal) = signals.next().await.unwrap();
    assert_eq!(tenant, world.tenant);
    assert!(matches!(signal, Signal::Alert { code, text } if code == "filter-failing" && text.contains("trapper")));
    let failing = view(&world, id).await;
    assert_eq!((failing.status, failing.failures_in_a_row, failing.failures), (Status::Active, 5, 5));
    assert_eq!(world.ext.plugins.log(&world.admin, id, LogLevel::Error, 99).unwrap().len(), 5);
    assert_eq!(verdict(&world, "fine").await, Strength::Pass);
    assert_eq!(view(&world, id).await.failures_in_a_row, 0);
    world.clock.advance(60_000);
    for _ in 0..3 {
        verdict(&world, "bad").await;
    }
    signals.next().await.unwrap();
    world.tasks.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_self_test_breaks_the_plugin_and_shows_that_its_policy_holds() {
    let world = World::new().await;
    let id = world.install("holder", json!({"do": "hold"})).await.plugin.id;
    for policy in [FailPolicy::Closed, FailPolicy::Open, FailPolicy::Lexicon] {
        let adjustment = Adjustment { fail_policy: Some(policy), ..Adjustment::default() };
        world.ext.plugins.adjust(&world.admin, id, adjustment).await.unwrap();
        let report = world.ext.plugins.self_test(&world.admin, id).await.unwrap();
        assert!(report.held && report.works && report.policy == policy, "{report:?}");
        assert_eq!(report.steps[0].name, "works");
    }
    assert_eq!(view(&world, id).await.failures, 0, "live counters are untouched");
    assert_eq!(world.actions().await.iter().filter(|action| *action == "plugin.self-test").count(), 3);
}

#[tokio::test]
async fn only_those_who_may_see_and_change_plugins() {
    let world = World::new().await;
    let id = world.install("holder", json!({})).await.plugin.id;
    let (member, auditor) = (world.caller(Role::Member), world.caller(Role::Auditor));
    let plugins = &world.ext.plugins;
    assert!(matches!(plugins.list(&member).await, Err(ServiceError::Forbidden { .. })));
    assert_eq!(plugins.list(&auditor).await.unwrap().plugins.len(), 1);
    for caller in [&member, &auditor] {
        assert!(matches!(plugins.remove(caller, id).await, Err(ServiceError::Forbidden { .. })));
        assert!(matches!(plugins.log(caller, id, LogLevel::Debug, 1), Err(ServiceError::Forbidden { .. })));
        assert!(matches!(plugins.self_test(caller, id).await, Err(ServiceError::Forbidden { .. })));
        let request = world.signed("holder", "2.0.0").request(json!({}));
        assert!(matches!(plugins.install(caller, request).await, Err(ServiceError::Forbidden { .. })));
    }
}

#[tokio::test]
async fn the_log_of_a_plugin_keeps_its_lines_by_level() {
    let world = World::new().await;
    let id = world.install("talker", json!({"do": "log"})).await.plugin.id;
    let lines = world.ext.plugins.log(&world.admin, id, LogLevel::Debug, 10).unwrap();
    assert_eq!((lines.len(), lines[0].text.as_str(), lines[0].level), (1, "a line of mine", LogLevel::Info));
    assert!(world.ext.plugins.log(&world.admin, id, LogLevel::Warn, 10).unwrap().is_empty());
}
