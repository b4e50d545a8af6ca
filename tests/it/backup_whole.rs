//! A tenant is restored into an empty host, and what it had beside messages is at work again: its agent answers from its
//! documents, its plugin finds what it had stored, and what people and admins had decided holds.

use serde_json::json;
use warbler_tests::backups::{Backups, configuration};
use warbler_tests::client::Client;
use warbler_tests::guests;
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::packages;
use warbler_tests::tenant::{PAIR, begin};

use crate::agents::{assistant, reply, set_model};
use crate::backup_restore::{move_in, restore_tenant};

/// Sends a text; what the plugin had kept, if it held the text because of that.
async fn told(client: &Client, owner: &Client, conversation: &str, text: &str) -> Option<String> {
    let sent = client.send(conversation, text, text).await.unwrap();
    if sent.status == 201 {
        return None;
    }
    sent.with(202).unwrap();
    let queue = owner.get("/v1/admin/review").await.unwrap().with(200).unwrap();
    let held = queue["held"].as_array().unwrap().last().unwrap();
    assert_eq!(held["reason"]["code"], "kept");
    held["reason"]["text"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_answers_from_a_document_a_plugin_finds_its_value_and_decisions_hold_in_the_new_host() {
    // Says what it was given, and cites it.
    let model = Model::start(|prompt| {
        let sources = last(prompt, "system");
        let known = sources.lines().find(|line| line.contains("opens at"));
        Said::words(&known.map_or_else(|| "Nobody told me.".to_owned(), |known| format!("{known} [1]")))
    });
    let model = model.await.unwrap();
    let (folder, sink, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    set_model(&host, &model).await;
    let robin = assistant(&acme, json!({"most_hops": 7})).await;
    let text = b"The shop opens at nine in the morning.";
    acme.owner.upload("/v1/admin/knowledge?title=Handbook", "text/plain", text).await.unwrap().with(201).unwrap();
    let manifest = json!({
        "name": "remembering", "version": "0.1.0", "hooks": ["content-filter"],
        "permissions": {"storage": {"quota_bytes": 4_096}},
    });
    let package = packages::pack(&guests::filter("remembering").unwrap(), &manifest).unwrap();
    let request = package.request(&json!({"grants": manifest["permissions"]})).unwrap();
    acme.owner.post("/v1/admin/plugins", request).await.unwrap().with(201).unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let alice = acme.person(0).unwrap().client.clone();
    assert_eq!(told(&alice, &acme.owner, &conversation, "what").await, None);
    assert_eq!(told(&alice, &acme.owner, &conversation, "apple").await, None);
    acme.owner.put("/v1/admin/push/policy", json!({"contents": false})).await.unwrap().with(200).unwrap();
    let path = format!("/v1/conversations/{conversation}/notifications");
    let muted = alice.patch(&path, json!({"level": "none"})).await.unwrap().with(200).unwrap();
    let policy = json!({"idle_exit_seconds": 900, "session_seconds": 86_400, "password_length": 9});
    acme.owner.put("/v1/admin/policy", policy).await.unwrap().with(200).unwrap();
    backups.let_passphrase().await.unwrap();
    let version = backups.run().await.unwrap();
    let report = backups.drill().await.unwrap();
    assert_eq!((&report["problems"], &report["documents"], &report["agents"]), (&json!([]), &json!(1), &json!(1)));
    host.kill().unwrap();

    let host = Host::start(other.path(), &configuration(sink.path())).unwrap();
    set_model(&host, &model).await;
    let (again, _) = move_in(&host, sink.path(), &backups.folder).await;
    let done = restore_tenant(&again.owner, &version).await;
    for (what, count) in [("installations", 2), ("plugin_values", 1), ("agents", 1), ("documents", 1)] {
        assert_eq!(done[what], count, "{what}: {done}");
    }
    assert_eq!((&done["push_settings"], &done["to_do"]), (&json!(1), &json!([])), "{done}");
    let there = warbler_tests::tenant::Tenant::sign_in(&host, &again.slug, &PAIR).await.unwrap();
    let alice = there.person(0).unwrap().client.clone();

    let direct = begin(&alice, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let mut socket = alice.connect(json!({})).await.unwrap();
    alice.send(&direct, "k", "When is it that the shop opens?").await.unwrap().with(201).unwrap();
    let said = reply(&mut socket, &robin).await.0;
    let said = said["body"]["text"].as_str().unwrap();
    assert!(said.contains("nine in the morning") && said.contains("Handbook"), "{said}");
    let agents = there.owner.get("/v1/admin/agents").await.unwrap().with(200).unwrap();
    assert_eq!(agents["agents"][0]["settings"]["most_hops"], 7);
    assert_eq!(told(&alice, &there.owner, &conversation, "what").await.as_deref(), Some("apple"));
    let policy = there.owner.get("/v1/admin/push/policy").await.unwrap().with(200).unwrap();
    assert_eq!(policy["contents"], false);
    assert_eq!(alice.get(&path).await.unwrap().with(200).unwrap(), muted);
    let tenant = there.owner.get("/v1/admin/policy").await.unwrap().with(200).unwrap();
    assert_eq!(tenant["policy"]["idle_exit_seconds"], 900);
    host.stop().unwrap();
}
