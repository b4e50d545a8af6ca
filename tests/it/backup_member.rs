//! An admin brings back what one member wrote, in all conversations, and nothing of anybody else.

use serde_json::{Value, json};
use warbler_tests::backups::Backups;
use warbler_tests::chance::Chance;
use warbler_tests::client::{Answer, Client};
use warbler_tests::talk::{self, History};
use warbler_tests::tenant::{PASSWORD, begin};

/// Messages that each says in each conversation, a file left aside.
const EACH: usize = 20;

async fn restore(client: &Client, version: &str, member: &str, password: &str) -> Answer {
    let body = json!({"version": version, "member": member, "password": password});
    client.post("/v1/admin/backups/restore", body).await.unwrap()
}

/// The messages of one member.
fn of(history: &History, member: &str) -> History {
    let theirs = history.iter().filter(|(_, message)| message["sender"] == member);
    theirs.map(|(place, message)| (*place, message.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_brings_back_what_one_member_wrote_and_nothing_of_the_others() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let (alice, bob) = (acme.person(0).unwrap(), acme.person(1).unwrap());
    let group = json!({"kind": "group", "title": "Two", "members": [bob.id]});
    let rooms = [acme.direct(0, 1).await.unwrap(), begin(&alice.client, group).await.unwrap()];
    let (mut before, mut files) = (Vec::new(), Vec::new());
    for room in &rooms {
        talk::say(&[&alice.client, &bob.client], room, "worth keeping", 2 * EACH).await.unwrap();
        for person in [alice, bob] {
            let bytes = chance.noise(100_000);
            let name = format!("{}-{room}.bin", person.name);
            files.push((person, talk::send_file(&person.client, room, &name, &bytes).await.unwrap(), bytes));
        }
        before.push(talk::history(&alice.client, room).await.unwrap());
    }
    let version = backups.run().await.unwrap();
    for room in &rooms {
        alice.client.delete(&format!("/v1/conversations/{room}/messages")).await.unwrap().with(200).unwrap();
        assert_eq!(talk::filled(&talk::history(&bob.client, room).await.unwrap()), 0);
    }
    let file = |id: &str| format!("/v1/attachments/{id}");
    for (owner, id, _) in &files {
        let reader = if owner.id == alice.id { bob } else { alice };
        assert_eq!(reader.client.get(&file(id)).await.unwrap().status, 404, "the file of {} is not lost", owner.name);
    }

    // Neither a member, nor an admin without the password, nor for somebody who is not there.
    for client in [&alice.client, &bob.client] {
        let refused = restore(client, &version, &alice.id, PASSWORD).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{refused:?}");
    }
    let refused = restore(&acme.owner, &version, &alice.id, "another password").await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{refused:?}");
    for room in &rooms {
        assert_eq!(talk::filled(&talk::history(&bob.client, room).await.unwrap()), 0);
    }

    let done = restore(&acme.owner, &version, &alice.id, PASSWORD).await.with(200).unwrap();
    assert_eq!(done["messages"], 2 * (EACH + 1), "{done}");
    assert_eq!(done["withheld"], 2 * (EACH + 1), "{done}");
    let mut after = Vec::new();
    for (room, before) in rooms.iter().zip(&before) {
        let now = talk::history(&bob.client, room).await.unwrap();
        assert_eq!(of(&now, &alice.id), of(before, &alice.id));
        assert_eq!(talk::filled(&of(&now, &bob.id)), 0, "what Bob wrote came back");
        after.push(now);
    }
    for (owner, id, bytes) in &files {
        if owner.id == alice.id {
            assert!(bob.client.download(&file(id)).await.unwrap() == *bytes, "the file is another one");
        } else {
            assert_eq!(alice.client.get(&file(id)).await.unwrap().status, 404, "a file of Bob came back");
        }
    }
    let told = backups.told("backup.restore").await.unwrap();
    assert_eq!(told.len(), rooms.len(), "{told:?}");

    // Once more it changes nothing.
    let again = restore(&acme.owner, &version, &alice.id, PASSWORD).await.with(200).unwrap();
    let none = ["messages", "others", "files"].map(|field| again[field].clone());
    assert_eq!(none, [0, 0, 0].map(Value::from), "{again}");
    for (room, after) in rooms.iter().zip(&after) {
        assert_eq!(&talk::history(&bob.client, room).await.unwrap(), after);
    }
    // And what is Bob's is still there to come back.
    let done = restore(&acme.owner, &version, &bob.id, PASSWORD).await.with(200).unwrap();
    assert_eq!(done["messages"], 2 * (EACH + 1), "{done}");
    for (room, before) in rooms.iter().zip(&before) {
        assert_eq!(&talk::history(&alice.client, room).await.unwrap(), before);
    }
    host.stop().unwrap();
}
