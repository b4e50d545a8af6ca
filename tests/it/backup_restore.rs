//! The host is killed in mid-restore: the restore of a tenant goes on by itself, that of a conversation is said again,
//! and in the end everything stands where it stood, once.

use std::path::Path;

use serde_json::{Value, json};
use warbler_tests::backups::{Backups, configuration};
use warbler_tests::chance::Chance;
use warbler_tests::client::Client;
use warbler_tests::host::Host;
use warbler_tests::talk::{self, History};
use warbler_tests::tenant::{PAIR, PASSWORD, Tenant, begin};

/// Messages of the conversation that is restored, some eight batches.
const MESSAGES: usize = 2_000;

/// How often the kill may come too late before the test fails.
const ATTEMPTS: usize = 6;

/// Conversations of the tenant that is restored, and the messages in each.
const CONVERSATIONS: usize = 12;
const EACH: usize = 40;

async fn restore(client: &Client, version: &str, conversation: &str) -> Value {
    let body = json!({"version": version, "conversation": conversation, "password": PASSWORD});
    client.post("/v1/restores", body).await.unwrap().with(200).unwrap()
}

/// Whether the message at `place`, or the first one after it, came back.
async fn came_back(client: &Client, conversation: &str, place: u64) -> bool {
    let path = format!("/v1/conversations/{conversation}/messages?after={}&limit=1", place - 1);
    let page = client.get(&path).await.unwrap().with(200).unwrap();
    page["messages"][0]["restored_at"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_whose_restore_was_cut_short_comes_back_whole_when_it_is_said_again() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let (mut host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let (mut alice, mut bob) = (acme.person(0).unwrap().client.clone(), acme.person(1).unwrap().client.clone());
    talk::say(&[&alice, &bob], &conversation, "worth keeping", MESSAGES).await.unwrap();
    for number in 0..4 {
        let name = format!("{number}.bin");
        talk::send_file(&bob, &conversation, &name, &chance.noise(20_000)).await.unwrap();
    }
    let before = talk::history(&alice, &conversation).await.unwrap();
    let version = backups.run().await.unwrap();

    let mut caught = false;
    for attempt in 0..ATTEMPTS {
        alice.delete(&format!("/v1/conversations/{conversation}/messages")).await.unwrap().with(200).unwrap();
        assert_eq!(talk::filled(&talk::history(&alice, &conversation).await.unwrap()), 0);
        // The later attempts aim earlier.
        let place = 1 + chance.below((MESSAGES >> attempt) as u64);
        let body = json!({"version": version, "conversation": conversation, "password": PASSWORD});
        let restoring = tokio::spawn({
            let bob = bob.clone();
            async move { bob.post("/v1/restores", body).await }
        });
        while !came_back(&alice, &conversation, place).await {
            tokio::task::yield_now().await;
        }
        host.kill().unwrap();
        drop(restoring.await.unwrap());
        host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        (alice, bob) = (acme.person(0).unwrap().client.clone(), acme.person(1).unwrap().client.clone());

        let half = talk::history(&alice, &conversation).await.unwrap();
        assert_eq!(half.len(), before.len(), "a place is gone, or one came twice");
        let there = talk::filled(&half);
        println!("killed at place {place}: {there} of {} messages were back", before.len());
        caught = caught || there < before.len();
        let done = restore(&bob, &version, &conversation).await;
        assert_eq!(done["messages"], before.len() - there, "{done}");
        assert_eq!(talk::history(&alice, &conversation).await.unwrap(), before);
        let again = restore(&bob, &version, &conversation).await;
        assert_eq!((&again["messages"], &again["others"], &again["files"]), (&json!(0), &json!(0), &json!(0)));
        assert_eq!(talk::history(&alice, &conversation).await.unwrap(), before);
        if caught {
            break;
        }
    }
    assert!(caught, "every restore was through before the host was killed");
    host.stop().unwrap();
}

/// Conversations with their histories, and a file of each with its bytes.
type World = Vec<(String, History, (String, Vec<u8>))>;

async fn make_world(acme: &Tenant, chance: &mut Chance) -> World {
    let (alice, bob) = (acme.person(0).unwrap(), acme.person(1).unwrap());
    let mut world = World::new();
    for number in 0..CONVERSATIONS {
        let group = json!({"kind": "group", "title": format!("Group {number}"), "members": [bob.id]});
        let conversation = begin(&alice.client, group).await.unwrap();
        talk::say(&[&alice.client, &bob.client], &conversation, "kept", EACH).await.unwrap();
        let bytes = chance.noise(30_000);
        let file = talk::send_file(&bob.client, &conversation, "kept.bin", &bytes).await.unwrap();
        let history = talk::history(&alice.client, &conversation).await.unwrap();
        world.push((conversation, history, (file, bytes)));
    }
    world
}

async fn assert_world(host: &Host, world: &World) {
    let there = Tenant::sign_in(host, "acme-again", &PAIR).await.unwrap();
    for person in &there.people {
        for (conversation, history, (file, bytes)) in world {
            assert_eq!(&talk::history(&person.client, conversation).await.unwrap(), history, "{}", person.name);
            assert_eq!(&person.client.download(&format!("/v1/attachments/{file}")).await.unwrap(), bytes);
        }
    }
}

/// The job as it stands; a restore of a whole tenant tells how far it is.
async fn job(owner: &Client, id: &str) -> Value {
    owner.get(&format!("/v1/admin/backups/restore-tenant/{id}")).await.unwrap().with(200).unwrap()
}

async fn until_done(owner: &Client, id: &str) -> Value {
    loop {
        let job = job(owner, id).await;
        match job["state"].as_str() {
            Some("running") => tokio::task::yield_now().await,
            Some("done") => return job,
            _ => panic!("the restore failed: {job}"),
        }
    }
}

/// A tenant of an empty host that has taken over the backups of a lost one.
pub(crate) async fn move_in(host: &Host, sink: &Path, lost: &Path) -> (Tenant, Backups) {
    let (again, backups) = Backups::move_in(host, "acme-again", &[], sink, lost).await.unwrap();
    assert_eq!(backups.adopt().await.unwrap().status, 204);
    (again, backups)
}

/// Restores the whole tenant, and gives the job when it is done.
pub(crate) async fn restore_tenant(owner: &Client, version: &str) -> Value {
    let body = json!({"version": version, "password": PASSWORD});
    let begun = owner.post("/v1/admin/backups/restore-tenant", body).await.unwrap().with(202).unwrap();
    until_done(owner, begun["id"].as_str().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restore_of_a_tenant_into_an_empty_host_goes_on_after_sigkill() {
    let (folder, sink, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let world = make_world(&acme, &mut chance).await;
    backups.let_passphrase().await.unwrap();
    let version = backups.run().await.unwrap();
    let lost = backups.folder.clone();
    host.kill().unwrap();

    let mut host = Host::start(other.path(), &configuration(sink.path())).unwrap();
    let (mut again, _) = move_in(&host, sink.path(), &lost).await;
    let body = json!({"version": version, "password": PASSWORD});
    let begun = again.owner.post("/v1/admin/backups/restore-tenant", body).await.unwrap().with(202).unwrap();
    let id = begun["id"].as_str().unwrap();
    let until = chance.below(CONVERSATIONS as u64 / 2);
    let seen = loop {
        let job = job(&again.owner, id).await;
        if job["state"] != "running" || job["conversations"].as_u64() >= Some(until) {
            break job;
        }
    };
    println!("killed at {} of {CONVERSATIONS} conversations", seen["conversations"]);
    assert_eq!(seen["state"], "running", "the kill comes too late: {seen}");
    host.kill().unwrap();
    // Once more, as soon as it listens: by then it goes on.
    host = Host::start(other.path(), &configuration(sink.path())).unwrap();
    host.kill().unwrap();
    host = Host::start(other.path(), &configuration(sink.path())).unwrap();
    again = Tenant::sign_in(&host, "acme-again", &[]).await.unwrap();
    // Nobody says it again: it goes on by itself.
    let done = until_done(&again.owner, id).await;
    assert_eq!(done["conversations"], CONVERSATIONS, "{done}");
    assert_world(&host, &world).await;

    let done = restore_tenant(&again.owner, &version).await;
    assert_eq!((&done["accounts"], &done["restored"]["messages"]), (&json!(0), &json!(0)), "{done}");
    assert_world(&host, &world).await;
    host.stop().unwrap();
}
