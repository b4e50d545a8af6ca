//! How far a run is, in the API, and what comes of one that is cancelled.

use serde_json::{Value, json};
use warbler_tests::backups::Backups;
use warbler_tests::chance::Chance;
use warbler_tests::talk;

/// The slowest limit that is taken: what comes after the first pack waits for the better part of a minute.
const LIMIT: u64 = 64 * 1024;

/// What was sent as a file, in bytes.
const FILE: usize = 3 * 1024 * 1024;

fn count(run: &Value, what: &str) -> u64 {
    run[what].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_how_far_it_is_and_goes_on_from_what_it_stored_after_it_was_cancelled() {
    let (folder, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (host, acme, backups) = Backups::begin_host(folder.path(), sink.path()).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    talk::say(&[alice, bob], &conversation, "kept", 100).await.unwrap();
    talk::send_file(bob, &conversation, "kept.bin", &Chance::seeded().noise(FILE)).await.unwrap();
    backups.let_passphrase().await.unwrap();
    backups.decide(json!({"bytes_per_second": LIMIT})).await.unwrap();
    assert_eq!(acme.owner.delete("/v1/admin/backups/run").await.unwrap().status, 404, "nothing is under way");

    let asked = backups.status().await.unwrap();
    assert_eq!(asked["running"], Value::Null);
    backups.begin().await.unwrap().with(202).unwrap();
    let first = backups.status().await.unwrap()["running"].clone();
    assert_eq!(first["what"], "backup", "{first}");
    assert!(first["since"].as_str().unwrap() > "2020", "{first}");
    let stored = |status: &Value| count(&status["running"], "stored") >= FILE as u64;
    let second = backups.until(stored).await.unwrap()["running"].clone();
    assert_eq!(first["since"], second["since"]);
    for what in ["files", "read", "stored"] {
        assert!(count(&first, what) < count(&second, what), "{what} does not grow: {first}, {second}");
    }
    assert!(count(&second, "read") >= FILE as u64, "{second}");

    // It ends soon, though what is next would have to wait, and nothing is listed.
    assert_eq!(bob.delete("/v1/admin/backups/run").await.unwrap().status, 403);
    assert_eq!(acme.owner.delete("/v1/admin/backups/run").await.unwrap().status, 204);
    let ended = backups.at_rest().await.unwrap();
    assert_eq!((&ended["failure"]["code"], &ended["versions"]), (&json!("cancelled"), &json!([])), "{ended}");
    assert_eq!(backups.told("backup.cancel").await.unwrap().len(), 1);

    backups.decide(json!({})).await.unwrap();
    let version = backups.run().await.unwrap();
    let listed = backups.status().await.unwrap()["versions"][0].clone();
    assert_eq!(listed["id"], version);
    assert!(count(&listed, "bytes") >= FILE as u64, "{listed}");
    assert!(count(&listed, "added") < FILE as u64 / 10, "all of it was stored again: {listed}");
    backups.are_whole().await.unwrap();
    host.stop().unwrap();
}
