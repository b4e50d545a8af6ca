//! Debian's restic as the other side: it reads what we wrote, and we read what it wrote.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use warbler_domain::{BackupSink, CheckDepth};
use zeroize::Zeroizing;

use crate::sinks::{FolderSink, create, reopen};
use crate::source::{read, small};

pub(crate) const PASSPHRASE: &str = "a passphrase for restic";

/// Whether restic is there; says so if it is not.
pub(crate) fn has_restic() -> bool {
    let found = Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: there is no restic on this machine (apt-get install restic)");
    }
    found
}

pub(crate) fn restic(repository: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("restic")
        .args(["--no-cache", "--no-lock", "--repo"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", PASSPHRASE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "restic {arguments:?}: {}{said}", String::from_utf8_lossy(&output.stdout));
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_checks_lists_and_restores_what_we_wrote_and_we_read_what_it_wrote() {
    if !has_restic() {
        return;
    }
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sink: Arc<dyn BackupSink> = Arc::new(FolderSink(folder.path().to_owned()));
    let (key, repository) = create(Arc::clone(&sink)).await;
    repository.add_passphrase(Zeroizing::new(PASSPHRASE.to_owned())).await.unwrap();
    let mut files = small();
    files.back_up(&repository, 1_000_000).await.unwrap();
    files.put("conversations/3/2026-02-0001.jsonl", 2, "{\"third\":true}\n");
    let second = files.back_up(&repository, 2_000_000).await.unwrap();

    let checked = restic(folder.path(), &["check", "--read-data"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("no errors were found"));
    let listed: serde_json::Value =
        serde_json::from_slice(&restic(folder.path(), &["snapshots", "--json"]).stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    restic(folder.path(), &["restore", &second.id, "--target", target.path().to_str().unwrap()]);
    for path in files.paths() {
        assert_eq!(fs::read(target.path().join(&path)).unwrap(), files.bytes(&path), "{path}");
    }
    let dumped = restic(folder.path(), &["dump", &second.id, "/conversations/3/2026-02-0001.jsonl"]);
    assert_eq!(dumped.stdout, b"{\"third\":true}\n");

    // And the other way: restic adds a version, of files on a disk.
    fs::write(target.path().join("by-restic"), "written by restic").unwrap();
    let made = Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(folder.path())
        .args(["backup", "."])
        .current_dir(target.path())
        .env("RESTIC_PASSWORD", PASSPHRASE)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let repository = reopen(sink, &key).await;
    let versions = repository.versions().await.unwrap();
    assert_eq!(versions.len(), 3);
    let by_restic = versions.iter().max_by_key(|version| version.at).unwrap();
    assert_eq!(read(&repository, &by_restic.id, "by-restic").await.unwrap(), b"written by restic");
    for path in files.paths() {
        assert_eq!(read(&repository, &by_restic.id, &path).await.unwrap(), files.bytes(&path), "{path}");
    }
    assert_eq!(repository.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
}
