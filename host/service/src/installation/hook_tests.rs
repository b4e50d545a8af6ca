//! Plugins with other hooks than content filters: they are found while they run, under limits of their own,
//! and stand in no message's way.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;
use crate::plugin_world::{Signed, World, sign};

/// A package called `name` with these hooks.
fn package(world: &World, name: &str, version: &str, hooks: &[&str]) -> Signed {
    let kinds: &[&str] = if hooks.contains(&"push") { &["web-push", "sms"] } else { &[] };
    let mut manifest = json!({"hooks": hooks, "permissions": {}});
    if !kinds.is_empty() {
        manifest["push_kinds"] = json!(kinds);
    }
    if hooks.contains(&"agent") {
        manifest["permissions"] = json!({"conversation": true, "models": ["small"]});
    }
    sign(&world.key, name, version, &manifest, &[])
}

async fn install(world: &World, name: &str, version: &str, hooks: &[&str]) -> PluginView {
    let package = package(world, name, version, hooks);
    let grants = Some(warbler_package::Granted(package.package().manifest().permissions.clone()));
    let request = InstallRequest { grants, ..package.request(json!({})) };
    world.try_install(request).await.unwrap().plugin
}

fn agents(world: &World) -> Vec<(String, String)> {
    let agents = world.ext.plugins.agents(world.tenant);
    agents.into_iter().map(|agent| (agent.plugin, agent.version)).collect()
}

#[tokio::test]
async fn a_hook_is_found_while_it_runs_in_the_version_that_runs() {
    let mut world = World::new().await;
    assert!(agents(&world).is_empty());
    let id = install(&world, "helper", "1.0.0", &["agent"]).await.id;
    let named = |version: &str| vec![("helper".to_owned(), version.to_owned())];
    assert_eq!(agents(&world), named("1.0.0"));
    install(&world, "helper", "1.1.0", &["agent"]).await;
    assert_eq!(agents(&world), named("1.1.0"));
    let plugins = world.ext.plugins.clone();
    plugins.rollback(&world.admin, id).await.unwrap();
    assert_eq!(agents(&world), named("1.0.0"));
    world.restart().await;
    assert_eq!(agents(&world), named("1.0.0"));
    let plugins = world.ext.plugins.clone();
    plugins.deactivate(&world.admin, id).await.unwrap();
    assert!(agents(&world).is_empty());
    plugins.activate(&world.admin, id, None).await.unwrap();
    assert_eq!(plugins.agents(world.tenant)[0].installation, id);
    plugins.remove(&world.admin, id).await.unwrap();
    assert!(agents(&world).is_empty());
}

#[tokio::test]
async fn each_hook_is_found_by_its_own_name_and_other_tenants_find_none() {
    let world = World::new().await;
    install(&world, "pager", "1.0.0", &["push"]).await;
    install(&world, "safe", "1.0.0", &["backup-sink"]).await;
    install(&world, "helper", "1.0.0", &["agent"]).await;
    let plugins = &world.ext.plugins;
    let providers = plugins.push_providers(world.tenant);
    assert_eq!((providers.len(), providers[0].plugin.as_str()), (1, "pager"));
    assert_eq!(providers[0].push_kinds, ["web-push", "sms"]);
    let sinks = plugins.backup_sinks(world.tenant);
    assert_eq!((sinks.len(), sinks[0].plugin.as_str(), sinks[0].push_kinds.len()), (1, "safe", 0));
    assert_eq!(sinks[0].hook.list("", None).await.unwrap(), []);
    let agent = &plugins.agents(world.tenant)[0];
    assert!(!agent.granted.0.models.is_none());
    let stranger = TenantId::from_uuid(uuid::Uuid::now_v7());
    assert!(plugins.agents(stranger).is_empty() && plugins.push_providers(stranger).is_empty());
}

#[tokio::test]
async fn what_is_no_filter_stands_in_no_messages_way() {
    let world = World::new().await;
    let view = install(&world, "helper", "1.0.0", &["agent"]).await;
    assert_eq!(view.status, Status::Active);
    let judgement = world.judge("bad").await;
    assert!(judgement.receipts.is_empty(), "{:?}", judgement.receipts);
    install(&world, "both", "1.0.0", &["content-filter", "push"]).await;
    assert_eq!(world.judge("bad").await.receipts.len(), 1);
}

#[tokio::test]
async fn limits_begin_where_the_first_hook_has_them_and_end_at_its_bounds() {
    let world = World::new().await;
    for (name, hooks, deadline, mib, longest) in [
        ("helper", &["agent"][..], 60_000, 128, 300_000),
        ("pager", &["push"], 10_000, 64, 60_000),
        ("safe", &["backup-sink"], 60_000, 128, 300_000),
        ("both", &["push", "content-filter"], 50, 32, 5_000),
    ] {
        let view = install(&world, name, "1.0.0", hooks).await;
        assert_eq!((view.limits.deadline_ms, view.limits.memory_bytes), (deadline, mib << 20), "{name}");
        let with = |deadline_ms| {
            let limits = CallLimits { deadline_ms, ..view.limits };
            let adjustment = Adjustment { limits: Some(limits), ..Adjustment::default() };
            world.ext.plugins.adjust(&world.admin, view.id, adjustment)
        };
        assert_eq!(with(longest).await.unwrap().plugin.limits.deadline_ms, longest, "{name}");
        let error = with(longest + 1).await.unwrap_err();
        assert!(matches!(error, ServiceError::Invalid { field: "deadline_ms", .. }), "{name}: {error}");
    }
    let found = &world.ext.plugins.push_providers(world.tenant);
    let deadline = |name: &str| found.iter().find(|hook| hook.plugin == name).unwrap().deadline.as_millis();
    // The first hook's is an admin's to set, a further hook's is the host's.
    assert_eq!((deadline("pager"), deadline("both")), (60_000, 10_000));
}

#[tokio::test]
async fn only_filters_can_be_self_tested() {
    let world = World::new().await;
    let id = install(&world, "helper", "1.0.0", &["agent"]).await.id;
    let error = world.ext.plugins.self_test(&world.admin, id).await.unwrap_err();
    assert!(matches!(error, ServiceError::Invalid { field: "installation", .. }), "{error}");
    let _: Value = serde_json::to_value(world.ext.plugins.list(&world.admin).await.unwrap()).unwrap();
}
