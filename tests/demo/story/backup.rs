//! Backups: two versions, a conversation that is lost and restored by its member, `restic` reading the same repository,
//! and a message that was taken back and stays away.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use warbler_tests::client::{Client, text};
use warbler_tests::packages;
use warbler_tests::tenant::{PASSWORD, Tenant, begin};

use super::list;
use crate::play::Play;

const PASSPHRASE: &str = "a passphrase that is kept in a safe";

/// What the host's configuration needs for it: a folder that the operator names.
pub(super) fn configuration(folder: &Path) -> String {
    if packages::bundled("backup-dir").is_err() {
        return String::new();
    }
    let backups = folder.join("backups");
    format!("[plugins.folders]\nbackups = '{}'\n", backups.display())
}

pub(super) async fn play(play: &mut Play, folder: &Path, acme: &Tenant) -> Result<()> {
    play.step("Two backups, a conversation that is lost, and its member who brings it back");
    if packages::bundled("backup-dir").is_err() {
        play.saw("SKIPPED: the plugin backup-dir was not built");
        return Ok(());
    }
    let root = folder.join("backups");
    std::fs::create_dir_all(&root)?;
    let manual = json!({"schedule": {"kind": "never"}, "keep": {"last": 9}, "drill_days": 0, "late_hours": 1});
    acme.owner.put("/v1/admin/backups/policy", manual).await?.with(200)?;
    acme.install_bundled("backup-dir", json!({"config": {"folder": "backups"}})).await?;
    let (alice, bob) = (&acme.person(0)?.client, &acme.person(1)?.client);
    let me = alice.get("/v1/me").await?.with(200)?;
    let other = bob.get("/v1/me").await?.with(200)?;
    let members = json!([text(&me, "id")?, text(&other, "id")?]);
    let group = begin(alice, json!({"kind": "group", "title": "Backups", "members": members})).await?;
    for number in 0..3 {
        alice.send(&group, &format!("kept-{number}"), &format!("worth keeping {number}")).await?.with(201)?;
    }
    let secret = alice.send(&group, "secret", "said too soon").await?.with(201)?;
    let first = version(acme).await?;
    bob.send(&group, "later", "and this came later").await?.with(201)?;
    let second = version(acme).await?;
    ensure!(first != second, "the second backup made no version");
    play.saw(format!("versions {} and {}", short(&first), short(&second)));

    let path = format!("/v1/conversations/{group}/messages/{}", text(&secret["message"], "id")?);
    ensure!(alice.delete(&path).await?.status < 300, "the message was not recalled");
    let lost = alice.delete(&format!("/v1/conversations/{group}/messages")).await?.with(200)?;
    ensure!(texts(bob, &group).await?.is_empty(), "something is still there");
    play.saw(format!("the conversation is lost: {} messages removed", lost["removed"]));

    let preview = bob.get(&format!("/v1/backups/{second}/conversations/{group}?search=KEEPING")).await?.with(200)?;
    ensure!(list(&preview, "messages").len() == 3, "the search in the version found something else: {preview}");
    let wrong = json!({"version": second, "conversation": group, "password": "wrong"});
    ensure!(bob.post("/v1/restores", wrong).await?.status == 403, "a restore without the password went through");
    // From the older version, which still has what was taken back, and then from the newer one.
    for from in [&first, &second] {
        let body = json!({"version": from, "conversation": group, "password": PASSWORD});
        let done = bob.post("/v1/restores", body).await?.with(200)?;
        play.saw(format!("from {}: {} came back, {} stay erased", short(from), done["messages"], done["erased"]));
    }
    let back = texts(alice, &group).await?;
    let expected = ["worth keeping 0", "worth keeping 1", "worth keeping 2", "and this came later"];
    ensure!(back == expected, "something else came back: {back:?}");
    play.saw("all four messages are back in their places, and the one that was taken back is not");
    let again = json!({"version": second, "conversation": group, "password": PASSWORD});
    let again = bob.post("/v1/restores", again).await?.with(200)?;
    ensure!(again["messages"] == 0, "restoring twice changed something: {again}");

    let report = acme.owner.post("/v1/admin/backups/drill", json!({})).await?.with(200)?;
    ensure!(list(&report, "problems").is_empty(), "the trial found problems: {report}");
    play.saw(format!("a trial of a restore read {} events and found nothing wrong", report["events"]));
    restic(play, &root, acme).await
}

/// Debian's `restic` opens the same repository.
async fn restic(play: &Play, root: &Path, acme: &Tenant) -> Result<()> {
    let key = json!({"passphrase": PASSPHRASE, "password": PASSWORD});
    acme.owner.post("/v1/admin/backups/keys", key).await?.with(201)?;
    if !Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success()) {
        play.saw("SKIPPED: there is no restic on this machine (cargo xtask setup)");
        return Ok(());
    }
    let repository = find(root).context("there is no repository in the folder")?;
    for (arguments, expected) in
        [(["check", "--read-data"].as_slice(), "no errors were found"), (&["snapshots"], "2 snapshots")]
    {
        let output = Command::new("restic")
            .args(["--no-cache", "--no-lock", "--repo"])
            .arg(&repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSPHRASE)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success() && said.contains(expected), "restic {arguments:?} says: {said}");
        play.saw(format!("restic {}: {expected}", arguments.join(" ")));
    }
    Ok(())
}

/// The folder below `root` that holds a repository.
fn find(root: &Path) -> Option<std::path::PathBuf> {
    if root.join("config").is_file() && root.join("snapshots").is_dir() {
        return Some(root.to_owned());
    }
    let below = std::fs::read_dir(root).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    below.filter(|path| path.is_dir()).find_map(|path| find(&path))
}

/// Makes a version, and gives its identifier.
async fn version(acme: &Tenant) -> Result<String> {
    ensure!(acme.owner.post("/v1/admin/backups/run", json!({})).await?.status == 202, "no run began");
    for _ in 0..600 {
        let status = acme.owner.get("/v1/admin/backups").await?.with(200)?;
        if status["running"].is_null() {
            ensure!(status["failure"].is_null(), "the backup failed: {status}");
            return Ok(text(&status["versions"][0], "id")?.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the backup did not end within a minute")
}

async fn texts(client: &Client, conversation: &str) -> Result<Vec<String>> {
    let history = client.get(&format!("/v1/conversations/{conversation}/messages?limit=100")).await?.with(200)?;
    let shown = list(&history, "messages").iter().filter_map(|message: &Value| message["body"]["text"].as_str());
    Ok(shown.map(str::to_owned).collect())
}

fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}
