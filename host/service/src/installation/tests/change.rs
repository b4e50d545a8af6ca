//! Permissions, configurations, limits and order.

use super::*;

/// A filter that imports word lists and asks for them, and for `more`.
fn asking(world: &World, version: &str, more: &serde_json::Value) -> Signed {
    let mut permissions = json!({"lexicons": true});
    for (name, value) in more.as_object().unwrap() {
        permissions[name] = value.clone();
    }
    sign(&world.key, "asker", version, &json!({"permissions": permissions}), &["lexicons"])
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
    assert_eq!(*judgement.receipts[0].config_digest, *after);
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
