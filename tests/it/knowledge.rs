//! The knowledge base from outside: documents of every kind, who finds what in them, and that what is deleted is gone.

use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, dictionary};
use serde_json::{Value, json};
use warbler_tests::client::Client;
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::servers::ModelServer;
use warbler_tests::tenant;

use crate::agents::{assistant, reply, start, tenant_id};

/// A PDF with a line of text on each page, as a program writes it that makes reports.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" };
    let font = document.add_object(font);
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let kids: Vec<Object> = pages
        .iter()
        .map(|line| {
            let operations = vec![
                Operation::new("BT", vec![]),
                Operation::new("Tf", vec!["F1".into(), 14.into()]),
                Operation::new("Td", vec![72.into(), 700.into()]),
                Operation::new("Tj", vec![Object::string_literal(*line)]),
                Operation::new("ET", vec![]),
            ];
            let content = Stream::new(dictionary! {}, Content { operations }.encode().unwrap());
            let content = document.add_object(content);
            let page = dictionary! { "Type" => "Page", "Parent" => tree, "Contents" => content };
            document.add_object(page).into()
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap();
    let root = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    document.objects.insert(tree, Object::Dictionary(root));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    document.compress();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

async fn upload(owner: &Client, title: &str, kind: &str, bytes: &[u8], more: &str) -> Value {
    let path = format!("/v1/admin/knowledge?title={title}{more}");
    owner.upload(&path, kind, bytes).await.unwrap().with(201).unwrap()
}

/// The passages that are found for a question, best first.
async fn find(owner: &Client, question: &str, more: &str) -> Vec<Value> {
    let path = format!("/v1/admin/knowledge/passages?query={question}{more}");
    owner.get(&path).await.unwrap().with(200).unwrap()["passages"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_every_kind_are_found_with_their_places_and_are_gone_when_they_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::start(|_| Vec::new()).await.unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let owner = &acme.owner;
    let html = "<html><body><h1>Travel</h1><p>Trains are booked by the office in Lyon.</p></body></html>";
    let report = pdf(&["The audit was in March.", "The cloakroom is in the cellar."]);
    let documents = [
        ("Notes", "text/plain", "打印机在三楼走廊尽头。".as_bytes(), "打印机在哪里", "打印机", "Notes"),
        (
            "Manual",
            "text/markdown",
            b"# Start\n\nHello.\n\n# Warranty\n\nBatteries last two years.\n",
            "battery%20warranty",
            "two years",
            "Warranty",
        ),
        ("Trips", "text/html", html.as_bytes(), "who%20books%20trains", "Lyon", "Travel"),
        ("Report", "application/pdf", &report, "where%20is%20the%20cloakroom", "cellar", "p. 2"),
    ];
    let mut ids = Vec::new();
    for (title, kind, bytes, ..) in documents {
        let document = upload(owner, title, kind, bytes, "").await;
        assert_eq!((&document["media_type"], document["has_vectors"].as_bool()), (&json!(kind), Some(false)));
        ids.push(document["id"].as_str().unwrap().to_owned());
    }
    for (title, _, _, question, text, place) in documents {
        let found = find(owner, question, "").await;
        let best = found.first().unwrap_or_else(|| panic!("nothing is found for {title}"));
        let (source, passage) = (best["source"].as_str().unwrap(), best["text"].as_str().unwrap());
        assert!(source.starts_with(title) && source.contains(place) && passage.contains(text), "{best}");
    }
    // What the host is started with is what it was stopped with.
    host.stop().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    let acme = tenant::Tenant::sign_in(&host, "acme", &tenant::PAIR).await.unwrap();
    let owner = &acme.owner;
    for ((title, _, _, question, ..), id) in documents.iter().zip(&ids) {
        assert_eq!(find(owner, question, "").await.len(), 1, "{title}");
        owner.delete(&format!("/v1/admin/knowledge/{id}")).await.unwrap().with(204).unwrap();
        assert!(find(owner, question, "").await.is_empty(), "{title} is found after it was deleted");
    }
    assert_eq!(owner.get("/v1/admin/knowledge").await.unwrap().with(200).unwrap()["documents"], json!([]));
    for (kind, bytes) in [("application/zip", &b"PK"[..]), ("application/pdf", b"no PDF"), ("text/html", b"<p></p>")] {
        let refused = owner.upload("/v1/admin/knowledge?title=x", kind, bytes).await.unwrap();
        assert_eq!((refused.status, refused.code()), (422, "invalid"), "{kind}: {}", refused.body);
    }
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_one_conversation_is_cited_in_it_alone_and_nowhere_after_it_is_deleted() {
    // Says what it was given, and cites it.
    let model = Model::start(|prompt| {
        let sources = last(prompt, "system");
        let known = sources.lines().find(|line| line.contains("combination"));
        Said::words(&known.map_or_else(|| "Nobody told me.".to_owned(), |known| format!("{known} [1]")))
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let robin = assistant(&acme, json!({})).await;
    let mut conversations = Vec::new();
    for person in [0, 1] {
        let client = acme.person(person).unwrap().client.clone();
        let direct = tenant::begin(&client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
        let socket = client.connect(json!({})).await.unwrap();
        conversations.push((client, direct, socket));
    }
    let bound = format!("&conversation={}", conversations[0].1);
    let text = b"The combination of the safe is 4711.";
    let document = upload(&acme.owner, "Safe", "text/plain", text, &bound).await;
    assert_eq!(document["conversation"], json!(conversations[0].1));
    let mut answers = Vec::new();
    for round in ["before", "after"] {
        for (client, direct, socket) in &mut conversations {
            client.send(direct, round, "What is the combination of the safe?").await.unwrap().with(201).unwrap();
            let said = reply(socket, &robin).await.0;
            answers.push(said["body"]["text"].as_str().unwrap().to_owned());
        }
        let question = "combination%20of%20the%20safe";
        assert!(find(&acme.owner, question, "").await.is_empty(), "it is found without its conversation");
        assert_eq!(find(&acme.owner, question, &bound).await.len(), usize::from(round == "before"));
        let path = format!("/v1/admin/knowledge/{}", document["id"].as_str().unwrap());
        assert_eq!(acme.owner.delete(&path).await.unwrap().status, if round == "before" { 204 } else { 404 });
    }
    assert!(answers[0].contains("4711") && answers[0].contains("Safe"), "{answers:?}");
    assert_eq!(answers[1], "Nobody told me.", "another conversation was told");
    assert_eq!(answers[2..], ["Nobody told me.", "Nobody told me."], "it was cited after it was deleted");
    host.stop().unwrap();
}

/// The title of what is found first for a question.
async fn first(owner: &Client, question: &str) -> String {
    let found = find(owner, question, "").await;
    found.first().unwrap_or_else(|| panic!("nothing is found for {question}"))["source"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_real_model_of_embeddings_meaning_and_words_are_found_and_without_it_words() {
    let Some(embeddings) = ModelServer::start_embeddings().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = Model::start(|_| Vec::new()).await.unwrap();
    let (host, acme) = start(folder.path(), &model).await;
    let owner = &acme.owner;
    let body = json!({"name": "vectors", "kind": "embeddings", "base_url": embeddings.url, "model": "e5"});
    host.operator().post("/v1/operator/models", body).await.unwrap().with(200).unwrap();
    for (title, text) in [
        ("Refunds", "Money is given back ten days after an article has been returned to the shop."),
        ("Canteen", "Lunch is served from noon to two on the ground floor."),
        ("Cars", "Vehicles may be left behind the building at night."),
        ("Faults", "Code QX-4711 stands for a paper jam in the second tray."),
        ("Repairs", "When the copier breaks down or shows a fault code, call the technician."),
    ] {
        let document = upload(owner, title, "text/plain", text.as_bytes(), "").await;
        assert_eq!(document["has_vectors"], true);
    }
    // In another language, without a word in common: by meaning alone.
    for (question, title) in
        [("退货以后多久能拿到钱", "Refunds"), ("几点可以吃午饭", "Canteen"), ("晚上可以在哪里停车", "Cars")]
    {
        assert_eq!(first(owner, question).await, title, "{question}");
    }
    // Both lists together: the very code outweighs a passage that is about the same.
    assert_eq!(first(owner, "fault%20code%20QX-4711%20copier").await, "Faults");
    assert_eq!(first(owner, "who%20repairs%20a%20broken%20photocopier").await, "Repairs");
    let tenant = tenant_id(&host, "acme").await;
    let metrics = reqwest::get(format!("{}/metrics", host.base())).await.unwrap().text().await.unwrap();
    let counted = format!(r#"model_tokens_total{{tenant="{tenant}",model="vectors",kind="prompt"}}"#);
    assert!(metrics.contains(&counted), "what vectors cost is not counted");
    drop(embeddings);
    // Answers get worse, and do not end.
    assert_eq!(first(owner, "lunch%20on%20the%20ground%20floor").await, "Canteen");
    assert!(find(owner, "几点可以吃午饭", "").await.is_empty());
    let refused = owner.upload("/v1/admin/knowledge?title=x", "text/plain", b"Words.").await.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    host.stop().unwrap();
}
