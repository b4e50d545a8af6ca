//! A disk that fails: what was acknowledged stays, what was not is an error, and no place is skipped.

use std::sync::atomic::{AtomicU8, Ordering};

use warbler_domain::{Appended, Sequence, StoreError};

use super::*;
use crate::backend::Record;
use crate::backend::memory::MemoryRecords;
use crate::layout::KeyRange;

const WELL: u8 = 0;
const FAILS_TO_WRITE: u8 = 1;
const FAILS_TO_SYNC: u8 = 2;
const PANICS: u8 = 3;
const HAS_NO_ROOM: u8 = 4;

/// Records on a disk that fails when it is told to.
struct Failing {
    inner: Arc<MemoryRecords>,
    mood: AtomicU8,
}

impl Failing {
    fn over(inner: Arc<MemoryRecords>) -> Arc<Self> {
        Arc::new(Self { inner, mood: AtomicU8::new(WELL) })
    }

    fn fail_if(&self, mood: u8) -> Result<(), StoreError> {
        match self.mood.load(Ordering::SeqCst) {
            PANICS => panic!("as a damaged database does"),
            now if now == mood => Err(StoreError::Io { doing: "writing", source: "the disk is full".into() }),
            _ => Ok(()),
        }
    }
}

impl Records for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn range(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.inner.range(range, skip, limit)
    }

    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        self.fail_if(FAILS_TO_WRITE)?;
        self.inner.apply(changes)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.fail_if(FAILS_TO_SYNC)
    }

    fn has_room(&self) -> Result<(), StoreError> {
        // A damaged database has room.
        if self.mood.load(Ordering::SeqCst) == HAS_NO_ROOM { self.fail_if(HAS_NO_ROOM) } else { Ok(()) }
    }
}

async fn titles(store: &Store) -> Vec<String> {
    let events = store.log().read_after(&ONE, conversation(1), Sequence(0), 99).await.unwrap();
    events.iter().map(|event| title(event).to_owned()).collect()
}

#[tokio::test]
async fn a_failed_write_fails_its_appends_and_all_later_ones_and_readers_see_what_was_acknowledged() {
    for mood in [FAILS_TO_WRITE, FAILS_TO_SYNC, PANICS] {
        let disk = Failing::over(Arc::default());
        let store = over(disk.clone()).await;
        store.log().append(&ONE, post(1, "kept")).await.unwrap();
        assert!(!store.has_failed());
        disk.mood.store(mood, Ordering::SeqCst);
        let amend = warbler_domain::Amend { sequence: Sequence(1), event: titled(1, "changed") };
        let append = Append { amend: Some(amend), writes: vec![put("a/1", "x")], ..post(1, "lost") };
        let failed = store.log().append(&ONE, append).await.unwrap_err();
        assert!(matches!(failed, StoreError::Io { doing: "committing", .. }), "{failed:?}");
        disk.mood.store(WELL, Ordering::SeqCst);
        let later = store.log().append(&ONE, post(1, "later")).await.unwrap_err();
        assert!(matches!(later, StoreError::Io { doing: "committing", .. }), "{later:?}");
        assert!(store.state().commit(&ONE, vec![put("a/2", "x")]).await.is_err());
        assert!(store.has_failed());
        assert_eq!(titles(&store).await, ["kept"], "{mood}");
        assert!(store.state().get(&ONE, &key("a/1")).await.unwrap().is_none());
        store.close().await;
    }
}

#[tokio::test]
async fn without_room_nothing_is_taken_and_all_goes_on_once_there_is_some() {
    let disk = Failing::over(Arc::default());
    let store = over(disk.clone()).await;
    store.log().append(&ONE, post(1, "kept")).await.unwrap();
    disk.mood.store(HAS_NO_ROOM, Ordering::SeqCst);
    store.log().append(&ONE, post(1, "refused")).await.unwrap_err();
    store.state().commit(&ONE, Vec::new()).await.unwrap_err();
    assert_eq!(titles(&store).await, ["kept"]);
    disk.mood.store(WELL, Ordering::SeqCst);
    store.log().append(&ONE, post(1, "later")).await.unwrap();
    assert_eq!(titles(&store).await, ["kept", "later"]);
    assert!(!store.has_failed());
}

#[tokio::test]
async fn after_a_failed_write_the_reopened_store_goes_on_without_a_gap() {
    for mood in [FAILS_TO_WRITE, FAILS_TO_SYNC, PANICS] {
        let (inner, keys): (Arc<MemoryRecords>, _) = (Arc::default(), SharedKeys::default());
        let disk = Failing::over(inner.clone());
        let first = store(disk.clone(), Arc::new(MemoryBlobs::default()), keys.clone()).await;
        first.log().append(&ONE, post(1, "kept")).await.unwrap();
        disk.mood.store(mood, Ordering::SeqCst);
        let append = Append { idempotency: Some(idempotency(1)), ..post(1, "sent again") };
        first.log().append(&ONE, append.clone()).await.unwrap_err();
        first.close().await;
        let second = store(inner, Arc::new(MemoryBlobs::default()), keys).await;
        // Whether it was written is unknown; sending again makes sure of it, once.
        let sequence = match second.log().append(&ONE, append).await.unwrap() {
            Appended::New(committed) => committed.event.sequence,
            Appended::Repeated(event) => event.sequence,
        };
        assert_eq!(sequence, Sequence(2));
        assert_eq!(titles(&second).await, ["kept", "sent again"], "{mood}");
    }
}

#[tokio::test]
async fn a_store_of_a_later_layout_is_refused_and_left_alone() {
    let inner: Arc<MemoryRecords> = Arc::default();
    overwrite(&*inner, b"m".to_vec(), Some(Bytes::from_static(&[9])));
    let files = Arc::new(MemoryBlobs::default());
    let backend = Backend { records: inner, files, keys: Box::new(SharedKeys::default()) };
    let refused = Store::over(backend, MasterKey::from_bytes([1; 32]), Durability::Synced);
    assert!(matches!(refused, Err(crate::OpenError::Newer { found: 9, known: crate::layout::LAYOUT })));
}
