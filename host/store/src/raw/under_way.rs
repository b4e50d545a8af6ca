//! While a group is being written, readers see what was acknowledged before it, all of it and nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use warbler_domain::{Amend, Position, Sequence, StoreError};

use super::*;
use crate::backend::Record;
use crate::backend::memory::MemoryRecords;
use crate::layout::KeyRange;

/// Records whose sync waits to be let go.
struct Held {
    inner: MemoryRecords,
    reached: Mutex<Option<Sender<()>>>,
    go: Mutex<Option<Receiver<()>>>,
}

impl Records for Held {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn range(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.inner.range(range, skip, limit)
    }

    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        self.inner.apply(changes)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if let Some(reached) = self.reached.lock().unwrap().as_ref() {
            // Who no longer listens lets everything go.
            let _ = reached.send(());
        }
        if let Some(go) = self.go.lock().unwrap().as_ref() {
            let _ = go.recv();
        }
        Ok(())
    }
}

/// Lets syncs go, one by one.
struct Gate {
    records: Arc<Held>,
    reached: Receiver<()>,
    go: Sender<()>,
}

impl Gate {
    fn close(records: &Arc<Held>) -> Self {
        let (reached_sender, reached) = channel();
        let (go, go_receiver) = channel();
        *records.reached.lock().unwrap() = Some(reached_sender);
        *records.go.lock().unwrap() = Some(go_receiver);
        Self { records: records.clone(), reached, go }
    }

    /// Returns once a group was written and waits for its sync.
    async fn reached(self) -> Self {
        tokio::task::spawn_blocking(move || {
            self.reached.recv().unwrap();
            self
        })
        .await
        .unwrap()
    }

    fn open(self) {
        *self.records.reached.lock().unwrap() = None;
        drop(self.go);
    }
}

fn held() -> Arc<Held> {
    Arc::new(Held { inner: MemoryRecords::default(), reached: Mutex::new(None), go: Mutex::new(None) })
}

/// Everything that readers can see.
async fn seen(store: &Store) -> Vec<String> {
    let (log, state) = (store.log(), store.state());
    let mut seen = vec![format!("head {}", log.head(&ONE, conversation(1)).await.unwrap())];
    for event in log.read_after(&ONE, conversation(1), Sequence(0), 99).await.unwrap() {
        seen.push(format!("{} {}", event.sequence, title(&event)));
    }
    let lines = log.read_lines(&ONE, conversation(1), Sequence(0), 99).await.unwrap();
    seen.push(format!("lines {}", String::from_utf8(lines.text).unwrap()));
    for event in log.read_before(&ONE, conversation(1), Sequence(u64::MAX), 1).await.unwrap() {
        seen.push(format!("last {}", event.sequence));
    }
    for committed in log.read_tenant(&ONE, Position(0), 99).await.unwrap() {
        seen.push(format!("position {} {}", committed.position.0, title(&committed.event)));
    }
    for (key, found) in state.scan(&ONE, &key("a"), None, 99).await.unwrap() {
        assert_eq!(state.get(&ONE, &key).await.unwrap().unwrap(), found);
        seen.push(format!("{} {:?}", key.as_str(), found.value));
    }
    for (key, _) in state.scan(&ONE, &key("a"), Some(&key("a/1")), 1).await.unwrap() {
        seen.push(format!("second {}", key.as_str()));
    }
    for number in [1, 2] {
        let found = log.find(&ONE, conversation(1), &idempotency(number)).await.unwrap();
        seen.push(format!("found {:?}", found.map(|event| event.sequence)));
    }
    seen
}

#[tokio::test]
async fn readers_see_nothing_of_a_group_until_it_is_on_disk() {
    let records = held();
    let store = over(records.clone()).await;
    let first = Append {
        idempotency: Some(idempotency(1)),
        writes: ["1", "2", "3"].map(|at| put(&format!("a/{at}"), "before")).to_vec(),
        ..post(1, "first")
    };
    store.log().append(&ONE, first).await.unwrap();
    let before = seen(&store).await;
    let gate = Gate::close(&records);
    let append = {
        let store = store.clone();
        let second = Append {
            idempotency: Some(idempotency(2)),
            amend: Some(Amend { sequence: Sequence(1), event: titled(1, "FIRST") }),
            writes: vec![put("a/1", "after"), remove("a/2"), put("a/4", "new"), put("a", "own")],
            ..post(1, "second")
        };
        tokio::spawn(async move { store.log().append(&ONE, second).await })
    };
    let gate = gate.reached().await;
    assert_eq!(seen(&store).await, before);
    assert!(!append.is_finished());
    gate.open();
    append.await.unwrap().unwrap();
    let after = seen(&store).await;
    for line in
        ["head 2", "1 FIRST", "2 second", "last 2", "a/1 b\"after\"", "a/4 b\"new\"", "a b\"own\"", "second a/3"]
    {
        assert!(after.contains(&line.to_owned()), "{line} in {after:?}");
    }
    assert!(!after.iter().any(|line| line.starts_with("a/2")));
}

/// Starts all of them, and returns when each stands in the queue.
async fn queued<F>(work: Vec<F>) -> Vec<tokio::task::JoinHandle<()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (count, started) = (work.len(), Arc::new(AtomicUsize::new(0)));
    let tasks = work.into_iter().map(|work| {
        let started = started.clone();
        tokio::spawn(async move {
            // On the one thread of these tests, a task does not stop before it waits for its answer.
            started.fetch_add(1, Ordering::SeqCst);
            work.await;
        })
    });
    let tasks = tasks.collect();
    while started.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
    tasks
}

#[tokio::test]
async fn writers_that_come_while_a_group_is_written_share_the_next_sync() {
    let records = held();
    let store = over(records.clone()).await;
    let gate = Gate::close(&records);
    let append = |number: u32| {
        let store = store.clone();
        async move { drop(store.log().append(&ONE, post(u128::from(number % 7), "x")).await.unwrap()) }
    };
    let first = tokio::spawn(append(0));
    let gate = gate.reached().await;
    let others = queued((1..256).map(append).collect()).await;
    gate.open();
    first.await.unwrap();
    futures::future::try_join_all(others).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.appends, stats.batches, stats.syncs), (256, 2, 2));
}

#[tokio::test]
async fn a_group_holds_at_most_1024_requests() {
    let records = held();
    let store = over(records.clone()).await;
    let gate = Gate::close(&records);
    let commit = |number: u32| {
        let store = store.clone();
        async move { store.state().commit(&ONE, vec![put(&format!("a/{number}"), "x")]).await.unwrap() }
    };
    let first = tokio::spawn(commit(0));
    let gate = gate.reached().await;
    let others = queued((1..=1025).map(commit).collect()).await;
    gate.open();
    first.await.unwrap();
    futures::future::try_join_all(others).await.unwrap();
    assert_eq!((store.stats().writes, store.stats().syncs), (1026, 3));
}

#[tokio::test]
async fn deleting_one_tenant_s_records_disturbs_no_other_in_the_same_group() {
    let records = held();
    let store = over(records.clone()).await;
    let log = store.log();
    log.append(&OTHER, post(1, "goes")).await.unwrap();
    let gate = Gate::close(&records);
    let first = tokio::spawn({
        let log = log.clone();
        async move { log.append(&ONE, post(1, "first")).await.unwrap() }
    });
    let gate = gate.reached().await;
    let append = |scope, title: &'static str| -> futures::future::BoxFuture<'static, ()> {
        let log = log.clone();
        Box::pin(async move { drop(log.append(&scope, post(1, title)).await.unwrap()) })
    };
    let purge = {
        let store = store.clone();
        Box::pin(async move { store.queue.purge(OTHER.tenant()).await.unwrap() })
    };
    let work = vec![append(ONE, "second"), append(OTHER, "goes too"), purge, append(ONE, "third")];
    let others = queued(work).await;
    gate.open();
    first.await.unwrap();
    futures::future::try_join_all(others).await.unwrap();
    let titles = async |scope| {
        let events = log.read_after(&scope, conversation(1), Sequence(0), 9).await.unwrap();
        events.iter().map(|event| format!("{} {}", event.sequence, title(event))).collect::<Vec<_>>()
    };
    assert_eq!(titles(ONE).await, ["1 first", "2 second", "3 third"]);
    assert_eq!(titles(OTHER).await, [""; 0]);
    assert_eq!(log.append(&OTHER, post(1, "anew")).await.map(|_| ()).ok(), Some(()));
    assert_eq!(titles(OTHER).await, ["1 anew"]);
}
