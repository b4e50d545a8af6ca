//! Agents from outside: the bundled assistant over a stand-in model that says what a test tells it to, through
//! filters, with a document and a tool, into the hands of a person, and across a crash.

use std::path::Path;

use serde_json::{Value, json};
use warbler_tests::client::{Client, Socket};
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::tenant::{self, PAIR, Tenant};

/// Sets the stand-in up as the operator's default model.
pub(crate) async fn set_model(host: &Host, model: &Model) {
    let body = json!({"name": "house", "base_url": model.base(), "key": "sk-hush", "model": "m", "default": true});
    let set = host.operator().post("/v1/operator/models", body).await.unwrap().with(200).unwrap();
    assert_eq!(set["has_key"], true);
    assert!(!set.to_string().contains("sk-hush"));
}

/// A host with a tenant of two people, and `model` for its agents.
pub(crate) async fn start(folder: &Path, model: &Model) -> (Host, Tenant) {
    let host = Host::start(folder, "").unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    set_model(&host, model).await;
    (host, acme)
}

/// An agent of the bundled assistant.
pub(crate) async fn assistant(acme: &Tenant, settings: Value) -> String {
    let config = json!({"config": {"min_score": 0.0}});
    let installed = acme.install_bundled("assistant", config).await.unwrap();
    let agent = json!({"name": "Robin", "installation": installed["plugin"]["id"], "settings": settings});
    let agent = acme.owner.post("/v1/admin/agents", agent).await.unwrap().with(201).unwrap();
    agent["member"]["id"].as_str().unwrap().to_owned()
}

/// Robin, whom Alice asked `text` in a conversation of their own, that conversation, and the reply as far as it was seen
/// when the host was killed.
pub(crate) async fn cut_off(folder: &Path, model: &Model, text: &str) -> (String, String, Value) {
    let (host, acme) = start(folder, model).await;
    let robin = assistant(&acme, json!({})).await;
    let alice = acme.person(0).unwrap();
    let conversation = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    alice.client.send(&conversation, "k", text).await.unwrap().with(201).unwrap();
    let growing = socket.until("reply").await.unwrap();
    host.kill().unwrap();
    (robin, conversation, growing)
}

/// The host started again, Alice, and her socket, which reads `conversation` from its beginning.
pub(crate) async fn come_back(folder: &Path, conversation: &str) -> (Host, Client, Socket) {
    let host = Host::start(folder, "").unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let alice = acme.person(0).unwrap().client.clone();
    let mut cursors = json!({});
    cursors[conversation] = json!(0);
    let socket = alice.connect(cursors).await.unwrap();
    (host, alice, socket)
}

/// The next message that `from` posts, and the growing states before it.
pub(crate) async fn reply(socket: &mut Socket, from: &str) -> (Value, Vec<Value>) {
    let mut grown = Vec::new();
    loop {
        let frame = socket.next().await.unwrap();
        match frame["op"].as_str() {
            Some("reply") => grown.push(frame),
            Some("message") if frame["message"]["sender"] == from => return (frame["message"].clone(), grown),
            _ => {}
        }
    }
}

pub(crate) async fn messages_of(client: &Client, conversation: &str, from: &str) -> Vec<Value> {
    let path = format!("/v1/conversations/{conversation}/messages?limit=100");
    let page = client.get(&path).await.unwrap().with(200).unwrap();
    page["messages"].as_array().unwrap().iter().filter(|message| message["sender"] == from).cloned().collect()
}

/// The identifier of the tenant called `slug`.
pub(crate) async fn tenant_id(host: &Host, slug: &str) -> String {
    let tenants = host.operator().get("/v1/operator/tenants").await.unwrap().with(200).unwrap();
    let tenant = tenants["tenants"].as_array().unwrap().iter().find(|tenant| tenant["slug"] == slug).unwrap();
    tenant["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_cut_off_by_sigkill_is_there_once_and_whole_after_the_restart() {
    let model = Model::start(|_| {
        let mut said = Said::words("The first half is here. ");
        said.push(Said::Wait);
        said.extend(Said::words("And here is the second."));
        said
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (robin, conversation, growing) = cut_off(folder.path(), &model, "Tell me both halves.").await;
    model.open(10);
    let (host, alice, mut socket) = come_back(folder.path(), &conversation).await;
    let (message, _) = reply(&mut socket, &robin).await;
    assert_eq!(message["id"], growing["message"], "it is the reply that people saw growing");
    assert_eq!(message["body"]["text"], "The first half is here. And here is the second.");
    // Another question, so that whatever a second reply to the first one would be is there, too.
    alice.send(&conversation, "k2", "And again?").await.unwrap().with(201).unwrap();
    reply(&mut socket, &robin).await;
    assert_eq!(messages_of(&alice, &conversation, &robin).await.len(), 2);
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_streamed_filtered_and_cited_and_a_person_takes_over() {
    let model = Model::start(|prompt| {
        if last(prompt, "system").contains("Sum up") || last(prompt, "user").contains("Customer:") {
            return Said::words("The customer wants to know when the shop opens.");
        }
        Said::words("The damn shop opens at nine [1]. Come by!")
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let words = json!({"words": [{"word": "damn", "category": "house"}]});
    acme.owner.put("/v1/admin/lexicons/house", words).await.unwrap().with(200).unwrap();
    let config = json!({"config": {"lists": [{"name": "house", "action": "mask"}]}});
    acme.install_bundled("keyword-filter", config).await.unwrap();
    let robin = assistant(&acme, json!({})).await;
    let manual = "# Opening hours\n\nThe shop opens at nine in the morning and closes at six.\n";
    let document = acme.owner.upload("/v1/admin/knowledge?title=Handbook", "text/markdown", manual.as_bytes()).await;
    let document = document.unwrap().with(201).unwrap();
    assert_eq!((&document["title"], document["chunks"].as_u64().unwrap() > 0), (&json!("Handbook"), true));
    let alice = acme.person(0).unwrap();
    let support = json!({"kind": "support", "title": "Help", "members": [robin]});
    let conversation = tenant::begin(&alice.client, support).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    alice.client.send(&conversation, "k", "When does the shop open?").await.unwrap().with(201).unwrap();
    let (message, grown) = reply(&mut socket, &robin).await;
    let said = message["body"]["text"].as_str().unwrap();
    assert!(said.contains("opens at nine") && !said.contains("damn"), "{said}");
    assert!(said.contains("Handbook"), "the source is cited: {said}");
    assert!(!grown.is_empty() && grown.iter().all(|state| !state["text"].as_str().unwrap().contains("damn")));
    let asked = model.asked();
    assert!(asked.iter().any(|prompt| prompt.to_string().contains("nine in the morning")), "the passage was read");
    alice.client.send(&conversation, "k2", "I want to talk to a person").await.unwrap().with(201).unwrap();
    let changed = loop {
        let frame = socket.until("changed").await.unwrap();
        if frame["change"]["change"] == "support" && frame["change"]["state"] == "waiting" {
            break frame;
        }
    };
    assert_eq!(changed["change"]["conversation"], json!(conversation));
    let bob = acme.person(1).unwrap();
    let queue = bob.client.get("/v1/support/queue?state=waiting").await.unwrap().with(200).unwrap();
    let note = queue["conversations"][0]["note"].as_str().unwrap();
    assert!(note.contains("when the shop opens") && note.contains("talk to a person"), "{note}");
    let path = format!("/v1/conversations/{conversation}/support/claim");
    let claimed = bob.client.post(&path, json!({})).await.unwrap().with(200).unwrap();
    assert_eq!((&claimed["state"], &claimed["person"]), (&json!("person"), &json!(bob.id)));
    bob.client.send(&conversation, "b1", "Hello, Bob here.").await.unwrap().with(201).unwrap();
    let usage = acme.owner.get("/v1/admin/agents").await.unwrap().with(200).unwrap();
    assert_eq!(usage["agents"][0]["used_today"][0]["model"], "house");
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_at_the_socket_and_a_model_that_is_down_is_apologised_for() {
    let model = Model::start(|_| [Said::words("I will go on. "), vec![Said::Silence]].concat()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let robin = assistant(&acme, json!({})).await;
    let alice = acme.person(0).unwrap();
    let conversation = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    alice.client.send(&conversation, "k", "Go on and on.").await.unwrap().with(201).unwrap();
    let growing = socket.until("reply").await.unwrap();
    let stop = json!({"op": "stop", "conversation": conversation, "message": growing["message"]});
    socket.say(&stop).await.unwrap();
    let (message, _) = reply(&mut socket, &robin).await;
    assert_eq!((&message["id"], &message["caution"]["code"]), (&growing["message"], &json!("reply-stopped")));
    // Nobody pays for what nobody reads.
    model.until_left().await.unwrap();
    drop(model);
    alice.client.send(&conversation, "k2", "Are you there?").await.unwrap().with(201).unwrap();
    let (message, _) = reply(&mut socket, &robin).await;
    let said = message["body"]["text"].as_str().unwrap();
    assert!(said.starts_with("Sorry"), "{said}");
    host.stop().unwrap();
}
