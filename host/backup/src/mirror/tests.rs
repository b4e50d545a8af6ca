//! Mirrors over sinks in memory that can be away, and lose what they hold.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use stage::{Book, Sink, hash_named, heal, mirror, name_of, reopen};
use warbler_domain::{BackupSink, HookError, Refusal};

use super::*;

/// What the tests are made of.
mod stage {
    use super::*;

    /// A sink that can be away.
    #[derive(Default)]
    pub(super) struct Sink {
        pub(super) away: AtomicBool,
        pub(super) blobs: parking_lot::Mutex<BTreeMap<String, Bytes>>,
    }

    impl Sink {
        pub(super) fn go(&self, away: bool) {
            self.away.store(away, Ordering::SeqCst);
        }

        pub(super) fn names(&self) -> Vec<String> {
            self.blobs.lock().keys().cloned().collect()
        }

        fn here(&self) -> Result<(), HookError> {
            if self.away.load(Ordering::SeqCst) { Err(away()) } else { Ok(()) }
        }
    }

    #[async_trait]
    impl BackupSink for Sink {
        async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
            self.here()?;
            self.blobs.lock().insert(name.to_owned(), bytes);
            Ok(())
        }

        async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
            self.here()?;
            let blobs = self.blobs.lock();
            Ok(blobs.get(name).map(|blob| {
                let from = usize::try_from(offset).unwrap().min(blob.len());
                blob.slice(from..from.saturating_add(usize::try_from(length).unwrap()).min(blob.len()))
            }))
        }

        async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
            self.here()?;
            let blobs = self.blobs.lock();
            let chosen = blobs.iter().filter(|(name, _)| name.starts_with(prefix));
            let chosen = chosen.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after)).take(PAGE);
            Ok(chosen.map(|(name, blob)| BlobEntry { name: name.clone(), size: blob.len() as u64 }).collect())
        }

        async fn delete(&self, name: &str) -> Result<(), HookError> {
            self.here()?;
            self.blobs.lock().remove(name);
            Ok(())
        }
    }

    /// A ledger that outlives mirrors.
    #[derive(Default)]
    pub(super) struct Book(parking_lot::Mutex<MirrorState>);

    #[async_trait]
    impl MirrorLedger for Book {
        async fn load(&self) -> Result<MirrorState, HookError> {
            Ok(self.0.lock().clone())
        }

        async fn replace(&self, from: &MirrorState, to: &MirrorState) -> Result<bool, HookError> {
            let mut state = self.0.lock();
            let stands = *state == *from;
            if stands {
                *state = to.clone();
            }
            Ok(stands)
        }
    }

    impl Book {
        /// Which of the two sinks are behind.
        pub(super) fn behind(&self) -> Vec<&'static str> {
            ["one", "other"].into_iter().filter(|sink| !self.0.lock().is_current(sink)).collect()
        }
    }

    /// Names that begin with `h` and a length stand for blobs of that length, as digests stand for bytes.
    pub(super) fn hash_named(name: &str, bytes: &[u8]) -> Option<bool> {
        let digits = name.strip_prefix('h')?;
        Some(digits == name_of(bytes).trim_start_matches('h'))
    }

    pub(super) fn name_of(bytes: &[u8]) -> String {
        format!("h{}-{}", bytes.len(), bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>())
    }

    /// Two sinks, the ledger, and the mirror of them, healed.
    pub(super) async fn mirror(require: usize) -> (Arc<Sink>, Arc<Sink>, Arc<Book>, Mirror) {
        let (one, other, book) = (Arc::<Sink>::default(), Arc::<Sink>::default(), Arc::<Book>::default());
        let mirror = reopen(&one, &other, &book, require);
        heal(&mirror).await.unwrap();
        (one, other, book, mirror)
    }

    pub(super) async fn heal(mirror: &Mirror) -> Result<Healed, HookError> {
        mirror.heal(&BackupProgress::default()).await
    }

    pub(super) fn reopen(one: &Arc<Sink>, other: &Arc<Sink>, book: &Arc<Book>, require: usize) -> Mirror {
        let sinks = vec![
            MirroredSink { id: "one".into(), sink: one.clone() },
            MirroredSink { id: "other".into(), sink: other.clone() },
        ];
        Mirror::new(sinks, book.clone(), require, hash_named).unwrap()
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(mirror: &Mirror, text: &str) -> String {
    let name = name_of(text.as_bytes());
    mirror.put(&name, bytes(text)).await.unwrap();
    name
}

#[tokio::test]
async fn a_sink_that_was_away_gets_what_it_missed_and_loses_what_was_deleted() {
    let (one, other, book, mirror) = mirror(1).await;
    let (kept, deleted) = (put(&mirror, "kept").await, put(&mirror, "deleted").await);
    mirror.put("config", bytes("first")).await.unwrap();
    assert_eq!(one.names(), other.names());
    other.go(true);
    let missed = put(&mirror, "missed").await;
    mirror.delete(&deleted).await.unwrap();
    mirror.put("config", bytes("later")).await.unwrap();
    assert_eq!(book.behind(), ["other"]);
    assert!(heal(&mirror).await.unwrap().failed.contains_key("other"), "a sink that is away cannot be healed");
    other.go(false);
    let healed = heal(&mirror).await.unwrap();
    assert_eq!((healed.copied, healed.bytes, healed.deleted), (2, 11, 1));
    assert_eq!((healed.sinks, healed.failed.len()), (vec!["other".to_owned()], 0));
    assert_eq!(*one.blobs.lock(), *other.blobs.lock());
    let mut expected = vec!["config".to_owned(), kept, missed];
    expected.sort();
    assert_eq!(other.names(), expected);
    assert!(book.behind().is_empty());
}

#[tokio::test]
async fn a_sink_that_came_back_is_not_believed_before_it_is_healed() {
    let (one, other, book, first) = mirror(1).await;
    first.put("config", bytes("old")).await.unwrap();
    other.go(true);
    first.put("config", bytes("new")).await.unwrap();
    other.go(false);
    // Also not after the host started again.
    drop(first);
    let mirror = reopen(&one, &other, &book, 1);
    one.go(true);
    assert!(mirror.get("config", 0, 9).await.is_err());
    assert!(mirror.list("", None).await.is_err());
    assert!(mirror.put("x", bytes("x")).await.is_err());
    one.go(false);
    assert_eq!(mirror.get("config", 0, 9).await.unwrap(), Some(bytes("new")));
}

#[tokio::test]
async fn any_sink_that_is_current_can_be_away() {
    let (one, other, book, mirror) = mirror(1).await;
    let name = put(&mirror, "text").await;
    for sink in [&one, &other] {
        sink.go(true);
        assert_eq!(mirror.get(&name, 1, 2).await.unwrap(), Some(bytes("ex")));
        assert_eq!(mirror.list("", None).await.unwrap().len(), 1);
        // But that there is no such blob is not said on the word of one alone.
        assert!(mirror.get("absent", 0, 1).await.is_err());
        sink.go(false);
    }
    assert_eq!(mirror.get("absent", 0, 1).await.unwrap(), None);
    assert!(book.behind().is_empty());
}

#[tokio::test]
async fn a_write_that_too_few_sinks_take_is_an_error_and_nobody_is_behind() {
    let (one, other, book, mirror) = mirror(2).await;
    other.go(true);
    assert!(matches!(mirror.put("a", bytes("a")).await, Err(HookError::Refused(Refusal::Unavailable { .. }))));
    one.go(true);
    assert!(mirror.delete("a").await.is_err());
    assert!(book.behind().is_empty());
    one.go(false);
    other.go(false);
    mirror.put("a", bytes("a")).await.unwrap();
    assert_eq!(*one.blobs.lock(), *other.blobs.lock());
}

#[tokio::test]
async fn a_blob_that_was_lost_or_damaged_in_one_sink_is_read_from_the_other_and_mended() {
    let (one, other, book, mirror) = mirror(1).await;
    let (lost, damaged) = (put(&mirror, "lost").await, put(&mirror, "damaged").await);
    one.blobs.lock().remove(&lost);
    assert_eq!(mirror.get(&lost, 0, 99).await.unwrap(), Some(bytes("lost")));
    assert_eq!(book.behind(), ["one"]);
    heal(&mirror).await.unwrap();
    // Of the same length: lists do not tell.
    one.blobs.lock().insert(damaged.clone(), bytes("dAmaged"));
    assert_eq!(mirror.get(&damaged, 0, 99).await.unwrap(), Some(bytes("damaged")));
    assert_eq!(heal(&mirror).await.unwrap().copied, 1);
    assert_eq!(*one.blobs.lock(), *other.blobs.lock());
}

#[tokio::test]
async fn a_host_that_was_lost_unites_what_its_sinks_hold() {
    let (one, other, _, mirror) = mirror(1).await;
    put(&mirror, "both").await;
    other.go(true);
    let only = put(&mirror, "only in one").await;
    other.go(false);
    let torn = name_of(b"torn");
    one.blobs.lock().insert(torn.clone(), bytes("to"));
    other.blobs.lock().insert(torn.clone(), bytes("torn"));
    let mirror = reopen(&one, &other, &Arc::<Book>::default(), 1);
    assert!(mirror.get(&only, 0, 1).await.is_err(), "it is not known who can be believed");
    heal(&mirror).await.unwrap();
    assert_eq!(*one.blobs.lock(), *other.blobs.lock());
    assert_eq!(mirror.get(&torn, 0, 9).await.unwrap(), Some(bytes("torn")));
    assert_eq!(mirror.list("", None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn another_repository_is_never_overwritten() {
    let (one, other) = (Arc::<Sink>::default(), Arc::<Sink>::default());
    one.blobs.lock().insert("config".into(), bytes("mine"));
    other.blobs.lock().insert("config".into(), bytes("yours"));
    let mirror = reopen(&one, &other, &Arc::<Book>::default(), 1);
    assert!(matches!(heal(&mirror).await, Err(HookError::Refused(Refusal::Misconfigured { .. }))));
    // Nor when it joins a mirror that is there.
    let (first, second, book, mirror) = stage::mirror(1).await;
    mirror.put("config", bytes("mine")).await.unwrap();
    let sinks = vec![
        MirroredSink { id: "one".into(), sink: first },
        MirroredSink { id: "other".into(), sink: second },
        MirroredSink { id: "third".into(), sink: other.clone() },
    ];
    let mirror = Mirror::new(sinks, book, 1, hash_named).unwrap();
    let refused = heal(&mirror).await.unwrap().failed;
    assert!(refused["third"].contains("another repository"), "{refused:?}");
    assert_eq!(other.blobs.lock()["config"], bytes("yours"));
}

#[tokio::test]
async fn lists_of_sinks_that_differ_are_united_in_order_and_in_pages() {
    let (one, other, _, mirror) = mirror(1).await;
    for number in 0..1_500 {
        let sink = if number % 3 == 0 { &one } else { &other };
        sink.blobs.lock().insert(format!("{number:05}"), bytes("x"));
    }
    let first = mirror.list("", None).await.unwrap();
    let second = mirror.list("", first.last().map(|entry| entry.name.as_str())).await.unwrap();
    let names: Vec<String> = first.into_iter().chain(second).map(|entry| entry.name).collect();
    assert_eq!(names, (0..1_500).map(|number| format!("{number:05}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_sink_that_was_emptied_is_found_out_and_filled_again() {
    let (one, other, book, mirror) = mirror(1).await;
    mirror.put("config", bytes("mine")).await.unwrap();
    put(&mirror, "text").await;
    mirror.compare().await.unwrap();
    assert!(book.behind().is_empty());
    other.blobs.lock().clear();
    mirror.compare().await.unwrap();
    assert_eq!(book.behind(), ["other"]);
    heal(&mirror).await.unwrap();
    assert_eq!(*one.blobs.lock(), *other.blobs.lock());
    // What is the host's own is nobody's copy.
    other.blobs.lock().insert("warbler-lease".into(), bytes("its own"));
    other.go(true);
    put(&mirror, "more").await;
    other.go(false);
    heal(&mirror).await.unwrap();
    assert_eq!(other.names().len(), one.names().len() + 1);
    // Another repository in its place is an error that says so.
    other.blobs.lock().insert("config".into(), bytes("yours"));
    assert!(mirror.compare().await.unwrap_err().to_string().contains("different repositories"));
}

#[tokio::test]
async fn a_sink_that_was_taken_away_and_joins_again_is_given_what_it_missed() {
    let (one, other, book, first) = mirror(1).await;
    first.put("config", bytes("mine")).await.unwrap();
    let deleted = put(&first, "deleted").await;
    drop(first);
    let fresh = Arc::<Book>::default();
    fresh
        .replace(&MirrorState::default(), &{
            let mut state = MirrorState::default();
            state.set_current("one");
            state
        })
        .await
        .unwrap();
    one.blobs.lock().remove(&deleted);
    let mirror = reopen(&one, &other, &fresh, 1);
    let healed = heal(&mirror).await.unwrap();
    assert_eq!((healed.deleted, healed.failed.len()), (1, 0), "it is the same repository: {healed:?}");
    assert!(fresh.behind().is_empty());
    assert_eq!(book.behind().len(), 0);
}

/// Takes a blob only once it is let.
struct Hesitant(Arc<Sink>, tokio::sync::Semaphore);

#[async_trait]
impl BackupSink for Hesitant {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        let _let = self.1.acquire().await.unwrap();
        self.0.put(name, bytes).await
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        self.0.get(name, offset, length).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        self.0.list(prefix, after).await
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        self.0.delete(name).await
    }
}

#[tokio::test]
async fn a_blob_that_is_read_while_it_is_written_makes_no_sink_look_behind() {
    let (one, other, book, _) = mirror(1).await;
    let (traffic, slow) = (Traffic::default(), Arc::new(Hesitant(Arc::clone(&one), tokio::sync::Semaphore::new(0))));
    let beside = || {
        let sinks = [("one", Arc::clone(&slow) as Arc<dyn BackupSink>), ("other", Arc::clone(&other) as _)];
        let sinks = sinks.map(|(id, sink)| MirroredSink { id: id.into(), sink });
        Mirror::new(sinks.into(), Arc::clone(&book) as _, 1, hash_named).unwrap().beside(&traffic)
    };
    let (writer, reader) = (beside(), beside());
    let name = name_of(b"under way");
    let written = async { writer.put(&name, Bytes::from_static(b"under way")).await.unwrap() };
    let read = async {
        while other.names().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(reader.get(&name, 0, WHOLE).await.unwrap().unwrap(), "under way");
        assert_eq!(book.behind(), [""; 0]);
        slow.1.add_permits(1);
    };
    tokio::join!(written, read);
    // Afterwards, what is not there is lost.
    reader.get(&name, 0, WHOLE).await.unwrap();
    assert_eq!(book.behind(), [""; 0]);
    one.blobs.lock().clear();
    reader.get(&name, 0, WHOLE).await.unwrap();
    assert_eq!(book.behind(), ["one"]);
}
