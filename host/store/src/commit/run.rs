//! The committer's thread: takes what waits, decides it, writes it, syncs, answers, tells.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use warbler_domain::StoreError;

use super::decide::Decider;
use super::group::{Answer, Group};
use super::heads::Heads;
use super::queue::{Queue, Request};
use super::{Hub, View};
use crate::Durability;
use crate::backend::Records;
use crate::seal::Keyring;
use crate::stats::Counters;

/// Most requests in a group, and most bytes: past that, the time of the sync no longer matters, and
/// whoever waits would wait longer.
const GROUP_REQUESTS: usize = 1024;
const GROUP_BYTES: usize = 1024 * 1024;

/// What the committer works with.
pub(crate) struct Setup {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) view: Arc<View>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) durability: Durability,
}

/// The committer's thread.
pub(crate) struct Committer {
    decider: Decider,
    view: Arc<View>,
    hub: Arc<Hub>,
    counters: Arc<Counters>,
    durability: Durability,
    /// Set when a write failed. What the disk then holds is unknown, so nothing more is written, and
    /// readers go on seeing what was acknowledged.
    failed: Option<Arc<StoreError>>,
}

/// The first failure, for whoever asks after it.
#[derive(Debug, thiserror::Error)]
#[error("nothing is written since a write failed; restart the host once the disk is well")]
struct Stopped(#[source] Arc<StoreError>);

impl Committer {
    /// Starts the thread. The receiver hears when it has ended.
    pub(crate) fn start(setup: Setup) -> std::io::Result<(Queue, oneshot::Receiver<()>)> {
        let (queue, requests) = Queue::new();
        let (ended, end) = oneshot::channel();
        let Setup { records, keys, view, hub, counters, durability } = setup;
        let decider = Decider { records, keys, heads: Heads::default() };
        let mut committer = Self { decider, view, hub, counters, durability, failed: None };
        thread::Builder::new().name("warbler-commit".to_owned()).spawn(move || {
            committer.run(requests);
            committer.close();
            // Nobody waits if the store was dropped without being closed.
            let _ = ended.send(());
        })?;
        Ok((queue, end))
    }

    fn run(&mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            if let Some(cause) = &self.failed {
                first.refuse(stopped(cause));
                continue;
            }
            // Nothing has been tried yet, so that all goes on once there is room. What frees room needs none.
            if let Err(error) = self.decider.records.has_room()
                && !matches!(first, Request::Purge { .. })
            {
                first.refuse(error);
                continue;
            }
            self.decider.heads.forget_if_full();
            let mut group = Group::default();
            // A database that finds itself damaged panics; that must not look like a store at rest.
            let done = catch_unwind(AssertUnwindSafe(|| {
                self.gather(&mut group, first, &mut requests);
                self.write(&mut group)
            }));
            let result = done.unwrap_or(Err(StoreError::Corrupt { what: "database (it panicked)" }));
            match result {
                Ok(()) => self.acknowledge(group),
                Err(error) => self.fail(group, error),
            }
        }
    }

    /// Decides the first request and those that wait behind it.
    fn gather(&mut self, group: &mut Group, first: Request, requests: &mut mpsc::Receiver<Request>) {
        let mut size = first.size();
        self.decide(group, first);
        for _ in 1..GROUP_REQUESTS {
            if size >= GROUP_BYTES {
                break;
            }
            let Ok(request) = requests.try_recv() else { break };
            size += request.size();
            self.decide(group, request);
        }
        Decider::finish(group);
    }

    fn decide(&mut self, group: &mut Group, request: Request) {
        let answer = match request {
            Request::Append(append, reply) => {
                let result = self.decider.append(group, *append);
                Answer::Appended(reply, result)
            }
            Request::Commit { tenant, writes, reply } => {
                let result = self.decider.commit(group, tenant, writes);
                Answer::Committed(reply, result)
            }
            Request::Place(place, reply) => {
                let result = self.decider.place(group, place);
                Answer::Committed(reply, result)
            }
            Request::Purge { tenant, reply } => {
                let result = self.decider.purge(group, tenant);
                Answer::Purged(reply, result)
            }
        };
        group.answers.push(answer);
    }

    fn write(&self, group: &mut Group) -> Result<(), StoreError> {
        if group.changes.is_empty() {
            return Ok(());
        }
        let changes = Arc::new(std::mem::take(&mut group.changes));
        self.view.begin(Arc::clone(&changes));
        self.decider.records.apply(&changes)?;
        if self.durability == Durability::Synced {
            self.decider.records.sync()?;
            self.counters.synced();
        }
        self.view.end();
        self.counters.committed(group.committed.len(), group.writes, group.bytes);
        Ok(())
    }

    /// Tells first and then answers, so that whoever has an answer and does something because of it comes
    /// after the event in everybody's eyes.
    fn acknowledge(&self, group: Group) {
        self.hub.tell(&group.news);
        if !group.committed.is_empty() {
            let batch: Arc<[_]> = group.committed.into();
            for follower in self.hub.followers() {
                // One that has gone away needs nothing.
                drop(follower.blocking_send(Arc::clone(&batch)));
            }
        }
        for answer in group.answers {
            answer.send(None);
        }
    }

    fn fail(&mut self, group: Group, error: StoreError) {
        tracing::error!(%error, "the store stops writing, since a write failed");
        let cause = Arc::new(error);
        for answer in group.answers {
            answer.send(Some(stopped(&cause)));
        }
        self.failed = Some(cause);
        self.counters.failed();
    }

    fn close(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.decider.records.sync()
        {
            tracing::error!(%error, "the last sync failed");
        }
        self.view.close();
        self.hub.close();
        self.decider.records = Arc::new(crate::backend::memory::MemoryRecords::default());
    }
}

fn stopped(cause: &Arc<StoreError>) -> StoreError {
    StoreError::Io { doing: "committing", source: Box::new(Stopped(Arc::clone(cause))) }
}
