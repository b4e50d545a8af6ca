//! Debian's `restic` and the host on one repository: each reads what the other wrote, and the host lives with what
//! `restic` forgets, prunes, indexes anew and copies.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use warbler_tests::backups::{Backups, PASSPHRASE, contents, restic};
use warbler_tests::chance::Chance;
use warbler_tests::host::Host;
use warbler_tests::talk::{self, History};
use warbler_tests::tenant::{PASSWORD, Tenant};

/// A host, its tenant, and a conversation with a file in it.
struct Scene {
    host: Host,
    acme: Tenant,
    backups: Backups,
    conversation: String,
    file: Vec<u8>,
}

async fn scene(folder: &Path, sink: &Path) -> Scene {
    let (host, acme, backups) = Backups::begin_host(folder, sink).await.unwrap();
    backups.let_passphrase().await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    talk::say(&[alice, bob], &conversation, "kept", 60).await.unwrap();
    let file = Chance::seeded().noise(300_000);
    talk::send_file(bob, &conversation, "kept.bin", &file).await.unwrap();
    Scene { host, acme, backups, conversation, file }
}

impl Scene {
    async fn history(&self) -> History {
        talk::history(&self.acme.person(0).unwrap().client, &self.conversation).await.unwrap()
    }

    /// Loses the conversation and brings it back.
    async fn lose_and_restore(&self, version: &str) {
        let (alice, bob) = (&self.acme.person(0).unwrap().client, &self.acme.person(1).unwrap().client);
        let before = self.history().await;
        let cleared = alice.delete(&format!("/v1/conversations/{}/messages", self.conversation)).await.unwrap();
        cleared.with(200).unwrap();
        let body = json!({"version": version, "conversation": self.conversation, "password": PASSWORD});
        bob.post("/v1/restores", body).await.unwrap().with(200).unwrap();
        assert_eq!(self.history().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_restores_what_the_host_backed_up_byte_for_byte() {
    let (folder, sink, target) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scene = scene(folder.path(), sink.path()).await;
    let version = scene.backups.run().await.unwrap();
    let to = target.path().to_str().unwrap();
    let Some(said) = restic(&scene.backups.folder, &["--no-lock", "snapshots", "--json"]).unwrap() else { return };
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed[0]["id"], version);
    restic(&scene.backups.folder, &["--no-lock", "restore", &version, "--target", to]).unwrap();

    let digest = hex::encode(Sha256::digest(&scene.file));
    let kept = target.path().join("attachments").join(&digest[..2]).join(&digest);
    assert!(fs::read(kept).unwrap() == scene.file, "the file is another one");
    let parts = contents(&target.path().join("conversations").join(&scene.conversation));
    let lines: Vec<String> = parts
        .iter()
        .flat_map(|part| fs::read_to_string(part).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let posted: Vec<Value> = events.filter(|event| event["kind"]["event"] == "posted").collect();
    let history = scene.history().await;
    assert_eq!(posted.len(), history.len());
    for event in posted {
        let shown = &history[&event["sequence"].as_u64().unwrap()];
        let kept = &event["kind"]["message"];
        assert_eq!((&kept["id"], &kept["sender"]), (&shown["id"], &shown["sender"]));
        assert_eq!(kept["body"]["text"], shown["body"]["text"]);
    }
    scene.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_goes_on_after_restic_pruned_and_indexed_anew() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scene = scene(folder.path(), sink.path()).await;
    let bob = &scene.acme.person(1).unwrap().client;
    let first = scene.backups.run().await.unwrap();
    talk::say(&[bob], &scene.conversation, "later", 10).await.unwrap();
    let second = scene.backups.run().await.unwrap();
    if restic(&scene.backups.folder, &["forget", &first, "--prune"]).unwrap().is_none() {
        return;
    }
    restic(&scene.backups.folder, &["rebuild-index"]).unwrap();
    assert_eq!(scene.backups.versions().await.unwrap(), [second.as_str()]);
    scene.backups.are_whole().await.unwrap();
    scene.lose_and_restore(&second).await;
    let third = scene.backups.run().await.unwrap();
    scene.lose_and_restore(&third).await;
    scene.backups.are_whole().await.unwrap();
    scene.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_restic_copied_is_adopted_read_and_written_to() {
    let (folder, sink, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let scene = scene(folder.path(), sink.path()).await;
    scene.backups.run().await.unwrap();
    let (passphrase, copy) = (other.path().join("passphrase"), other.path().join("copy"));
    fs::write(&passphrase, PASSPHRASE).unwrap();
    let from =
        ["--from-repo", scene.backups.folder.to_str().unwrap(), "--from-password-file", passphrase.to_str().unwrap()];
    let init = [&["init", "--repository-version", "2", "--copy-chunker-params"], from.as_slice()].concat();
    if restic(&copy, &init).unwrap().is_none() {
        return;
    }
    restic(&copy, &[&["copy"], from.as_slice()].concat()).unwrap();
    fs::remove_dir_all(&scene.backups.folder).unwrap();
    assert!(Command::new("cp").arg("-a").arg(&copy).arg(&scene.backups.folder).status().unwrap().success());

    // It is under a key of restic's own.
    assert_eq!(scene.backups.run_in_vain().await.unwrap().0, "wrong-key");
    assert_eq!(scene.backups.adopt().await.unwrap().status, 204);
    let copied = scene.backups.versions().await.unwrap();
    assert_eq!(copied.len(), 1);
    scene.lose_and_restore(&copied[0]).await;
    let version = scene.backups.run().await.unwrap();
    scene.lose_and_restore(&version).await;
    scene.backups.are_whole().await.unwrap();
    scene.host.stop().unwrap();
}
