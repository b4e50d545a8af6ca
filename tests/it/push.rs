//! Push from outside: a real plugin, a real receiver, and crashes in between.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use warbler_tests::client::text;
use warbler_tests::host::Host;
use warbler_tests::receiver::Receiver;
use warbler_tests::tenant::{self, PAIR, Tenant};

/// Crashes in one test; each costs a start of a debug build.
const ROUNDS: usize = 2;

/// Messages between two crashes.
const MESSAGES: usize = 40;

/// What the plugin and its receiver share.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn install(acme: &Tenant, receiver: &Receiver) {
    let extra = json!({"config": {"url": format!("{}/push", receiver.base())}, "secrets": {"signing_key": KEY}});
    acme.install_bundled("push-webhook", extra).await.unwrap();
}

/// The texts of notifications.
fn texts(got: &[Value]) -> BTreeSet<String> {
    got.iter().map(|one| one["data"]["body"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_notification_of_an_acknowledged_message_is_lost_by_sigkill() {
    let receiver = Receiver::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &receiver.allowed()).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    install(&acme, &receiver).await;
    // Bob's session outlives the crashes, and so does its device.
    let bob = &acme.person(1).unwrap().client;
    let device = json!({"kind": "webhook", "address": {"device": "bobs"}});
    bob.post("/v1/push-endpoints", device).await.unwrap().with(201).unwrap();
    let mut sent = BTreeSet::new();
    for round in 0..ROUNDS {
        // While the receiver is down, notifications wait; a newer one must not take the place of another.
        receiver.answer(503);
        let alice = host.client().sign_in("acme", "alice", tenant::PASSWORD).await.unwrap();
        for count in 0..MESSAGES {
            let body = json!({"kind": "group", "title": "One each", "members": [acme.person(1).unwrap().id]});
            let conversation = tenant::begin(&alice, body).await.unwrap();
            let said = format!("round {round}, message {count}");
            alice.send(&conversation, "key", &said).await.unwrap().with(201).unwrap();
            sent.insert(said);
        }
        host.kill().unwrap();
        receiver.answer(200);
        host = Host::start(folder.path(), &receiver.allowed()).unwrap();
    }
    let got = receiver.until(|got| texts(got).is_superset(&sent)).await.unwrap();
    // The same notification may have come twice, but never two of one message under different names.
    let names: BTreeSet<(String, String)> =
        got.iter().map(|one| (one["data"]["body"].to_string(), one["data"]["id"].to_string())).collect();
    assert_eq!(names.len(), sent.len());
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_unbinds_the_device_before_the_call_returns() {
    let receiver = Receiver::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &receiver.allowed()).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    install(&acme, &receiver).await;
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    let device = json!({"kind": "webhook", "address": {"device": "bobs"}});
    let made = bob.post("/v1/push-endpoints", device.clone()).await.unwrap().with(201).unwrap();
    let tested = bob.post(&format!("/v1/push-endpoints/{}/test", text(&made, "id").unwrap()), json!({})).await;
    assert_eq!(tested.unwrap().with(200).unwrap()["notes"][0]["step"], "accepted");
    bob.post("/v1/sign-out", json!({})).await.unwrap().with(204).unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    alice.send(&conversation, "unheard", "nobody hears this").await.unwrap().with(201).unwrap();
    let again = host.client().sign_in("acme", "bob", tenant::PASSWORD).await.unwrap();
    let devices = again.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    assert_eq!(devices["endpoints"], json!([]));
    assert_eq!(devices["kinds"][0]["kind"], "webhook");
    again.post("/v1/push-endpoints", device).await.unwrap().with(201).unwrap();
    alice.send(&conversation, "heard", "but this").await.unwrap().with(201).unwrap();
    let got = receiver.until(|got| got.len() >= 2).await.unwrap();
    assert_eq!((got.len(), got[1]["data"]["body"].as_str()), (2, Some("but this")));
    host.stop().unwrap();
}
