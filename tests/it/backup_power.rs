//! A power cut in mid-backup: what the disk then holds, without the pages that were not written yet, has every message
//! that was acknowledged and every version that was listed, whole.

use serde_json::json;
use warbler_tests::backups::{Backups, configuration};
use warbler_tests::chance::Chance;
use warbler_tests::disk::CutDisk;
use warbler_tests::host::Host;
use warbler_tests::talk;
use warbler_tests::tenant::{PAIR, Tenant};

/// A file, and a limit at which the blob behind it waits for two seconds.
const FILE: usize = 1024 * 1024;
const LIMIT: u64 = 512 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_in_mid_backup_loses_no_acknowledged_message_and_no_listed_version() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = CutDisk::make(folder.path()).unwrap() else { return };
    let mut chance = Chance::seeded();
    let sink = disk.at.join("sink");
    std::fs::create_dir(&sink).unwrap();
    let (host, acme, backups) = Backups::begin_host(&disk.at.join("host"), &sink).await.unwrap();
    backups.let_passphrase().await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    talk::say(&[alice, bob], &conversation, "before", 100).await.unwrap();
    talk::send_file(bob, &conversation, "first.bin", &chance.noise(FILE)).await.unwrap();
    let first = backups.run().await.unwrap();

    let bytes = chance.noise(FILE);
    let file = talk::send_file(bob, &conversation, "second.bin", &bytes).await.unwrap();
    backups.decide(json!({"bytes_per_second": LIMIT})).await.unwrap();
    let blobs = backups.blobs();
    backups.begin().await.unwrap().with(202).unwrap();
    talk::say(&[alice, bob], &conversation, "meanwhile", 100).await.unwrap();
    let more = usize::try_from(chance.below(3)).unwrap();
    backups.until_blobs(blobs + more).await.unwrap();
    let acknowledged = talk::history(alice, &conversation).await.unwrap();
    println!("the power is cut {more} blobs after the beginning of the run");
    host.freeze().unwrap();
    let after = disk.cut(folder.path()).unwrap();
    drop(host);
    drop(disk);

    let host = Host::start(&after.at.join("host"), &configuration(&after.at.join("sink"))).unwrap();
    let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
    let backups = Backups::of(&host, &acme, &after.at.join("sink")).await.unwrap();
    let alice = &acme.person(0).unwrap().client;
    assert_eq!(talk::history(alice, &conversation).await.unwrap(), acknowledged);
    assert!(alice.download(&format!("/v1/attachments/{file}")).await.unwrap() == bytes, "the file is another one");
    assert!(backups.versions().await.unwrap().contains(&first));
    backups.are_whole().await.unwrap();
    backups.run().await.unwrap();
    backups.are_whole().await.unwrap();
    host.stop().unwrap();
}
