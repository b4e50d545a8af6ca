//! The routes of push from outside: devices, what people decide about being notified, the story of a notification,
//! and what a tenant's admins see and do. What belongs to somebody else is answered as what does not exist.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use warbler_tests::client::{Answer, Client, text};
use warbler_tests::host::Host;
use warbler_tests::receiver::Receiver;
use warbler_tests::tenant::{self, PAIR, Tenant};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// An address that is like no other bytes.
const ADDRESS: &str = "an-address-to-look-for-4711";
const NOBODY: &str = "0190f3a2-7c1e-7d33-8f00-1b2a3c4d5e6f";

/// Two tenants on one host, each with a provider at the same receiver.
struct World {
    host: Host,
    receiver: Receiver,
    acme: Tenant,
    other: Tenant,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let receiver = Receiver::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let host = Host::start(folder.path(), &receiver.allowed()).unwrap();
        tenant::trust(&host).await.unwrap();
        let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
        let other = Tenant::make(&host, "other", "Other", &PAIR).await.unwrap();
        for tenant in [&acme, &other] {
            let config = json!({"url": format!("{}/push", receiver.base())});
            let extra = json!({"config": config, "secrets": {"signing_key": KEY}});
            tenant.install_bundled("push-webhook", extra).await.unwrap();
        }
        Self { host, receiver, acme, other, folder }
    }

    fn alice(&self) -> &Client {
        &self.acme.person(0).unwrap().client
    }

    fn bob(&self) -> &Client {
        &self.acme.person(1).unwrap().client
    }

    /// Somebody of the other tenant.
    fn stranger(&self) -> &Client {
        &self.other.person(0).unwrap().client
    }

    /// Has Alice write to Bob, and gives the message's identifier.
    async fn write(&self, conversation: &str, said: &str) -> String {
        let sent = self.alice().send(conversation, said, said).await.unwrap().with(201).unwrap();
        text(&sent["message"], "id").unwrap().to_owned()
    }
}

async fn register(client: &Client, address: Value) -> Answer {
    client.post("/v1/push-endpoints", json!({"kind": "webhook", "address": address})).await.unwrap()
}

async fn device(client: &Client, name: &str) -> String {
    let made = register(client, json!({"device": name})).await.with(201).unwrap();
    text(&made, "id").unwrap().to_owned()
}

async fn devices(client: &Client) -> Vec<Value> {
    let listed = client.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    listed["endpoints"].as_array().unwrap().clone()
}

/// Asks until the answer satisfies `enough`.
async fn until(client: &Client, path: &str, enough: impl Fn(&Value) -> bool) -> Value {
    loop {
        let body = client.get(path).await.unwrap().with(200).unwrap();
        if enough(&body) {
            return body;
        }
    }
}

/// The story of a message, once it has steps.
async fn story(client: &Client, message: &str) -> Value {
    until(client, &format!("/v1/push/story?message={message}"), |story| story["notes"] != json!([])).await
}

fn refused(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, answer.code(), answer.body["field"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_its_owners_alone_and_what_cannot_be_one_is_refused_by_name() {
    let world = World::new().await;
    let bob = world.bob();
    let first = device(bob, "one").await;
    assert_eq!(device(bob, "one").await, first, "the same address is the same device");
    for address in ["two", "three", "four"] {
        device(bob, address).await;
    }
    let fifth = register(bob, json!("five")).await;
    assert_eq!(refused(&fifth), (409, "conflict", ""), "a session has room for four: {}", fifth.body);
    let listed = devices(bob).await;
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|device| device["current"] == true && device.get("address").is_none()), "{listed:?}");

    let long = "x".repeat(4_096);
    for (body, field) in [
        (json!({"kind": "pigeon", "address": "x"}), "kind"),
        (json!({"kind": "webhook", "address": ""}), "address"),
        (json!({"kind": "webhook", "address": {}}), "address"),
        (json!({"kind": "webhook", "address": 7}), "address"),
        (json!({"kind": "webhook", "address": ["x"]}), "address"),
        (json!({"kind": "webhook"}), "address"),
        (json!({"address": "x"}), "kind"),
        (json!({"kind": "webhook", "address": "x", "session": NOBODY}), "session"),
        (json!([]), ""),
    ] {
        let answer = bob.post("/v1/push-endpoints", body.clone()).await.unwrap();
        assert_eq!(refused(&answer), (422, "invalid", field), "{body}: {}", answer.body);
    }
    let answer = register(bob, json!(long)).await;
    assert_eq!((refused(&answer), &answer.body["limit"]), ((422, "invalid", "address"), &json!(4_096)));
    let malformed = bob.upload("/v1/push-endpoints", "application/json", b"{").await.unwrap();
    assert_eq!(refused(&malformed), (400, "malformed", ""));
    assert_eq!(refused(&bob.delete("/v1/push-endpoints/one").await.unwrap()), (422, "invalid", "id"));

    // Neither a colleague nor a stranger can tell it from one that does not exist.
    for client in [world.alice(), world.stranger(), &world.other.owner] {
        for id in [&*first, NOBODY] {
            let path = format!("/v1/push-endpoints/{id}");
            assert_eq!(refused(&client.delete(&path).await.unwrap()), (404, "not-found", ""));
            let tested = client.post(&format!("{path}/test"), json!({})).await.unwrap();
            assert_eq!(refused(&tested), (404, "not-found", ""));
        }
    }
    assert_eq!(devices(bob).await.len(), 4);
    assert_eq!(world.host.client().get("/v1/push-endpoints").await.unwrap().status, 401);

    // An address is one person's: whoever registers it last. In another tenant it is another address.
    device(world.stranger(), "one").await;
    assert_eq!(devices(bob).await.len(), 4);
    device(world.alice(), "one").await;
    assert_eq!(devices(bob).await.len(), 3);
    let path = format!("/v1/push-endpoints/{}", text(&devices(bob).await[0], "id").unwrap());
    bob.delete(&path).await.unwrap().with(204).unwrap();
    assert_eq!(devices(bob).await.len(), 2);

    // Neither the store nor the log has an address that could be read.
    device(bob, ADDRESS).await;
    world.host.stop().unwrap();
    let files = files(world.folder.path());
    assert!(files.iter().any(|file| file.ends_with("host.log")) && files.len() > 3, "{files:?}");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(ADDRESS.len()).any(|part| part == ADDRESS.as_bytes()), "{}", file.display());
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap().path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_muted_or_wants_quiet_reads_in_the_story_why_they_were_not_told() {
    let world = World::new().await;
    let bob = world.bob();
    let conversation = world.acme.direct(0, 1).await.unwrap();
    let mute = format!("/v1/conversations/{conversation}/notifications");
    device(bob, "bobs").await;

    assert_eq!(bob.get(&mute).await.unwrap().with(200).unwrap(), json!({"level": "all"}));
    let muted = bob.patch(&mute, json!({"level": "none", "until": "2999-01-01T00:00:00Z"})).await.unwrap();
    assert_eq!(muted.with(200).unwrap()["level"], "none");
    let silent = world.write(&conversation, "muted").await;
    assert_eq!(story(bob, &silent).await["notes"][0]["rule"], "muted");
    // What was decided until a time that is over does not hold.
    bob.patch(&mute, json!({"level": "none", "until": "2020-01-01T00:00:00Z"})).await.unwrap().with(200).unwrap();
    assert_eq!(bob.get(&mute).await.unwrap().with(200).unwrap(), json!({"level": "all"}));
    for (body, field) in [
        (json!({"level": "loud"}), "level"),
        (json!({}), "level"),
        (json!({"level": "all", "until": "tomorrow"}), "until"),
        (json!({"level": "all", "for": 1}), "for"),
    ] {
        assert_eq!(refused(&bob.patch(&mute, body).await.unwrap()), (422, "invalid", field));
    }
    for client in [world.stranger(), &world.other.owner, &world.acme.owner] {
        assert_eq!(refused(&client.get(&mute).await.unwrap()), (404, "not-found", ""));
        let answer = client.patch(&mute, json!({"level": "none"})).await.unwrap();
        assert_eq!(refused(&answer), (404, "not-found", ""));
    }

    // All day long, whatever the clock shows there.
    let quiet = json!({"from": "00:00", "to": "00:00", "days": []});
    let habits = json!({"time_zone": "Asia/Shanghai", "do_not_disturb": quiet});
    let me = bob.patch("/v1/me", habits).await.unwrap().with(200).unwrap();
    assert_eq!((&me["time_zone"], &me["do_not_disturb"]), (&json!("Asia/Shanghai"), &quiet));
    let hushed = world.write(&conversation, "hushed").await;
    assert_eq!(story(bob, &hushed).await["notes"][0]["rule"], "quiet-hours");
    for (body, field) in [
        (json!({"time_zone": "Shanghai"}), "time_zone"),
        (json!({"do_not_disturb": {"from": "25:00", "to": "07:00"}}), "do_not_disturb"),
        (json!({"do_not_disturb": {"from": "22:00"}}), "do_not_disturb.to"),
        (json!({"do_not_disturb": {"from": "22:00", "to": "07:00", "days": ["someday"]}}), "do_not_disturb.days[0]"),
    ] {
        assert_eq!(refused(&bob.patch("/v1/me", body.clone()).await.unwrap()), (422, "invalid", field), "{body}");
    }
    bob.patch("/v1/me", json!({"do_not_disturb": null})).await.unwrap().with(200).unwrap();

    let heard = world.write(&conversation, "heard").await;
    let got = world.receiver.until(|got| !got.is_empty()).await.unwrap();
    assert_eq!((got.len(), &got[0]["data"]["body"]), (1, &json!("heard")));
    let told = story(bob, &heard).await;
    assert_eq!((&told["notes"][0]["step"], &told["notes"][0]["kind"]), (&json!("accepted"), &json!("webhook")));
    assert_eq!(told["endpoints"].as_array().unwrap().len(), 1);
    // Nobody else reads it: what they ask for is as what does not exist.
    for client in [world.alice(), world.stranger()] {
        let theirs = client.get(&format!("/v1/push/story?message={heard}")).await.unwrap().with(200).unwrap();
        assert_eq!((&theirs["notes"], &theirs["endpoints"]), (&json!([]), &json!([])));
    }
    let foreign = format!("message={heard}&user={NOBODY}");
    for (query, field) in [("", "message"), ("message=x", "message"), (foreign.as_str(), "user")] {
        let answer = bob.get(&format!("/v1/push/story?{query}")).await.unwrap();
        assert_eq!(refused(&answer), (422, "invalid", field), "{query}: {}", answer.body);
    }
    world.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sets_the_policy_reads_stories_and_sends_again_what_was_given_up() {
    let world = World::new().await;
    let (bob, admin) = (world.bob(), &world.acme.owner);
    let bobs = &world.acme.person(1).unwrap().id;
    let conversation = world.acme.direct(0, 1).await.unwrap();
    device(bob, "bobs").await;

    // The receiver refuses for good: the notification is a dead letter.
    world.receiver.answer(400);
    let lost = world.write(&conversation, "lost").await;
    let listed = until(admin, "/v1/admin/push/dead-letters", |list| list["dead_letters"] != json!([])).await;
    let letter = &listed["dead_letters"][0];
    assert_eq!((&letter["message"], &letter["user"]), (&json!(lost), &json!(bobs)));
    let letter = format!("/v1/admin/push/dead-letters/{}", text(letter, "id").unwrap());
    let path = format!("/v1/admin/push/story?message={lost}&user={bobs}");
    assert_eq!(admin.get(&path).await.unwrap().with(200).unwrap()["notes"][0]["step"], "refused");
    let overview = admin.get("/v1/admin/push").await.unwrap().with(200).unwrap();
    assert_eq!((&overview["endpoints"], &overview["dead_letters"]), (&json!({"webhook": 1}), &json!(1)));
    assert_eq!(overview["providers"][0]["provider"], "push-webhook");

    // It is this tenant's admins' business alone.
    let foreign = &world.other.owner;
    let theirs = foreign.get("/v1/admin/push/dead-letters").await.unwrap().with(200).unwrap();
    assert_eq!(theirs["dead_letters"], json!([]));
    assert_eq!(foreign.get(&path).await.unwrap().with(200).unwrap()["notes"], json!([]));
    for path in [letter.as_str(), &format!("/v1/admin/push/dead-letters/{NOBODY}")] {
        let again = foreign.post(&format!("{path}/replay"), json!({})).await.unwrap();
        assert_eq!(refused(&again), (404, "not-found", ""));
        assert_eq!(refused(&foreign.delete(path).await.unwrap()), (404, "not-found", ""));
    }
    let policy = json!({"contents": false});
    assert_eq!(refused(&bob.put("/v1/admin/push/policy", policy.clone()).await.unwrap()), (403, "forbidden", ""));
    for path in ["/v1/admin/push", "/v1/admin/push/policy", "/v1/admin/push/dead-letters", &path] {
        assert_eq!(refused(&bob.get(path).await.unwrap()), (403, "forbidden", ""), "{path}");
    }
    assert_eq!(refused(&bob.post(&format!("{letter}/replay"), json!({})).await.unwrap()), (403, "forbidden", ""));

    world.receiver.answer(200);
    admin.post(&format!("{letter}/replay"), json!({})).await.unwrap().with(202).unwrap();
    let got = world.receiver.until(|got| !got.is_empty()).await.unwrap();
    assert_eq!(got[0]["data"]["body"], "lost");
    assert_eq!(refused(&admin.post(&format!("{letter}/replay"), json!({})).await.unwrap()), (404, "not-found", ""));

    // What the policy says holds from the next message on.
    let set = admin.put("/v1/admin/push/policy", policy).await.unwrap().with(200).unwrap();
    assert_eq!((&set["contents"], &set["expiry_seconds"]), (&json!(false), &json!(86_400)));
    assert_eq!(admin.get("/v1/admin/push/policy").await.unwrap().with(200).unwrap(), set);
    world.write(&conversation, "kept in").await;
    let got = world.receiver.until(|got| got.len() > 1).await.unwrap();
    assert_eq!((&got[1]["data"]["body"], &got[1]["data"]["title"]), (&json!(""), &json!("New message")));
    for (body, field) in [
        (json!({"idle_seconds": 86_401}), "idle_seconds"),
        (json!({"expiry_seconds": 59}), "expiry_seconds"),
        (json!({"quotas": {"push-webhook": {"per_second": 0}}}), "quotas.per_second"),
        (json!({"quotas": {"push-webhook": {}}}), "quotas.push-webhook.per_second"),
        (json!({"groups": "some"}), "groups"),
        (json!({"silence": true}), "silence"),
    ] {
        let answer = admin.put("/v1/admin/push/policy", body.clone()).await.unwrap();
        assert_eq!(refused(&answer), (422, "invalid", field), "{body}: {}", answer.body);
    }
    let none = admin.put("/v1/admin/push/policy", json!({"kinds": []})).await.unwrap().with(200).unwrap();
    assert_eq!(none["kinds"], json!([]));
    let listed = bob.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    assert_eq!(listed["kinds"], json!([]));
    let unsent = world.write(&conversation, "not allowed").await;
    assert_eq!(story(bob, &unsent).await["notes"][0]["rule"], "kind-not-allowed");
    for (query, field) in [("?limit=0", "limit"), ("?limit=201", "limit"), ("?after=x", "after")] {
        let answer = admin.get(&format!("/v1/admin/push/dead-letters{query}")).await.unwrap();
        assert_eq!(refused(&answer), (422, "invalid", field), "{query}");
    }
    assert_eq!(refused(&admin.delete("/v1/admin/push/dead-letters/x").await.unwrap()), (422, "invalid", "id"));
    world.host.stop().unwrap();
}
