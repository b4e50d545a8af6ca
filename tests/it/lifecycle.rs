//! The life of the bundled filters in the real host: installed, configured, upgraded, rolled back, and
//! there again after a restart; one package that cannot be loaded keeps nothing else from starting.

use std::fs;

use serde_json::json;
use warbler_tests::host::Host;
use warbler_tests::packages;
use warbler_tests::tenant::{self, PAIR, Tenant};

fn masking(word: &str) -> serde_json::Value {
    json!({"config": {"words": {"mask": [word]}}})
}

async fn said(tenant: &Tenant, conversation: &str, key: &str, text: &str) -> String {
    let sent = tenant.person(0).unwrap().client.send(conversation, key, text).await.unwrap().with(201).unwrap();
    sent["message"]["body"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_survives_configuration_upgrade_rollback_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let installed = acme.install_bundled("keyword-filter", masking("cobalt")).await.unwrap();
    let path = format!("/v1/admin/plugins/{}", installed["plugin"]["id"].as_str().unwrap());
    assert_eq!(said(&acme, &conversation, "1", "a cobalt box").await, "a ****** box");

    let bad = json!({"config": {"words": {"mask": "cobalt"}}});
    let refused = acme.owner.put(&format!("{path}/config"), bad).await.unwrap();
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.body.to_string().contains("/words/mask"), "the error names no place: {refused:?}");
    assert_eq!(said(&acme, &conversation, "2", "a cobalt box").await, "a ****** box");

    let better = json!({"config": {"words": {"mask": ["nickel"]}}});
    acme.owner.put(&format!("{path}/config"), better).await.unwrap().with(200).unwrap();
    assert_eq!(said(&acme, &conversation, "3", "cobalt and nickel").await, "cobalt and ******");

    let upgrade = packages::bundled("keyword-filter").unwrap().upgraded("9.0.0").unwrap();
    acme.owner.post("/v1/admin/plugins", upgrade.request(&json!({})).unwrap()).await.unwrap().with(201).unwrap();
    let downgrade = packages::bundled("keyword-filter").unwrap().request(&json!({})).unwrap();
    let refused = acme.owner.post("/v1/admin/plugins", downgrade).await.unwrap();
    assert_eq!((refused.status, refused.code()), (422, "downgrade"), "{refused:?}");
    acme.owner.post(&format!("{path}/rollback"), json!({})).await.unwrap().with(200).unwrap();

    host.stop().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    assert_eq!(said(&acme, &conversation, "4", "cobalt and nickel").await, "cobalt and ******");
    let shown = acme.owner.get(&path).await.unwrap().with(200).unwrap();
    assert_eq!(shown["version"], installed["plugin"]["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_gone_does_not_keep_the_host_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    Tenant::make(&host, "other", "Other", &PAIR).await.unwrap();
    acme.install_bundled("anti-fraud", json!({})).await.unwrap();
    host.stop().unwrap();

    // The disk lost every file; what was compiled from them is gone as well.
    fs::remove_dir_all(folder.path().join("data/blobs")).unwrap();
    fs::remove_dir_all(folder.path().join("data/plugins")).unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let plugins = acme.owner.get("/v1/admin/plugins").await.unwrap().with(200).unwrap();
    assert_eq!(plugins["plugins"][0]["status"], "failed", "{plugins}");
    assert!(plugins["plugins"][0]["failure"]["text"].is_string(), "it does not say why: {plugins}");
    let conversation = acme.direct(0, 1).await.unwrap();
    let held = acme.person(0).unwrap().client.send(&conversation, "k", "hello").await.unwrap();
    assert_eq!(held.status, 202, "a filter that cannot run fails closed: {held:?}");
    let other = Tenant::sign_in(&host, "other", &PAIR).await.unwrap();
    let conversation = other.direct(0, 1).await.unwrap();
    assert_eq!(said(&other, &conversation, "k", "hello").await, "hello");
}
