//! Disks that are full for real: that of the sink, and that of the host's own data.

use std::collections::BTreeMap;

use serde_json::json;
use warbler_tests::backups::Backups;
use warbler_tests::chance::Chance;
use warbler_tests::client::{Answer, Client};
use warbler_tests::disk::SmallDisk;
use warbler_tests::host::Host;
use warbler_tests::talk::{self, LIMITS};
use warbler_tests::tenant::{PAIR, Tenant};

const MIB: u64 = 1024 * 1024;

/// What the host leaves free on its disk.
const RESERVE: u64 = 16 * MIB;

/// A file that does not fit in what is left, and does once there is room.
const FILE: usize = 4 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sink_fails_the_run_with_its_cause_and_the_next_one_succeeds_once_there_is_room() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(disk) = SmallDisk::mount(sink.path(), 12 * MIB).unwrap() else { return };
    let mut chance = Chance::seeded();
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let alice = &acme.person(0).unwrap().client;
    talk::say(&[alice], &conversation, "kept", 50).await.unwrap();
    backups.let_passphrase().await.unwrap();
    let first = backups.run().await.unwrap();

    let mut socket = acme.owner.connect(json!({})).await.unwrap();
    talk::send_file(alice, &conversation, "large.bin", &chance.noise(FILE)).await.unwrap();
    // Room for half of the file, and then not even for a lease.
    for left in [2 * MIB, 0] {
        disk.fill(left).unwrap();
        let (code, text) = backups.run_in_vain().await.unwrap();
        assert_eq!(code, "sink-failed", "{text}");
        assert!(text.contains("no room left"), "{text}");
        let alarm = socket.until("alert").await.unwrap();
        assert_eq!(alarm["code"], "backup-failed", "{alarm}");
        assert!(alarm["text"].as_str().unwrap().contains("no room left"), "{alarm}");
        assert_eq!(backups.versions().await.unwrap(), [first.as_str()]);
        backups.are_whole().await.unwrap();
    }
    disk.make_room().unwrap();
    backups.run().await.unwrap();
    assert_eq!(backups.versions().await.unwrap().len(), 2);
    backups.are_whole().await.unwrap();
    host.stop().unwrap();
}

/// Sends until the host refuses; gives what it acknowledged, by place, and its answer.
async fn send_until_refused(alice: &Client, conversation: &str) -> (BTreeMap<u64, String>, Answer) {
    let mut acknowledged = BTreeMap::new();
    loop {
        let number = acknowledged.len();
        let text = format!("{number} {}", "words and words ".repeat(500));
        let answer = alice.send(conversation, &number.to_string(), &text).await.unwrap();
        if answer.status != 201 {
            return (acknowledged, answer);
        }
        acknowledged.insert(answer.body["message"]["sequence"].as_u64().unwrap(), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_disk_is_full_refuses_messages_lives_and_has_lost_nothing_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("data"), 64 * MIB).unwrap() else { return };
    let host = Host::start(folder.path(), LIMITS).unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let alice = &acme.person(0).unwrap().client;
    talk::say(&[alice], &conversation, "before", 20).await.unwrap();

    disk.fill(RESERVE + 2 * MIB).unwrap();
    let (acknowledged, refused) = send_until_refused(alice, &conversation).await;
    println!("{} messages were acknowledged before the disk was full", acknowledged.len());
    assert!(!acknowledged.is_empty());
    // And then somebody else takes what is left.
    disk.fill(0).unwrap();
    let again = alice.send(&conversation, "again", "again").await.unwrap();
    let upload =
        alice.upload("/v1/attachments?name=a.bin", "application/octet-stream", &vec![7; 100_000]).await.unwrap();
    let ready = host.client().get("/readyz").await.unwrap();
    for answer in [refused, again, upload, ready] {
        assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("disk is full")), "{answer:?}");
    }
    assert_eq!(host.client().get("/healthz").await.unwrap().status, 200);
    // What is there can still be read.
    let there = talk::history(alice, &conversation).await.unwrap();
    assert!(acknowledged.keys().all(|place| there.contains_key(place)));

    // Once there is room it goes on, without anybody's help.
    disk.make_room().unwrap();
    alice.send(&conversation, "room", "there is room").await.unwrap().with(201).unwrap();
    host.kill().unwrap();
    let host = Host::start(folder.path(), LIMITS).unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let alice = &acme.person(0).unwrap().client;
    let there = talk::history(alice, &conversation).await.unwrap();
    for (place, text) in &acknowledged {
        assert_eq!(there.get(place).map(|message| &message["body"]["text"]), Some(&json!(text)), "place {place}");
    }
    // All of them, what came before, and the one of when there was room, without a gap.
    let places: Vec<u64> = there.keys().copied().collect();
    assert_eq!(places.len(), acknowledged.len() + 21);
    assert!(places.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{places:?}");
    alice.send(&conversation, "after", "after").await.unwrap().with(201).unwrap();
    host.stop().unwrap();
}
