//! What goes wrong: whatever it is, no version that is listed is incomplete, and the next run succeeds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use warbler_domain::{
    BackupEntry, BackupError, BackupProgress, BackupRepositories as _, BackupSink, BackupSource, CheckDepth,
    RepositoryOptions, StoreError, Timestamp, Unlock,
};

use crate::sinks::{Call, MemorySink, away, create, full, reopen, repositories};
use crate::source::{Files, noise, read, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_away_for_a_moment_costs_nothing_but_time() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    // Every call fails the first time; by name, because several threads ask at once.
    let mut asked = std::collections::HashSet::new();
    sink.judged(move |call, name| asked.insert(format!("{call:?} {name}")).then(away));
    let files = small();
    let version = files.back_up(&repository, 1_000).await.unwrap();
    assert_eq!(read(&repository, &version.id, "attachments/aa/one").await.unwrap(), files.bytes("attachments/aa/one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_dies_at_any_call_of_a_run_leaves_no_incomplete_version() {
    let files = small();
    // Dies at the first, second, third… call of the run, until a run gets through.
    for lives in 0_usize.. {
        assert!(lives < 200, "the run never got through");
        let sink = MemorySink::new();
        let (key, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
        let mut left = lives;
        sink.judged(move |_, _| {
            left = left.saturating_sub(1);
            (left == 0).then(full)
        });
        let made = files.back_up(&repository, 1_000).await;
        sink.well();
        let listed = reopen(Arc::clone(&sink) as _, &key).await.versions().await.unwrap();
        if let Ok(version) = made {
            assert_eq!(listed, [version]);
            return;
        }
        assert!(matches!(made, Err(BackupError::Sink { .. })), "{made:?}");
        assert_eq!(listed, [], "after {lives} calls");
        let version = files.back_up(&repository, 2_000).await.unwrap();
        for path in files.paths() {
            assert_eq!(read(&repository, &version.id, &path).await.unwrap(), files.bytes(&path), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_at_once_and_says_so() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    sink.judged(|call, name| (call == Call::Put && name.starts_with("data/")).then(full));
    let error = small().back_up(&repository, 1_000).await.unwrap_err();
    assert!(!error.is_transient());
    let BackupError::Sink { doing, source } = error else { panic!("{error:?}") };
    assert_eq!((doing, source.code()), ("putting a blob", "misconfigured"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_or_lies_about_a_length_makes_no_version() {
    let (_, repository) = create(MemorySink::new()).await;
    for fails_at in 0..6 {
        let files = Files { fails_at: Some(fails_at), ..small() };
        let error = files.back_up(&repository, 1_000).await.unwrap_err();
        assert!(matches!(&error, BackupError::Source(cause) if matches!(**cause, StoreError::Closed)), "{error:?}");
    }
    for lie in [99, 101] {
        let mut files = small();
        files.announce("attachments/ab/two", lie);
        let error = files.back_up(&repository, 1_000).await.unwrap_err();
        assert!(matches!(&error, BackupError::Changed { path, .. } if path == "attachments/ab/two"), "{error:?}");
    }
    assert_eq!(repository.versions().await.unwrap(), []);
}

/// A source that ends without a word.
struct Panicking;

#[async_trait]
impl BackupSource for Panicking {
    async fn next(&mut self) -> Result<Option<BackupEntry>, BackupError> {
        panic!("on purpose");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_panics_makes_no_version() {
    let (_, repository) = create(MemorySink::new()).await;
    let made = repository.snapshot(Timestamp::from_millis(1), Box::new(Panicking), Arc::default()).await;
    assert!(matches!(made, Err(BackupError::Internal { .. })), "{made:?}");
    assert_eq!(repository.versions().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_that_grew_only_its_end_is_stored_again() {
    let (_, repository) = create(MemorySink::new()).await;
    let (mut files, content) = (Files::default(), noise(7, 5 << 20));
    let (path, whole) = ("conversations/1/2026-01-0001.jsonl", 4 << 20);
    files.put(path, 1, content[..whole + 100].to_vec());
    let first = files.back_up(&repository, 1_000).await.unwrap();
    assert!(first.added > whole as u64, "{first:?}");
    files.put(path, 2, content.clone());
    let second = files.back_up(&repository, 2_000).await.unwrap();
    assert!((1 << 20..9 << 17).contains(&second.added), "{second:?}");
    assert_eq!(read(&repository, &second.id, path).await.unwrap(), content);
}

/// The progress of a run that is cancelled when its first pack comes.
fn cancelled_by_a_pack(sink: &MemorySink) -> Arc<BackupProgress> {
    let progress = Arc::new(BackupProgress::default());
    let cancel = Arc::clone(&progress);
    sink.judged(move |call, name| {
        if call == Call::Put && name.starts_with("data/") {
            cancel.cancel();
        }
        None
    });
    progress
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_makes_no_version_and_the_next_one_uses_what_it_stored() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = Files::default();
    for number in 0..40 {
        files.put(&format!("attachments/{number:09}"), 1, noise(number, 1 << 20));
    }
    let progress = cancelled_by_a_pack(&sink);
    let at = warbler_domain::Timestamp::from_millis(1);
    let error = repository.snapshot(at, Box::new(Slow(Files::default())), progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Cancelled), "{error:?}");
    assert_eq!(repository.versions().await.unwrap(), []);
    sink.well();
    // One pack at least was through.
    let stored = sink.bytes();
    assert!(stored > 4 << 20, "only {stored} bytes were stored");
    let version = files.back_up(&repository, 2_000).await.unwrap();
    assert!(version.added < 37 << 20, "{} bytes were stored again", version.added);
    assert!(sink.bytes() < 42 << 20, "{} bytes are kept of 40 MiB", sink.bytes());
    assert_eq!(repository.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_because_of_its_limit_ends_soon_when_it_is_cancelled() {
    let sink = MemorySink::new();
    let (key, _) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let slow = RepositoryOptions { bytes_per_second: Some(1) };
    let repository = repositories().open(Arc::clone(&sink) as _, Unlock::Key(key), slow).await.unwrap();
    // What comes after the first pack would wait for days.
    let progress = cancelled_by_a_pack(&sink);
    let files = small();
    let at = warbler_domain::Timestamp::from_millis(1);
    let error = repository.snapshot(at, files.source(), progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Cancelled), "{error:?}");
}

/// A source that never ends by itself: the files that were put into it grow in number.
struct Slow(Files);

#[async_trait::async_trait]
impl warbler_domain::BackupSource for Slow {
    async fn next(&mut self) -> Result<Option<warbler_domain::BackupEntry>, BackupError> {
        let number = self.0.paths().len();
        let path = format!("attachments/{number:09}");
        self.0.put(&path, 1, "");
        let bytes = Bytes::from(noise(number as u64, 1 << 20));
        Ok(Some(warbler_domain::BackupEntry {
            path,
            size: 1 << 20,
            modified: warbler_domain::Timestamp::from_millis(1),
            content: warbler_domain::BackupContent::Bytes(bytes),
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_pack_is_found_by_reading_all_data_and_a_missing_one_by_looking_at_the_structure() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    small().back_up(&repository, 1_000).await.unwrap();
    assert_eq!(repository.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
    let pack = sink.named("data/").into_iter().max_by_key(|name| sink.blobs.lock()[name].len()).unwrap();
    let whole = sink.blobs.lock()[&pack].clone();
    let mut damaged = whole.to_vec();
    damaged[1_000] ^= 1;
    sink.blobs.lock().insert(pack.clone(), damaged.into());
    assert_eq!(repository.check(CheckDepth::Structure).await.unwrap().problems, Vec::<String>::new());
    assert!(!repository.check(CheckDepth::Everything).await.unwrap().problems.is_empty());
    let version = repository.versions().await.unwrap().remove(0).id;
    let read: Result<Vec<Bytes>, _> =
        futures::TryStreamExt::try_collect(repository.read(&version, "attachments/aa/one").await.unwrap().unwrap())
            .await;
    assert!(read.is_err(), "damaged bytes were given out");
    sink.blobs.lock().remove(&pack);
    assert!(!repository.check(CheckDepth::Structure).await.unwrap().problems.is_empty());
}

/// The largest pack, with one bit of its byte number 1,000 changed: that of one blob.
fn damage_one_blob(sink: &MemorySink) -> String {
    let pack = sink.named("data/").into_iter().max_by_key(|name| sink.blobs.lock()[name].len()).unwrap();
    let mut damaged = sink.blobs.lock()[&pack].to_vec();
    damaged[1_000] ^= 1;
    sink.blobs.lock().insert(pack.clone(), damaged.into());
    pack
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_keeps_what_is_whole_of_a_pack_and_the_next_version_stores_the_rest_again() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let files = small();
    let first = files.back_up(&repository, 1_000).await.unwrap();
    let pack = damage_one_blob(&sink);
    // The next version has what is damaged, but not what is whole beside it.
    let mut later = small();
    later.files.remove(&std::path::PathBuf::from("attachments/ab/two"));
    let done = repository.repair().await.unwrap();
    assert_eq!((done.packs.as_slice(), done.lost), ([pack.clone()].as_slice(), 1));
    assert!(!sink.blobs.lock().contains_key(&pack));
    assert!(!repository.check(CheckDepth::Structure).await.unwrap().problems.is_empty());
    later.back_up(&repository, 2_000).await.unwrap();
    assert_eq!(repository.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
    for path in files.paths() {
        assert_eq!(read(&repository, &first.id, &path).await.unwrap(), files.bytes(&path), "{path}");
    }
    assert_eq!(repository.repair().await.unwrap().packs, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_in_the_sink_and_in_the_source_is_named_and_all_else_is_whole() {
    let sink = MemorySink::new();
    let (_, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let files = small();
    let first = files.back_up(&repository, 1_000).await.unwrap();
    damage_one_blob(&sink);
    let mut later = small();
    later.files.remove(&std::path::PathBuf::from("attachments/aa/one"));
    repository.repair().await.unwrap();
    let second = later.back_up(&repository, 2_000).await.unwrap();
    let problems = repository.check(CheckDepth::Everything).await.unwrap().problems;
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem.contains("one")), "{problems:?}");
    for path in later.paths() {
        for version in [&first.id, &second.id] {
            assert_eq!(read(&repository, version, &path).await.unwrap(), later.bytes(&path), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_an_empty_sink_and_a_taken_one_are_told_apart() {
    let sink = MemorySink::new();
    let other = repositories().new_key().unwrap();
    let open = async |sink: &Arc<MemorySink>| {
        let unlock = Unlock::Key(other.clone());
        repositories().open(Arc::clone(sink) as _, unlock, RepositoryOptions::default()).await.map(drop)
    };
    assert!(matches!(open(&sink).await, Err(BackupError::NoRepository)));
    assert!(!repositories().exists(Arc::clone(&sink) as _).await.unwrap());
    create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    assert!(repositories().exists(Arc::clone(&sink) as _).await.unwrap());
    assert!(matches!(open(&sink).await, Err(BackupError::WrongKey)));
    let again = repositories().create(Arc::clone(&sink) as _, &other, RepositoryOptions::default()).await;
    assert!(matches!(again.map(drop), Err(BackupError::Exists)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_keeps_its_list_out_of_order_is_not_believed() {
    struct Shuffled(Arc<MemorySink>);
    #[async_trait::async_trait]
    impl BackupSink for Shuffled {
        async fn put(&self, name: &str, bytes: Bytes) -> Result<(), warbler_domain::HookError> {
            self.0.put(name, bytes).await
        }
        async fn get(&self, name: &str, at: u64, length: u64) -> Result<Option<Bytes>, warbler_domain::HookError> {
            // A part of what was asked for, as a slow store may give.
            self.0.get(name, at, if length > 100_000 && at > 0 { 100_000 } else { length }).await
        }
        async fn list(
            &self,
            prefix: &str,
            after: Option<&str>,
        ) -> Result<Vec<warbler_domain::BlobEntry>, warbler_domain::HookError> {
            let mut found = self.0.list(prefix, after).await?;
            found.reverse();
            Ok(found)
        }
        async fn delete(&self, name: &str) -> Result<(), warbler_domain::HookError> {
            self.0.delete(name).await
        }
    }
    let sink = MemorySink::new();
    let (key, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    let mut files = small();
    files.back_up(&repository, 1_000).await.unwrap();
    files.put("manifest.json", 2, "other");
    files.back_up(&repository, 2_000).await.unwrap();
    let shuffled = reopen(Arc::new(Shuffled(sink)), &key).await;
    let error = shuffled.versions().await.unwrap_err();
    assert!(matches!(error, BackupError::Untrue { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_bytes_per_second_is_kept() {
    let sink = MemorySink::new();
    let key = repositories().new_key().unwrap();
    let options = RepositoryOptions { bytes_per_second: Some(20 << 20) };
    let repository = repositories().create(Arc::clone(&sink) as _, &key, options).await.unwrap();
    let mut files = Files::default();
    files.put("a", 1, noise(1, 4 << 20));
    files.put("b", 1, noise(2, 14 << 20));
    let begun = tokio::time::Instant::now();
    files.back_up(&repository, 1_000).await.unwrap();
    // A lower bound, which no slow machine can break: the second pack waits for the first one's time.
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}
