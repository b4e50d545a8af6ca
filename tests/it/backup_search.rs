//! Looking into a version as a member: what was said then is found, in pages, by its members of now, and what was
//! recalled is found by nobody.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use warbler_tests::backups::Backups;
use warbler_tests::client::Client;
use warbler_tests::talk;
use warbler_tests::tenant::{PAIR, PASSWORD, Tenant, begin};

/// Messages that are found on several pages, among others.
const MANY: usize = 90;

/// Somebody who looks for something in a version of a conversation.
struct Look<'a> {
    client: &'a Client,
    version: &'a str,
    conversation: &'a str,
}

impl Look<'_> {
    fn path(&self, search: &str, after: u64, limit: usize) -> String {
        let mut encoded = reqwest::Url::parse("http://localhost").unwrap();
        encoded.query_pairs_mut().append_pair("search", search).append_pair("after", &after.to_string());
        encoded.query_pairs_mut().append_pair("limit", &limit.to_string());
        let (version, conversation) = (self.version, self.conversation);
        format!("/v1/backups/{version}/conversations/{conversation}?{}", encoded.query().unwrap())
    }

    /// The places and texts of what is found, page by page, in the order of its coming.
    async fn pages(&self, search: &str, limit: usize) -> Vec<Vec<(u64, String)>> {
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let page = self.client.get(&self.path(search, after, limit)).await.unwrap().with(200).unwrap();
            let found = page["messages"].as_array().unwrap().iter();
            let found = found.map(|message| {
                (message["sequence"].as_u64().unwrap(), message["body"]["text"].as_str().unwrap().to_owned())
            });
            pages.push(found.collect());
            match page["next"].as_u64() {
                Some(next) => after = next,
                None => return pages,
            }
        }
    }

    async fn texts(&self, search: &str) -> Vec<String> {
        self.pages(search, 50).await.into_iter().flatten().map(|(_, text)| text).collect()
    }
}

/// Says it, and gives the message.
async fn say(client: &Client, conversation: &str, text: &str) -> Value {
    client.send(conversation, text, text).await.unwrap().with(201).unwrap()["message"].clone()
}

/// Whether two answers cannot be told apart.
async fn is_same(client: &Client, one: &str, other: &str) {
    let (one, other) = (client.get(one).await.unwrap(), client.get(other).await.unwrap());
    assert_eq!((one.status, one.code()), (404, "not-found"), "{one:?}");
    assert_eq!((one.status, one.body["detail"].clone()), (other.status, other.body["detail"].clone()));
    assert_eq!((one.code(), &one.body["title"]), (other.code(), &other.body["title"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_searched_as_it_was_by_those_who_are_in_the_conversation_now() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let others = [("carol", "Carol", "member"), ("dave", "Dave", "member")];
    for (login, name, role) in others {
        let member = json!({"login": login, "name": name, "role": role, "password": PASSWORD});
        acme.owner.post("/v1/admin/members", member).await.unwrap().with(201).unwrap();
    }
    let acme = Tenant::sign_in(&host, &acme.slug, &[PAIR, others].concat()).await.unwrap();
    let [alice, bob, carol, dave] = [0, 1, 2, 3].map(|place| acme.person(place).unwrap().clone());
    let group = json!({"kind": "group", "title": "Search", "members": [bob.id, carol.id]});
    let id = begin(&alice.client, group).await.unwrap();

    say(&bob.client, &id, "Where is the GARDEN gate?").await;
    let last_lost = say(&alice.client, &id, "Behind the garden shed.").await;
    let edited = say(&alice.client, &id, "The price is ninety.").await;
    let recalled = say(&bob.client, &id, "The secret word is Xylophone.").await;
    say(&alice.client, &id, "明天上午在Café开会，请带ÉTÉ的报告。").await;
    say(&bob.client, &id, "收到，谢谢。").await;
    let before = talk::history(&alice.client, &id).await.unwrap();
    talk::say(&[&alice.client, &bob.client], &id, "NEEDLE and hay", MANY).await.unwrap();
    let first = backups.run().await.unwrap();

    let path = |message: &Value| format!("/v1/conversations/{id}/messages/{}", message["id"].as_str().unwrap());
    let body = json!({"key": "edit", "body": {"type": "text", "text": "The price is a hundred."}});
    alice.client.patch(&path(&edited), body).await.unwrap().with(200).unwrap();
    bob.client.delete(&path(&recalled)).await.unwrap();
    let cleared = format!("/v1/conversations/{id}/messages?up_to={}", last_lost["sequence"]);
    alice.client.delete(&cleared).await.unwrap().with(200).unwrap();
    say(&bob.client, &id, "New in the second version.").await;
    let second = backups.run().await.unwrap();

    let (then, now) = (look(&bob.client, &first, &id), look(&bob.client, &second, &id));
    // Each version tells what was said then, whatever the case of what is looked for.
    assert_eq!(then.texts("gArDeN").await, ["Where is the GARDEN gate?", "Behind the garden shed."]);
    assert_eq!(now.texts("garden").await, [""; 0]);
    assert_eq!(then.texts("price").await, ["The price is ninety."]);
    assert_eq!(then.texts("NINETY").await, ["The price is ninety."]);
    assert_eq!(now.texts("price").await, ["The price is a hundred."]);
    assert_eq!(now.texts("ninety").await, [""; 0]);
    assert_eq!((then.texts("new in the").await.len(), now.texts("new in the").await.len()), (0, 1));
    for look in [&then, &now] {
        assert_eq!(look.texts("谢谢").await, ["收到，谢谢。"]);
        assert_eq!(look.texts("CAFÉ开会，请带été").await.len(), 1);
        assert_eq!(look.texts("没有").await, [""; 0]);
        // What was recalled is found in no version, not even in that from before.
        assert_eq!(look.texts("xylophone").await, [""; 0]);
        assert_eq!(look.texts("secret word").await, [""; 0]);
    }

    // Pages follow each other without a gap, and nothing comes twice.
    let expected: BTreeSet<u64> = (1..=MANY as u64).map(|place| before.keys().max().unwrap() + place).collect();
    for (limit, count) in [(40, 3), (MANY, 1), (7, 13)] {
        let pages = then.pages("needle AND", limit).await;
        let found: Vec<u64> = pages.iter().flatten().map(|(place, _)| *place).collect();
        assert_eq!(found.iter().copied().collect::<BTreeSet<u64>>(), expected);
        assert_eq!((found.len(), found.is_sorted()), (MANY, true));
        assert_eq!(pages.iter().filter(|page| !page.is_empty()).count(), count);
        assert!(pages.iter().all(|page| page.len() <= limit));
    }

    // Carol leaves, and Dave was never there: to both it is as if there were no such conversation.
    carol.client.delete(&format!("/v1/conversations/{id}/members/{}", carol.id)).await.unwrap();
    let nowhere = "00000000-0000-7000-8000-000000000000";
    for stranger in [&carol, &dave] {
        let (there, not) = (look(&stranger.client, &first, &id), look(&stranger.client, &first, nowhere));
        is_same(&stranger.client, &there.path("garden", 0, 50), &not.path("garden", 0, 50)).await;
        let listed = stranger.client.get(&format!("/v1/backups/{first}/conversations")).await.unwrap();
        assert_eq!(listed.with(200).unwrap()["conversations"], json!([]));
        let versions = |id: &str| format!("/v1/backups?conversation={id}");
        is_same(&stranger.client, &versions(&id), &versions(nowhere)).await;
    }
    host.stop().unwrap();
}

fn look<'a>(client: &'a Client, version: &'a str, conversation: &'a str) -> Look<'a> {
    Look { client, version, conversation }
}
