//! Two hosts on one repository: the second is told so and changes nothing, a lease that is over is taken over, and
//! nothing is corrupted.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use warbler_tests::backups::{Backups, bytes_in, configuration};
use warbler_tests::chance::Chance;
use warbler_tests::host::Host;
use warbler_tests::talk;
use warbler_tests::tenant::{PAIR, Tenant};

/// A file, and a limit at which the blob behind it waits for four seconds.
const FILE: usize = 1024 * 1024;
const LIMIT: u64 = 256 * 1024;

/// Longer than a lease holds.
const LATER: &str = "+11m";

/// A host with a tenant, something said in it, and a version of that.
async fn scene(folder: &Path, sink: &Path) -> (Host, Tenant, Backups) {
    let (host, acme, backups) = Backups::begin_host(folder, sink).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    talk::say(&[&acme.person(0).unwrap().client], &conversation, "kept", 40).await.unwrap();
    backups.let_passphrase().await.unwrap();
    backups.run().await.unwrap();
    (host, acme, backups)
}

/// Begins a run that does not end for some seconds, and waits until it is in its middle.
async fn begin_slow_run(acme: &Tenant, backups: &Backups, chance: &mut Chance) {
    let conversation = acme.direct(0, 1).await.unwrap();
    let bytes = chance.noise(FILE);
    let name = format!("{:x}.bin", chance.below(u64::MAX));
    talk::send_file(&acme.person(0).unwrap().client, &conversation, &name, &bytes).await.unwrap();
    backups.decide(json!({"bytes_per_second": LIMIT})).await.unwrap();
    let blobs = backups.blobs();
    backups.begin().await.unwrap().with(202).unwrap();
    backups.until_blobs(blobs + 1).await.unwrap();
}

/// A host of the same kind, from a copy of this one's folder; the locks of databases are not copied.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", "--no-target-directory"]).arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_host_is_told_from_it_and_changes_nothing() {
    let (folder, sink, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let (host, ..) = scene(folder.path(), sink.path()).await;
    host.stop().unwrap();
    copy(folder.path(), other.path());
    let (host, copied) = (
        Host::start(folder.path(), &configuration(sink.path())).unwrap(),
        Host::start(other.path(), &configuration(sink.path())).unwrap(),
    );
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let backups = Backups::of(&host, &acme, sink.path()).await.unwrap();
    let theirs = Tenant::sign_in(&copied, "acme", &PAIR).await.unwrap();
    let theirs = Backups::of(&copied, &theirs, sink.path()).await.unwrap();

    begin_slow_run(&acme, &backups, &mut chance).await;
    let (code, text) = theirs.run_in_vain().await.unwrap();
    assert_eq!(code, "foreign-host", "{text}");
    assert!(text.contains("adopt it, or give that host another sink"), "{text}");
    assert_eq!(backups.status().await.unwrap()["running"]["what"], "backup", "the copy ended the run of the first one");
    let status = backups.at_rest().await.unwrap();
    assert!(status["failure"].is_null(), "{status}");
    // The copy stays away also when the first one is at rest: it no longer knows what is in the repository.
    let before = bytes_in(&backups.folder).unwrap();
    assert_eq!(theirs.run_in_vain().await.unwrap().0, "foreign-host");
    assert!(bytes_in(&backups.folder).unwrap() == before, "the copy changed something");
    assert_eq!(theirs.versions().await.unwrap(), backups.versions().await.unwrap());
    backups.run().await.unwrap();
    backups.are_whole().await.unwrap();
    for host in [host, copied] {
        host.stop().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_waits_for_the_lease_and_takes_it_over_when_it_is_over() {
    let (folder, sink, other) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut chance = Chance::seeded();
    let (host, acme, backups) = scene(folder.path(), sink.path()).await;
    let second = Host::start(other.path(), &configuration(sink.path())).unwrap();
    let (_, theirs) = Backups::move_in(&second, "again", &PAIR, sink.path(), &backups.folder).await.unwrap();
    assert_eq!(theirs.run_in_vain().await.unwrap().0, "repository-exists");

    begin_slow_run(&acme, &backups, &mut chance).await;
    let refused = theirs.adopt().await.unwrap();
    assert_eq!((refused.status, refused.code()), (409, "held"), "{refused:?}");
    let holder = backups.lease().unwrap()["holder"].as_str().unwrap().to_owned();
    let said = refused.body["detail"].as_str().unwrap();
    assert!(said.contains(&holder) && said.contains("works on the repository until"), "{said}");
    // A host that died does not give its lease back.
    host.kill().unwrap();
    assert_eq!(theirs.adopt().await.unwrap().code(), "held");
    second.stop().unwrap();
    let Some(second) = Host::start_at(LATER, other.path(), &configuration(sink.path())).unwrap() else { return };
    let again = Tenant::sign_in(&second, "again", &PAIR).await.unwrap();
    let theirs = Backups::of(&second, &again, sink.path()).await.unwrap();
    assert_eq!(theirs.adopt().await.unwrap().status, 204);
    theirs.run().await.unwrap();

    // The first one comes back, and learns that it is no longer alone.
    let host = Host::start(folder.path(), &configuration(sink.path())).unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let backups = Backups::of(&host, &acme, sink.path()).await.unwrap();
    assert_eq!(backups.run_in_vain().await.unwrap().0, "foreign-host");
    assert_eq!(backups.adopt().await.unwrap().status, 204);
    backups.run().await.unwrap();
    assert_eq!(backups.versions().await.unwrap().len(), 3);
    backups.are_whole().await.unwrap();
    assert_eq!(theirs.run_in_vain().await.unwrap().0, "foreign-host");
    host.stop().unwrap();
    second.stop().unwrap();
}
