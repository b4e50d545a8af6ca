//! Repositories that are damaged, or somebody else's, and clocks that are set back: what is wrong is named, what is not
//! affected comes back, and nothing is made worse.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use warbler_tests::backups::{Backups, bytes_in, configuration, contents, versions_in};
use warbler_tests::chance::Chance;
use warbler_tests::client::{Answer, Client};
use warbler_tests::host::Host;
use warbler_tests::talk;
use warbler_tests::tenant::{self, PAIR, PASSWORD, Tenant, begin};

/// A tenant with backups in a host that trusts the development key.
async fn tenant(host: &Host, slug: &str, sink: &Path) -> (Tenant, Backups) {
    let tenant = Tenant::make(host, slug, slug, &PAIR).await.unwrap();
    let backups = Backups::set_up(host, &tenant, sink).await.unwrap();
    backups.let_passphrase().await.unwrap();
    (tenant, backups)
}

/// A group of both with some messages and a file.
async fn chat(tenant: &Tenant, about: &str, chance: &mut Chance) -> String {
    let (alice, bob) = (tenant.person(0).unwrap(), tenant.person(1).unwrap());
    let group = json!({"kind": "group", "title": about, "members": [bob.id]});
    let conversation = begin(&alice.client, group).await.unwrap();
    talk::say(&[&alice.client, &bob.client], &conversation, about, 30).await.unwrap();
    talk::send_file(&bob.client, &conversation, "file.bin", &chance.noise(100_000)).await.unwrap();
    conversation
}

async fn clear(client: &Client, conversation: &str) {
    client.delete(&format!("/v1/conversations/{conversation}/messages")).await.unwrap().with(200).unwrap();
}

async fn restore(client: &Client, version: &str, conversation: &str) -> Answer {
    let body = json!({"version": version, "conversation": conversation, "password": PASSWORD});
    client.post("/v1/restores", body).await.unwrap()
}

fn packs(backups: &Backups) -> BTreeSet<PathBuf> {
    contents(&backups.folder.join("data")).into_iter().collect()
}

/// The largest of some files: among the packs of a run, that of the data.
fn largest<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> &'a PathBuf {
    files.into_iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap()
}

/// Flips a bit of every hundredth byte, so that no blob in it is whole.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes.iter_mut().step_by(100).for_each(|byte| *byte ^= 1);
    fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_pack_is_named_costs_only_what_is_in_it_and_is_made_good_from_what_the_host_still_has() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
    tenant::trust(&host).await.unwrap();
    let (acme, backups) = tenant(&host, "acme", sink.path()).await;
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    let affected = chat(&acme, "affected", &mut chance).await;
    backups.run().await.unwrap();
    let first = packs(&backups);
    let safe = chat(&acme, "safe", &mut chance).await;
    let version = backups.run().await.unwrap();
    let pack = largest(&first).clone();
    damage(&pack);

    let problems = backups.problems().await.unwrap();
    let name = pack.file_name().unwrap().to_str().unwrap();
    assert!(problems.iter().any(|problem| problem.contains(&name[..8])), "no problem names {name}: {problems:?}");
    let before = talk::history(bob, &safe).await.unwrap();
    clear(alice, &safe).await;
    let done = restore(bob, &version, &safe).await.with(200).unwrap();
    assert_eq!(done["messages"], before.len(), "{done}");
    assert_eq!(talk::history(bob, &safe).await.unwrap(), before);

    let kept = talk::history(bob, &affected).await.unwrap();
    let refused = restore(bob, &version, &affected).await;
    assert_eq!((refused.status, refused.code()), (500, "damaged"), "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().starts_with("the repository is damaged: "), "{refused:?}");
    assert_eq!(talk::history(bob, &affected).await.unwrap(), kept, "a restore that failed changed something");

    // The host still has all of it: the next run stores again what was lost, and older versions are whole with it.
    backups.run().await.unwrap();
    assert!(!pack.exists(), "the damaged pack is still there");
    let report = backups.drill().await.unwrap();
    assert_eq!(report["problems"], json!([]), "{report}");
    // What only the first version had is gone for good, and is named.
    let problems = backups.problems().await.unwrap();
    assert!(problems.iter().any(|problem| problem.contains("manifest.json")), "{problems:?}");
    let lost = |problem: &&String| problem.contains("conversations/") || problem.contains("attachments/");
    assert_eq!(problems.iter().find(lost), None);
    clear(alice, &affected).await;
    restore(bob, &version, &affected).await.with(200).unwrap();
    assert_eq!(talk::history(bob, &affected).await.unwrap(), kept);
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_under_another_key_is_refused_and_left_as_it_is() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
    tenant::trust(&host).await.unwrap();
    let (acme, ours) = tenant(&host, "acme", sink.path()).await;
    let (other, theirs) = tenant(&host, "other", sink.path()).await;
    for (tenant, backups) in [(&acme, &ours), (&other, &theirs)] {
        chat(tenant, "kept", &mut chance).await;
        backups.run().await.unwrap();
    }
    let aside = sink.path().join("aside");
    for (from, to) in [(&ours.folder, &aside), (&theirs.folder, &ours.folder), (&aside, &theirs.folder)] {
        fs::rename(from, to).unwrap();
    }
    let before = bytes_in(sink.path()).unwrap();
    for backups in [&ours, &theirs] {
        let (code, text) = backups.run_in_vain().await.unwrap();
        assert_eq!(code, "wrong-key", "{text}");
        // What cannot be opened is told beside the rest, not instead of it.
        let status = backups.status().await.unwrap();
        assert_eq!(
            (&status["unreadable"]["code"], &status["has_sink"]),
            (&json!("wrong-key"), &json!(true)),
            "{status}"
        );
    }
    assert!(bytes_in(sink.path()).unwrap() == before, "a repository was changed without its key");
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_keep_their_order_and_none_is_forgotten_wrongly_when_the_clock_is_set_back() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
    tenant::trust(&host).await.unwrap();
    let (acme, backups) = tenant(&host, "acme", sink.path()).await;
    let conversation = chat(&acme, "kept", &mut chance).await;
    backups.decide(json!({"keep": {"last": 2}})).await.unwrap();
    // The last ones first, as they are listed.
    let mut made = vec![backups.run().await.unwrap()];
    host.stop().unwrap();
    for offset in ["-90m", "-3d", "-2d"] {
        let Some(host) = Host::start_at(offset, folder.path(), &configuration(sink.path())).unwrap() else { return };
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        let backups = Backups::of(&host, &acme, sink.path()).await.unwrap();
        let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
        talk::say(&[alice, bob], &conversation, offset, 5).await.unwrap();
        let version = backups.run().await.unwrap();
        let listed = backups.versions().await.unwrap();
        assert!(listed.contains(&version), "the version that was just made was forgotten, with the clock at {offset}");
        if offset == "-90m" {
            made.insert(0, version.clone());
            assert_eq!(listed, made, "the order is not that of their making");
        }
        // The version of this moment has all of it, whatever its time says.
        let before = talk::history(alice, &conversation).await.unwrap();
        clear(alice, &conversation).await;
        restore(bob, &version, &conversation).await.with(200).unwrap();
        assert_eq!(talk::history(alice, &conversation).await.unwrap(), before);
        backups.are_whole().await.unwrap();
        host.stop().unwrap();
    }
    // Back in the present, two are kept: those of the last two days went as the rule says.
    let host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let backups = Backups::of(&host, &acme, sink.path()).await.unwrap();
    let last = backups.run().await.unwrap();
    let status = backups.status().await.unwrap();
    assert_eq!(versions_in(&status).unwrap(), [last, made.remove(0)]);
    backups.are_whole().await.unwrap();
    host.stop().unwrap();
}
