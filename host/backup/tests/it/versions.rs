//! Versions: what is in them, what a second one costs, and how they go.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use warbler_domain::{BackupError, BackupSink, CheckDepth, Freeing};

use crate::sinks::{Call, MemorySink, create, reopen};
use crate::source::{Files, noise, read, small};

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_a_version_reads_back_byte_for_byte() {
    let sink = MemorySink::new();
    let (key, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let files = small();
    let version = files.back_up(&repository, 1_000).await.unwrap();
    assert_eq!(version.files, files.paths().len() as u64);
    let other = reopen(sink, &key).await;
    assert_eq!(other.versions().await.unwrap(), std::slice::from_ref(&version));
    for path in files.paths() {
        assert_eq!(read(&other, &version.id, &path).await.unwrap(), files.bytes(&path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_file_is_not_even_opened_and_a_second_version_costs_little() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = small();
    files.back_up(&repository, 1_000).await.unwrap();
    let before = sink.bytes();
    files.opened.lock().clear();
    files.put("conversations/2/2026-01-0001.jsonl", 2, "changed");
    let second = files.back_up(&repository, 2_000).await.unwrap();
    let opened: Vec<String> = files.opened.lock().iter().cloned().collect();
    assert_eq!(opened, ["conversations/2/2026-01-0001.jsonl"]);
    assert!(sink.bytes() - before < 10_000, "{} bytes more", sink.bytes() - before);
    assert_eq!(read(&repository, &second.id, "conversations/2/2026-01-0001.jsonl").await.unwrap(), b"changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_list_what_is_in_them_and_a_missing_path_is_no_error() {
    let (_, repository) = create(MemorySink::new()).await;
    let version = small().back_up(&repository, 1_000).await.unwrap().id;
    let names = async |folder: &str| {
        let found = repository.list(&version, folder).await.unwrap();
        found.map(|files| files.into_iter().map(|file| (file.name, file.is_folder)).collect::<Vec<_>>())
    };
    let root = names("").await.unwrap();
    let is = |name: &str, folder| (name.to_owned(), folder);
    assert_eq!(
        root,
        [is("attachments", true), is("conversations", true), is("empty", false), is("manifest.json", false)]
    );
    assert_eq!(names("conversations/1").await.unwrap(), [is("2026-01-0001.jsonl", false)]);
    assert_eq!(names("conversations/9").await, None);
    assert_eq!(names("empty").await, None);
    assert_eq!(read(&repository, &version, "conversations/9/x").await, None);
    assert_eq!(read(&repository, &version, "conversations").await, None);
    let unknown = "00".repeat(32);
    assert!(matches!(repository.list(&unknown, "").await, Err(BackupError::NotFound { what: "version" })));
    assert!(matches!(repository.list("nonsense", "").await, Err(BackupError::NotFound { what: "version" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_version_is_gone_and_what_others_need_survives_pruning() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = small();
    let first = files.back_up(&repository, 1_000).await.unwrap();
    files.put("attachments/aa/one", 2, noise(9, 1 << 20));
    let second = files.back_up(&repository, 2_000).await.unwrap();
    repository.forget(&[first.id]).await.unwrap();
    assert_eq!(repository.versions().await.unwrap().len(), 1);
    assert!(repository.prune(Freeing::Gently).await.unwrap() > 0);
    let report = repository.check(CheckDepth::Everything).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    for path in files.paths() {
        assert_eq!(read(&repository, &second.id, &path).await.unwrap(), files.bytes(&path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_freed_at_once_is_gone_from_the_sink_and_nothing_is_written_anew() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut large = Files::default();
    large.put("attachments/large", 1, noise(9, 1 << 20));
    let first = large.back_up(&repository, 1_000).await.unwrap();
    let files = small();
    let second = files.back_up(&repository, 2_000).await.unwrap();
    repository.forget(&[first.id]).await.unwrap();
    let packs = || sink.blobs.lock().keys().filter(|name| name.starts_with("data/")).cloned().collect::<Vec<_>>();
    let before = packs();
    assert!(repository.prune(Freeing::AtOnce).await.unwrap() > 1 << 20);
    let after = packs();
    assert!(after.len() < before.len() && after.iter().all(|name| before.contains(name)), "{before:?} {after:?}");
    assert_eq!(repository.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
    for path in files.paths() {
        assert_eq!(read(&repository, &second.id, &path).await.unwrap(), files.bytes(&path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_made_while_the_clock_goes_back_are_all_listed_and_whole() {
    let (_, repository) = create(MemorySink::new()).await;
    let mut files = small();
    files.back_up(&repository, 9_000_000).await.unwrap();
    files.put("manifest.json", 2, "{\"later\":true}");
    let later = files.back_up(&repository, 1_000).await.unwrap();
    assert_eq!(repository.versions().await.unwrap().len(), 2);
    assert_eq!(read(&repository, &later.id, "manifest.json").await.unwrap(), b"{\"later\":true}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_are_of_four_mib_and_stay_far_under_the_sink_s_limit() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = Files::default();
    for number in 0..6 {
        files.put(&format!("attachments/{number}"), 1, noise(number, 8 << 20));
    }
    files.back_up(&repository, 1_000).await.unwrap();
    let blobs = sink.blobs.lock();
    let packs: Vec<usize> =
        blobs.iter().filter(|(name, _)| name.starts_with("data/")).map(|(_, pack)| pack.len()).collect();
    assert!(packs.iter().all(|length| *length < 5 << 20), "{packs:?}");
    assert!(packs.iter().filter(|length| **length >= 4 << 20).count() >= 10, "{packs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_the_reading() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = Files::default();
    files.put("long", 1, noise(1, 24 << 20));
    let version = files.back_up(&repository, 1_000).await.unwrap();
    let mut stream = repository.read(&version.id, "long").await.unwrap().unwrap();
    let first: Bytes = stream.try_next().await.unwrap().unwrap();
    assert_eq!(first, files.bytes("long")[..first.len()]);
    drop(stream);
    let gets = sink.calls.lock().iter().filter(|(call, name)| *call == Call::Get && name.starts_with("data/")).count();
    assert!(gets < 30, "{gets} reads");
}
