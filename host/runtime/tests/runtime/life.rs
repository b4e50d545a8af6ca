//! The life of instances: initialised, snapshotted, worn, evicted, and limited in number.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{Grants, HookError, HookKind, LoadError, PluginRuntime};
use warbler_runtime::{Pool, Reuse, Runtime};

use crate::guests;
use crate::harness::{options, plan, plan_of, runtime};
use crate::server::{Server, says};

#[tokio::test]
async fn the_configuration_reaches_init_whether_or_not_instances_start_from_a_snapshot() {
    for snapshots in [true, false] {
        let mut options = options();
        options.snapshots = snapshots;
        let runtime = Runtime::new(options).unwrap();
        let plugin = plan("configured").with(|r| r.config = "{\"a\":1}".into()).load(&runtime).await;
        assert_eq!(plugin.held("hello").await.text, "{\"a\":1}");
        assert_eq!(runtime.evict_idle(Duration::ZERO), 1);
        assert_eq!(plugin.held("hello").await.text, "{\"a\":1}", "a second instance is like the first");
        let other = plan("configured").with(|r| r.config = "{\"b\":2}".into()).load(&runtime).await;
        assert_eq!(other.held("hello").await.text, "{\"b\":2}");
    }
}

#[tokio::test]
async fn a_snapshot_is_taken_only_if_init_asked_for_nothing_that_changes() {
    let runtime = runtime();
    let pure = plan("configured").load(&runtime).await;
    assert_eq!(pure.log.all(), Vec::<String>::new());
    let asking = plan("clocked").load(&runtime).await;
    runtime.evict_idle(Duration::ZERO);
    asking.passes().await;
    pure.held("hello").await;
}

#[tokio::test]
async fn an_init_that_refuses_its_configuration_is_a_typed_error_in_its_own_words() {
    let runtime = runtime();
    let error = plan("configured").with(|r| r.config = String::new()).refused(&runtime).await;
    assert!(matches!(&error, LoadError::InitRefused { text } if text == "empty"), "{error:?}");
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test]
async fn an_endless_init_is_stopped() {
    let mut options = options();
    options.init_deadline = Duration::from_millis(100);
    let runtime = Runtime::new(options).unwrap();
    let error = plan("endless-init").refused(&runtime).await;
    assert!(matches!(&error, LoadError::InitFailed(HookError::Overrun { .. })), "{error:?}");
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test]
async fn bytes_that_are_no_component_do_not_load() {
    let runtime = runtime();
    for bytes in [Vec::new(), b"\0asm".to_vec(), wat::parse_str("(module)").unwrap(), b"(component)".to_vec()] {
        let error = plan_of(bytes).refused(&runtime).await;
        assert!(matches!(error, LoadError::Compile { .. }), "{error:?}");
    }
    let empty = plan_of(wat::parse_str("(component)").unwrap()).refused(&runtime).await;
    assert!(matches!(empty, LoadError::NoHook), "{empty:?}");
}

#[tokio::test]
async fn a_component_that_needs_more_memory_than_it_may_have_does_not_start() {
    let runtime = runtime();
    let error =
        plan("huge-strings").with(|r| r.limits.memory = warbler_domain::ByteSize::mib(8)).refused(&runtime).await;
    assert!(matches!(&error, LoadError::Instantiate { text } if text.contains("8 MiB")), "{error:?}");
}

#[tokio::test]
async fn what_was_not_granted_is_not_linked() {
    let runtime = runtime();
    for (guest, interface) in
        [("storage", "storage"), ("secret", "secrets"), ("fetch", "http"), ("lexicon", "lexicons")]
    {
        let error = plan(guest).refused(&runtime).await;
        let named = format!("warbler:plugin/{interface}@0.1.0 was not granted");
        assert!(matches!(&error, LoadError::Link { text } if *text == named), "{error:?}");
    }
    let everything = Grants { models: true, conversation: true, attachments: true, ..Grants::default() };
    let component = guests::component(
        &std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/pass.wat"))
            .unwrap()
            .replacen("(module", "(module (import \"test:later/moon\" \"phase\" (func (result i32)))", 1),
        &["package test:later;
           interface moon { phase: func() -> u32; }
           world filter { include warbler:plugin/filter-plugin@0.1.0; import moon; }"],
        "filter",
    );
    let error = plan_of(component.unwrap()).with(|r| r.grants = everything).refused(&runtime).await;
    assert!(
        matches!(&error, LoadError::Link { text } if text.contains("moon") && text.contains("not something")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_instance_is_replaced_after_so_many_calls() {
    let mut options = options();
    options.reuse = Reuse { calls: 3, ..Reuse::default() };
    let runtime = Runtime::new(options).unwrap();
    let plugin = plan("counter").load(&runtime).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(plugin.held("hello").await.code.len());
    }
    assert_eq!(seen, [1, 2, 3, 1, 2, 3, 1]);
}

#[tokio::test]
async fn an_instance_that_grows_is_replaced() {
    let mut options = options();
    options.reuse.growth = warbler_domain::ByteSize::mib(2);
    let runtime = Runtime::new(options).unwrap();
    let plugin = plan("grown").load(&runtime).await;
    for _ in 0..2 {
        plugin.passes().await;
        assert_eq!((plugin.made(), plugin.idle()), (1, 1));
    }
    plugin.passes().await;
    assert_eq!(plugin.idle(), 0);
    plugin.passes().await;
    assert_eq!(plugin.made(), 2);
}

#[tokio::test]
async fn idle_instances_are_given_up_and_made_again_when_needed() {
    let runtime = runtime();
    let plugin = plan("pass").load(&runtime).await;
    plugin.passes().await;
    assert_eq!(runtime.evict_idle(Duration::from_hours(1)), 0);
    assert_eq!(runtime.evict_idle(Duration::ZERO), 1);
    assert_eq!(runtime.usage().instances, 0);
    plugin.passes().await;
    assert_eq!(runtime.usage().instances, 1);
    drop(plugin);
    assert_eq!(runtime.usage().instances, 0);
}

#[tokio::test]
async fn a_full_pool_makes_room_by_giving_up_idle_instances() {
    let mut options = options();
    options.pool = Pool { instances: 4, ..options.pool };
    let runtime = Runtime::new(options).unwrap();
    let mut plugins = Vec::new();
    for _ in 0..10 {
        plugins.push(plan("pass").load(&runtime).await);
    }
    for plugin in &plugins {
        plugin.passes().await;
    }
    assert!(runtime.usage().instances <= 4);
}

#[tokio::test]
async fn plugins_stay_callable_after_the_runtime_is_dropped() {
    let runtime = runtime();
    let plugin = plan("pass").load(&runtime).await;
    let endless = plan("endless").in_50_ms().load(&runtime).await;
    drop(runtime);
    plugin.passes().await;
    assert!(matches!(endless.check("hello").await, Err(HookError::Overrun { .. })), "its epochs still tick");
}

#[tokio::test]
async fn a_package_that_fails_to_load_leaves_others_as_they_were() {
    let runtime = runtime();
    let plugin = Arc::new(plan("counter").load(&runtime).await);
    plugin.held("hello").await;
    plan_of(b"nonsense".to_vec()).refused(&runtime).await;
    assert_eq!(plugin.held("hello").await.code.len(), 2);
}

const PUSH: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/push@0.1.0#deliver") (param i32 i32) (result i32) (i32.const 64)))
"#;

#[tokio::test]
async fn hooks_are_found_by_what_a_component_exports() {
    let runtime = runtime();
    let component = guests::component(PUSH, &[], "warbler:plugin/push-plugin").unwrap();
    let loaded = runtime.load(plan_of(component).request).await.unwrap();
    assert_eq!(loaded.hooks(), [HookKind::Push]);
    assert!(loaded.content_filter().is_none());
}

#[tokio::test]
async fn an_instance_that_takes_longer_than_a_call_may_wait_is_there_for_a_later_one() {
    let (answers, may_answer) = tokio::sync::watch::channel(true);
    let server = Server::when(may_answer, |_| {
        // Each request comes over a new connection, which the server may leave unanswered.
        let mut answer = says(200, "ready");
        answer.headers_mut().insert("connection", "close".parse().unwrap());
        answer
    });
    let server = server.await;
    let mut options = options();
    options.http.private_addresses = [server.address].into();
    let runtime = Runtime::new(options).unwrap();
    let plan = plan("slow-to-start").with(|r| {
        r.config = server.url("/");
        r.grants.http = [server.grant()].into();
        r.limits.deadline = Duration::from_secs(1);
    });
    let plugin = plan.load(&runtime).await;
    plugin.passes().await;

    answers.send_replace(false);
    drop_instances(&runtime, &plugin);
    let error = plugin.check("hello").await.unwrap_err();
    assert!(matches!(error, HookError::Overrun { .. }), "{error:?}");

    answers.send_replace(true);
    while plugin.idle() == 0 {
        tokio::task::yield_now().await;
    }
    plugin.passes().await;
    assert_eq!(plugin.made(), 2);
}

/// Gives up the instances of one plugin, whether or not making another takes long.
fn drop_instances(runtime: &Runtime, plugin: &crate::harness::Plugin) {
    runtime.evict_idle(Duration::ZERO);
    assert_eq!(plugin.idle(), 0);
}
