//! Web Push end to end: from a message in the host through `push-webpush` to Debian's Firefox, which subscribed with
//! the key that the host told it, opens what arrives, and hands it to its page's service worker.

use std::path::Path;

use serde_json::json;
use warbler_tests::client::text;
use warbler_tests::host::Host;
use warbler_tests::script::{self, Script};
use warbler_tests::servers;
use warbler_tests::tenant::{self, PAIR, Tenant};

/// A key pair of nobody's: that of the example in RFC 8291.
const PRIVATE_KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
const PUBLIC_KEY: &str = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_firefox_as_it_was_written_and_one_spoiled_on_the_way_does_not() {
    if !Path::new("/usr/bin/firefox-esr").exists() {
        servers::skip("browser that is notified (firefox-esr)");
        return;
    }
    if !script::has_node(&["jose", "puppeteer-core", "ws"]) {
        return;
    }
    let mut firefox = Script::start("firefox.mjs", &[]).unwrap();
    let service = firefox.text("origin").unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let allowed = format!("[plugins]\nallow_private_http = [{:?}]\n", service.replace("http://", ""));
    let host = Host::start(folder.path(), &allowed).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let config = json!({"subject": "mailto:push@example.com", "public_key": PUBLIC_KEY, "push_service": service});
    let extra = json!({"config": config, "secrets": {"vapid_key": PRIVATE_KEY}});
    acme.install_bundled("push-webpush", extra).await.unwrap();

    // Everything that the browser needs it is told by the host.
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    let devices = bob.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    assert_eq!(devices["kinds"], json!([{"kind": "web-push", "public": {"public_key": PUBLIC_KEY}}]));
    firefox.tell(&json!({"subscribe": devices["kinds"][0]["public"]["public_key"]})).unwrap();
    let subscription = firefox.says("subscribed", |_| true).await.unwrap();
    let device = json!({"kind": "web-push", "address": subscription});
    let device = bob.post("/v1/push-endpoints", device).await.unwrap().with(201).unwrap();

    let conversation = acme.direct(0, 1).await.unwrap();
    let write = async |said: &str| alice.send(&conversation, said, said).await.unwrap().with(201).unwrap();
    write("你好，世界 🎉").await;
    let opened = firefox.says("opened", |_| true).await.unwrap();
    assert_eq!((&opened["title"], &opened["body"]), (&json!("Alice"), &json!("你好，世界 🎉")));
    assert_eq!((&opened["conversation"], &opened["badge"]), (&json!(conversation), &json!(1)));

    // The browser says itself that it cannot open this one.
    firefox.tell(&json!({"corrupt": true})).unwrap();
    firefox.says("corrupting", |_| true).await.unwrap();
    write("spoiled").await;
    firefox.says("acknowledged", |code| code == 101).await.unwrap();
    write("the next").await;
    firefox.says("opened", |opened| opened["body"] == "the next").await.unwrap();
    assert_eq!(firefox.said("opened").len(), 2);
    assert_eq!(firefox.said("refused"), Vec::<serde_json::Value>::new());

    firefox.tell(&json!({"unsubscribe": true})).unwrap();
    firefox.says("unsubscribed", |_| true).await.unwrap();
    let path = format!("/v1/push-endpoints/{}/test", text(&device, "id").unwrap());
    let tested = bob.post(&path, json!({})).await.unwrap().with(200).unwrap();
    assert_eq!(tested["notes"][0]["step"], "gone");
    let devices = bob.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    assert_eq!(devices["endpoints"], json!([]));
    host.stop().unwrap();
}
