//! Links in what agents say: those that their admins, the people who ask or a table gave them, and those that a model
//! made up.

use serde_json::{Value, json};
use warbler_tests::client::{Client, Socket};
use warbler_tests::model::{Model, Said, last};
use warbler_tests::tenant::{self, Tenant};

use crate::agents::{reply, start};

/// An agent of a bundled plugin with this configuration.
async fn agent(acme: &Tenant, plugin: &str, config: Value, settings: Value) -> String {
    let installed = acme.install_bundled(plugin, json!({"config": config})).await.unwrap();
    let body = json!({"name": plugin, "installation": installed["plugin"]["id"], "settings": settings});
    let made = acme.owner.post("/v1/admin/agents", body).await.unwrap().with(201).unwrap();
    made["member"]["id"].as_str().unwrap().to_owned()
}

/// The text of the answer to a question, and the code of its caution.
async fn ask(client: &Client, socket: &mut Socket, to: (&str, &str), question: &str) -> (String, Option<String>) {
    client.send(to.0, question, question).await.unwrap().with(201).unwrap();
    let said = reply(socket, to.1).await.0;
    (said["body"]["text"].as_str().unwrap().to_owned(), said["caution"]["code"].as_str().map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_someone_gave_stand_without_a_caution_and_made_up_ones_with_it() {
    let model = Model::start(|prompt| {
        let question = last(prompt, "user");
        let link =
            ["help.acme.example/start", "shop.example/cart/7", "docs.acme.example/deep/page", "nowhere.example/x"]
                .into_iter()
                .find(|link| question.contains(&link[..4]));
        Said::words(&format!("See https://{} for more.", link.unwrap_or("none.example")))
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let persona = json!({"persona": "Send people to https://help.acme.example/start when they are lost."});
    let robin = agent(&acme, "assistant", persona, json!({"links": ["docs.acme.example"]})).await;
    let alice = acme.person(0).unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    let direct = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let to = (direct.as_str(), robin.as_str());
    for (question, caution) in [
        ("Where is help?", None),
        ("What of https://shop.example/cart/7, please?", None),
        ("Which docs are there?", None),
        ("Is there nowhere else?", Some("unsourced-link")),
        ("And nowhere again?", Some("unsourced-link")),
    ] {
        let (said, code) = ask(&alice.client, &mut socket, to, question).await;
        assert!(said.starts_with("See https://"), "{said}");
        assert_eq!(code.as_deref(), caution, "{question}: {said}");
    }
    table(&acme, &alice.client, &mut socket).await;
    host.stop().unwrap();
}

/// An agent that answers from a table, without a model.
async fn table(acme: &Tenant, client: &Client, socket: &mut Socket) {
    let answer = json!({"zh": "见 https://parking.example/zh", "en": "See https://parking.example/en."});
    let entries = json!({"entries": [{"questions": ["Where can I park?", "停车场在哪里"], "answer": answer}]});
    let wren = agent(acme, "faq", entries, json!({})).await;
    let support = json!({"kind": "support", "title": "Cars", "members": [wren]});
    let support = tenant::begin(client, support).await.unwrap();
    let to = (support.as_str(), wren.as_str());
    let en = ask(client, socket, to, "where can I park").await;
    assert_eq!(en, ("See https://parking.example/en.".to_owned(), None));
    let zh = ask(client, socket, to, "停车场在哪里？").await;
    assert_eq!(zh, ("见 https://parking.example/zh".to_owned(), None));
    let (said, _) = ask(client, socket, to, "What is the meaning of life?").await;
    assert!(said.starts_with("Sorry, I have no answer to that."), "{said}");
    while socket.until("changed").await.unwrap()["change"]["state"] != "waiting" {}
}
