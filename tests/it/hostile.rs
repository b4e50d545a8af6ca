//! Hostile guests in the real host: each is installed, commits its crime on a message, and the tenant's
//! policy decides; the neighbours notice nothing.

use serde_json::{Value, json};
use warbler_tests::guests;
use warbler_tests::host::Host;
use warbler_tests::packages::{self, Packed};
use warbler_tests::tenant::{self, PAIR, Tenant};

/// Crimes that are committed on a message, and what the receipt calls each.
const CRIMES: &[&str] =
    &["trap", "endless", "memory-bomb", "table-bomb", "deep-recursion", "bad-return-pointer", "oversized-return"];

/// The text on which the crime is committed; before, the guest behaves, or it would not get in.
const CUE: &str = "commit the crime";

fn package(crime: &str, component: &[u8]) -> Packed {
    let manifest = json!({"name": crime, "version": "0.1.0", "hooks": ["content-filter"], "permissions": {}});
    packages::pack(component, &manifest).unwrap()
}

async fn lines(tenant: &Tenant, id: &str) -> Vec<String> {
    let logs = tenant.owner.get(&format!("/v1/admin/plugins/{id}/logs")).await.unwrap().with(200).unwrap();
    logs["lines"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crime_costs_its_tenant_what_the_policy_says_and_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    tenant::trust(&host).await.unwrap();
    let victim = Tenant::make(&host, "victim", "Victim", &PAIR).await.unwrap();
    let neighbour = Tenant::make(&host, "neighbour", "Neighbour", &PAIR).await.unwrap();
    let victims = victim.direct(0, 1).await.unwrap();
    let neighbours = neighbour.direct(0, 1).await.unwrap();
    for crime in CRIMES {
        let request = package(crime, &guests::sleeper(crime, u32::try_from(CUE.len()).unwrap()).unwrap())
            .request(&json!({"fail_policy": "closed"}))
            .unwrap();
        let answer = victim.owner.post("/v1/admin/plugins", request).await.unwrap();
        let installed = answer.with(201).unwrap_or_else(|error| panic!("{crime}: {error}"));
        let id = installed["plugin"]["id"].as_str().unwrap();

        let alice = &victim.person(0).unwrap().client;
        let held = alice.send(&victims, &format!("{crime}-closed"), CUE).await.unwrap();
        assert_eq!(held.status, 202, "{crime} with policy closed: {held:?}");

        let open = json!({"fail_policy": "open"});
        victim.owner.patch(&format!("/v1/admin/plugins/{id}"), open).await.unwrap().with(200).unwrap();
        let passed = alice.send(&victims, &format!("{crime}-open"), CUE).await.unwrap();
        assert_eq!(passed.status, 201, "{crime} with policy open: {passed:?}");

        let quiet = neighbour.person(0).unwrap().client.send(&neighbours, crime, "hello").await.unwrap();
        assert_eq!(quiet.status, 201, "the neighbour of {crime}: {quiet:?}");

        assert!(!lines(&victim, id).await.is_empty(), "{crime} left no line in the plugin's log");
        let shown = victim.owner.get(&format!("/v1/admin/plugins/{id}")).await.unwrap().with(200).unwrap();
        assert_eq!(shown["status"], "active", "{crime} was switched off silently");
        assert!(shown["stats"]["failures"].as_u64().unwrap() >= 2, "{crime}: {shown}");
        victim.owner.delete(&format!("/v1/admin/plugins/{id}")).await.unwrap().with(204).unwrap();
    }
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_init_never_ends_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let request = package("endless-init", &guests::filter("endless-init").unwrap()).request(&json!({})).unwrap();
    let answer = acme.owner.post("/v1/admin/plugins", request).await.unwrap();
    assert_eq!((answer.status, answer.code()), (422, "init-failed"), "{answer:?}");
    let plugins = acme.owner.get("/v1/admin/plugins").await.unwrap().with(200).unwrap();
    assert_eq!(plugins["plugins"], Value::Array(Vec::new()));
    let conversation = acme.direct(0, 1).await.unwrap();
    acme.person(0).unwrap().client.send(&conversation, "k", "hello").await.unwrap().with(201).unwrap();
}
