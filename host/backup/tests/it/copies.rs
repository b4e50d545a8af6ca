//! Copies under another key: whole, in the same order, gone on with after an interruption, and readable by restic.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{
    BackupError, BackupProgress, BackupRepositories as _, BackupRepository, BackupSink, BackupVersion, CheckDepth,
    CopiedVersion, KeyedSink, RepositoryKey, RepositoryOptions, Unlock,
};
use zeroize::Zeroizing;

use crate::restic::{PASSPHRASE, has_restic, restic};
use crate::sinks::{Call, FolderSink, MemorySink, create, full, reopen, repositories};
use crate::source::{Files, noise, read, small};

/// A repository with three versions, and what is in them.
struct Original {
    sink: Arc<dyn BackupSink>,
    key: RepositoryKey,
    versions: Vec<(BackupVersion, Files)>,
}

impl Original {
    async fn new(sink: Arc<dyn BackupSink>, mut files: Files) -> Self {
        let (key, repository) = create(Arc::clone(&sink)).await;
        let mut versions = Vec::new();
        for number in 1..=3_u64 {
            files.put("conversations/3/2026-02-0001.jsonl", number, format!("{{\"number\":{number}}}\n"));
            files.put(&format!("attachments/b{number}/new"), number, noise(100 + number, 200_000));
            versions.push((files.back_up(&repository, number * 1_000_000).await.unwrap(), files.clone()));
        }
        Self { sink, key, versions }
    }

    fn keyed(&self) -> KeyedSink {
        KeyedSink { sink: Arc::clone(&self.sink), key: self.key.clone() }
    }

    async fn copy(
        &self,
        to: &Arc<dyn BackupSink>,
        key: &RepositoryKey,
        progress: &Arc<BackupProgress>,
    ) -> Result<Vec<CopiedVersion>, BackupError> {
        let to = KeyedSink { sink: Arc::clone(to), key: key.clone() };
        repositories().copy(self.keyed(), to, RepositoryOptions::default(), Arc::clone(progress)).await
    }

    /// Holds that the copy has all of it under the new key alone.
    async fn is_in(&self, sink: &Arc<dyn BackupSink>, key: &RepositoryKey, copied: &[CopiedVersion]) {
        let copy = reopen(Arc::clone(sink), key).await;
        let listed = copy.versions().await.unwrap();
        assert_eq!(copied.len(), self.versions.len());
        for (((version, files), copied), listed) in self.versions.iter().zip(copied).zip(&listed) {
            assert_eq!((&copied.from, &copied.to), (&version.id, &listed.id));
            assert_ne!(copied.from, copied.to);
            assert_eq!(*listed, BackupVersion { id: listed.id.clone(), ..version.clone() });
            for path in files.paths() {
                assert_eq!(read(&copy, &listed.id, &path).await.unwrap(), files.bytes(&path), "{path}");
            }
        }
        assert_eq!(listed.len(), self.versions.len());
        assert_eq!(copy.check(CheckDepth::Everything).await.unwrap().problems, Vec::<String>::new());
        let old = Unlock::Key(self.key.clone());
        let opened = repositories().open(Arc::clone(sink), old, RepositoryOptions::default()).await.map(drop);
        assert!(matches!(opened, Err(BackupError::WrongKey)), "{opened:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_every_version_under_the_new_key_alone_and_goes_on_from_there() {
    let original = Original::new(MemorySink::new(), small()).await;
    let held = MemorySink::new();
    let to: Arc<dyn BackupSink> = Arc::clone(&held) as _;
    let (key, progress) = (repositories().new_key().unwrap(), Arc::<BackupProgress>::default());
    let copied = original.copy(&to, &key, &progress).await.unwrap();
    original.is_in(&to, &key, &copied).await;
    assert_eq!(progress.files(), 3);
    assert!(progress.read() > 3_000_000 && progress.stored() > 3_000_000, "{progress:?}");
    // Nothing of the original is in it as it was, its keys by passphrase neither.
    assert!(held.named("keys/").is_empty());
    let before = reopen(Arc::clone(&original.sink), &original.key).await;
    assert_eq!(before.versions().await.unwrap().len(), 3);

    // The next version builds on the last one: what did not change is not opened.
    let copy = reopen(Arc::clone(&to), &key).await;
    let mut files = original.versions[2].1.clone();
    files.opened.lock().clear();
    files.put("one-more", 9, "more");
    let next = files.back_up(&copy, 9_000_000).await.unwrap();
    assert_eq!(files.opened.lock().iter().collect::<Vec<_>>(), ["one-more"]);
    assert_eq!(read(&copy, &next.id, "attachments/aa/one").await.unwrap(), files.bytes("attachments/aa/one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_cut_short_anywhere_is_gone_on_with_and_stores_only_what_it_lacks() {
    let mut files = small();
    // Packs enough for an interruption between them.
    for number in 0..3_u64 {
        files.put(&format!("attachments/c{number}/large"), 1, noise(200 + number, 6 << 20));
    }
    let original = Original::new(MemorySink::new(), files).await;
    for until in ["data/", "index/", "snapshots/"] {
        let held = MemorySink::new();
        let to: Arc<dyn BackupSink> = Arc::clone(&held) as _;
        let (key, progress) = (repositories().new_key().unwrap(), Arc::<BackupProgress>::default());
        let (ending, mut left) = (Arc::clone(&progress), 2_usize);
        held.judged(move |call, name| {
            if call == Call::Put && name.starts_with(until) {
                left = left.saturating_sub(1);
                if left == 0 || until == "index/" {
                    ending.cancel();
                }
            }
            None
        });
        let cut = original.copy(&to, &key, &progress).await;
        assert!(matches!(cut, Err(BackupError::Cancelled)), "{until}: {cut:?}");
        held.well();
        let before: BTreeMap<String, Bytes> = held.blobs.lock().clone();
        let packs = |blobs: &BTreeMap<String, Bytes>| blobs.keys().filter(|name| name.starts_with("data/")).count();
        assert!(packs(&before) > 0, "{until}: nothing was copied before it was cut short");
        held.calls.lock().clear();
        let copied = original.copy(&to, &key, &Arc::default()).await.unwrap();
        original.is_in(&to, &key, &copied).await;
        // What was there is there unchanged, and nothing of it came a second time.
        let after = held.blobs.lock().clone();
        assert!(
            before.iter().filter(|(name, _)| name.starts_with("data/")).all(|(name, b)| after.get(name) == Some(b))
        );
        let (whole, extra) = (repacked(&original).await, after.values().map(Bytes::len).sum::<usize>());
        assert!(extra < whole + whole / 50, "{until}: {extra} bytes where {whole} would do");
    }
}

/// The bytes of a copy that nothing cut short.
async fn repacked(original: &Original) -> usize {
    let held = MemorySink::new();
    let to: Arc<dyn BackupSink> = Arc::clone(&held) as _;
    original.copy(&to, &repositories().new_key().unwrap(), &Arc::default()).await.unwrap();
    held.bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_follows_the_original_which_went_on_meanwhile() {
    let mut original = Original::new(MemorySink::new(), small()).await;
    let to: Arc<dyn BackupSink> = MemorySink::new();
    let key = repositories().new_key().unwrap();
    original.copy(&to, &key, &Arc::default()).await.unwrap();
    // One version is forgotten, and one is made.
    let repository = reopen(Arc::clone(&original.sink), &original.key).await;
    let (gone, mut files) = original.versions.remove(0);
    repository.forget(&[gone.id]).await.unwrap();
    files.put("later", 7, "later");
    original.versions.push((files.back_up(&repository, 8_000_000).await.unwrap(), files));
    let copied = original.copy(&to, &key, &Arc::default()).await.unwrap();
    original.is_in(&to, &key, &copied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_into_another_repository_or_a_full_sink_fails_in_words_and_harms_nothing() {
    let original = Original::new(MemorySink::new(), small()).await;
    let other: Arc<dyn BackupSink> = MemorySink::new();
    let (_, theirs) = create(Arc::clone(&other)).await;
    let kept = small().back_up(&theirs, 5).await.unwrap();
    let key = repositories().new_key().unwrap();
    let refused = original.copy(&other, &key, &Arc::default()).await;
    assert!(matches!(refused, Err(BackupError::WrongKey)), "{refused:?}");
    assert_eq!(theirs.versions().await.unwrap(), [kept]);

    let held = MemorySink::new();
    let to: Arc<dyn BackupSink> = Arc::clone(&held) as _;
    held.judged(|call, name| (call == Call::Put && name.starts_with("data/")).then(full));
    let refused = original.copy(&to, &key, &Arc::default()).await.unwrap_err();
    assert!(refused.with_cause().contains("the disk is full"), "{refused:?}");
    held.well();
    let copied = original.copy(&to, &key, &Arc::default()).await.unwrap();
    original.is_in(&to, &key, &copied).await;

    let none = KeyedSink { sink: MemorySink::new(), key: key.clone() };
    let to = KeyedSink { sink: MemorySink::new(), key };
    let refused = repositories().copy(none, to, RepositoryOptions::default(), Arc::default()).await;
    assert!(matches!(refused, Err(BackupError::NoRepository)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_finds_the_copy_whole_with_the_same_versions_at_the_same_times() {
    if !has_restic() {
        return;
    }
    let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let original = Original::new(Arc::new(FolderSink(from.path().to_owned())), small()).await;
    let to: Arc<dyn BackupSink> = Arc::new(FolderSink(into.path().to_owned()));
    let key = repositories().new_key().unwrap();
    original.copy(&to, &key, &Arc::default()).await.unwrap();
    for (sink, key) in [(&original.sink, &original.key), (&to, &key)] {
        let repository: Arc<dyn BackupRepository> = reopen(Arc::clone(sink), key).await;
        repository.add_passphrase(Zeroizing::new(PASSPHRASE.to_owned())).await.unwrap();
    }
    let checked = restic(into.path(), &["check", "--read-data"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("no errors were found"));
    let listed = |folder| -> Vec<(String, String)> {
        let said = restic(folder, &["snapshots", "--json"]).stdout;
        let found: Vec<serde_json::Value> = serde_json::from_slice(&said).unwrap();
        let text = |snapshot: &serde_json::Value, field: &str| snapshot[field].as_str().unwrap().to_owned();
        found.iter().map(|snapshot| (text(snapshot, "time"), text(snapshot, "tree"))).collect()
    };
    assert_eq!(listed(from.path()).len(), 3);
    assert_eq!(listed(from.path()), listed(into.path()));
}
