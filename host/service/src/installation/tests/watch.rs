//! Failing filters, the self-test, rights and logs.

use super::*;

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
