//! Durable consumers: work that is driven from the log. Each has a name and a cursor per tenant, and
//! gets every event at least once, also after a crash. What it fails at is tried again with growing
//! pauses, and parked for an operator if it never succeeds. When a consumer runs is its owner's work.

mod backoff;
mod dead_letters;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use warbler_domain::{
    Clock, Committed, Expect, Ids, MessageLog, Position, State, StateChange, StateWrite, StoreError, TenantScope,
    Timestamp,
};

pub use backoff::Backoff;
pub use dead_letters::{DeadLetters, Parked};
use records::{Cursor, Names, Replay, Retry};

/// Records that are read at a time while a consumer opens.
const PAGE: usize = 256;

/// What a consumer works with.
#[derive(Clone)]
pub struct ConsumerPorts {
    /// Where events come from.
    pub log: Arc<dyn MessageLog>,
    /// Where cursors and retries are kept.
    pub state: Arc<dyn State>,
    /// Tells when a retry is due.
    pub clock: Arc<dyn Clock>,
    /// Whose random bits spread retries.
    pub ids: Arc<dyn Ids>,
}

/// An event to work on. It must be settled by `ack`, `retry` or `park`; until then the cursor stays before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The event and its position.
    pub committed: Committed,
    /// How often it is delivered, counting failures only: from 1. After a crash the same attempt may
    /// come twice.
    pub attempt: u32,
    /// When it first failed.
    failing_since: Option<Timestamp>,
}

/// What came of asking for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It is delivered again then.
    At(Timestamp),
    /// It has failed for too long and was parked.
    Parked,
}

/// A named reader of one tenant's log. There must be one of a name and tenant at a time; a second one
/// makes the first fail with `Conflict`.
pub struct Consumer {
    ports: ConsumerPorts,
    scope: TenantScope,
    names: Names,
    backoff: Backoff,
    /// The version of the cursor's record, once there is one, and the position in it.
    kept: (Option<u64>, Position),
    /// The last position read from the log.
    read: Position,
    /// Delivered from the log and not settled.
    out: BTreeSet<Position>,
    /// Failed before, by position.
    failing: BTreeMap<Position, Failing>,
    /// Retries that succeeded, whose records are not deleted yet.
    done: Vec<Position>,
}

struct Failing {
    retry: Retry,
    delivered: bool,
}

impl Consumer {
    /// Opens the consumer `name`, which must be an identifier without slashes. A new one begins with
    /// the first event there is.
    ///
    /// # Errors
    /// The store failed.
    pub async fn open(
        ports: ConsumerPorts,
        scope: TenantScope,
        name: &str,
        backoff: Backoff,
    ) -> Result<Self, StoreError> {
        let names = Names::new(name);
        let found = ports.state.get(&scope, &names.cursor()).await?;
        let kept = match &found {
            Some(found) => (Some(found.version), records::read::<Cursor>(&found.value)?.position),
            None => (None, Position(0)),
        };
        let (out, failing) = (BTreeSet::new(), BTreeMap::new());
        let mut consumer = Self { ports, scope, names, backoff, kept, read: kept.1, out, failing, done: Vec::new() };
        consumer.load_retries().await?;
        Ok(consumer)
    }

    /// The next events, at most `limit`: first those whose retry is due, then new ones. Nothing if
    /// there is nothing to do; `next_due` and the log's `follow` tell when to ask again. What was
    /// acknowledged until now is written down.
    ///
    /// # Errors
    /// `Conflict` if another consumer of this name is at work, or the store failed.
    pub async fn next_batch(&mut self, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.checkpoint().await?;
        self.take_replays().await?;
        let mut batch = Vec::new();
        let now = self.ports.clock.now();
        let due: Vec<Position> = self
            .failing
            .iter()
            .filter(|(_, failing)| !failing.delivered && failing.retry.due <= now)
            .map(|(position, _)| *position)
            .take(limit)
            .collect();
        for position in due {
            batch.extend(self.deliver_again(position).await?);
        }
        let left = limit.saturating_sub(batch.len());
        if left > 0 {
            for committed in self.ports.log.read_tenant(&self.scope, self.read, left).await? {
                self.read = committed.position;
                self.out.insert(committed.position);
                batch.push(Delivery { committed, attempt: 1, failing_since: None });
            }
        }
        Ok(batch)
    }

    /// Passes over events that are known to hold nothing for it, without reading them: those that follow
    /// what it has read. It is written down with the next batch.
    pub fn pass(&mut self, events: RangeInclusive<Position>) {
        if events.start().0 <= self.read.0.saturating_add(1) {
            self.read = self.read.max(*events.end());
        }
    }

    /// The work is done. It is written down with the next batch, or by `checkpoint`.
    pub fn ack(&mut self, delivery: &Delivery) {
        let position = delivery.committed.position;
        self.out.remove(&position);
        if self.failing.get(&position).is_some_and(|failing| failing.delivered) {
            self.failing.remove(&position);
            self.done.push(position);
        }
    }

    /// The work failed and is tried again, not before `after` has passed and not before the backoff
    /// lets it; or is parked, if it has been failing for too long. `reason` is what an operator reads
    /// then: it must hold nothing secret.
    ///
    /// # Errors
    /// The store failed; then the event is delivered again after the consumer is opened again.
    pub async fn retry(
        &mut self,
        delivery: &Delivery,
        reason: &str,
        after: Option<Duration>,
    ) -> Result<Retried, StoreError> {
        let now = self.ports.clock.now();
        let since = delivery.failing_since.unwrap_or(now);
        if now.since(since) >= self.backoff.give_up {
            self.park(delivery, reason).await?;
            return Ok(Retried::Parked);
        }
        let pause = self.backoff.pause(delivery.attempt, &*self.ports.ids);
        let due = now.after(pause.max(after.unwrap_or_default()));
        let position = delivery.committed.position;
        let retry = Retry { attempt: delivery.attempt, due, since };
        let write =
            StateWrite { key: self.names.retry(position), value: Some(records::write(&retry)?), expect: Expect::Any };
        self.settle(position, vec![write]).await?;
        self.failing.insert(position, Failing { retry, delivered: false });
        Ok(Retried::At(due))
    }

    /// The work cannot be done; an operator sees it among the dead letters and may replay it.
    ///
    /// # Errors
    /// The store failed; then the event is delivered again after the consumer is opened again.
    pub async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), StoreError> {
        let position = delivery.committed.position;
        let parked =
            records::ParkedRecord { attempts: delivery.attempt, at: self.ports.clock.now(), reason: reason.to_owned() };
        let put =
            StateWrite { key: self.names.parked(position), value: Some(records::write(&parked)?), expect: Expect::Any };
        let delete = StateWrite { key: self.names.retry(position), value: None, expect: Expect::Any };
        self.settle(position, vec![put, delete]).await?;
        self.failing.remove(&position);
        Ok(())
    }

    /// Writes down what was acknowledged.
    ///
    /// # Errors
    /// `Conflict` if another consumer of this name is at work, or the store failed.
    pub async fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.write_with(Vec::new()).await
    }

    /// When the next retry is due, if any waits.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.failing.values().filter(|failing| !failing.delivered).map(|failing| failing.retry.due).min()
    }

    /// Tells when an operator has asked for replays, so that the next batch can be asked for.
    #[must_use]
    pub fn replays(&self) -> BoxStream<'static, StateChange> {
        self.ports.state.watch(&self.names.replays())
    }

    async fn load_retries(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.ports.state.scan(&self.scope, &self.names.retries(), after.as_ref(), PAGE).await?;
            for (key, found) in &page {
                let retry = records::read::<Retry>(&found.value)?;
                self.failing.insert(records::position(key)?, Failing { retry, delivered: false });
            }
            match page.last() {
                Some((key, _)) => after = Some(key.clone()),
                None => return Ok(()),
            }
        }
    }

    /// Takes over what an operator wants replayed.
    async fn take_replays(&mut self) -> Result<(), StoreError> {
        for (key, found) in self.ports.state.scan(&self.scope, &self.names.replays(), None, PAGE).await? {
            let position = records::position(&key)?;
            let asked = records::read::<Replay>(&found.value)?.at;
            let retry = Retry { attempt: 0, due: asked, since: self.ports.clock.now() };
            let put = StateWrite {
                key: self.names.retry(position),
                value: Some(records::write(&retry)?),
                expect: Expect::Any,
            };
            let delete = StateWrite { key, value: None, expect: Expect::Version(found.version) };
            self.ports.state.commit(&self.scope, vec![put, delete]).await?;
            self.failing.insert(position, Failing { retry, delivered: false });
        }
        Ok(())
    }

    /// Delivers an event again; nothing if it is no longer there.
    async fn deliver_again(&mut self, position: Position) -> Result<Option<Delivery>, StoreError> {
        let before = Position(position.0.saturating_sub(1));
        let found = self.ports.log.read_tenant(&self.scope, before, 1).await?;
        let found = found.into_iter().next().filter(|committed| committed.position == position);
        let (Some(committed), Some(failing)) = (found, self.failing.get_mut(&position)) else {
            self.failing.remove(&position);
            self.done.push(position);
            return Ok(None);
        };
        failing.delivered = true;
        let (attempt, since) = (failing.retry.attempt.saturating_add(1), failing.retry.since);
        // A replay starts anew: it has not failed yet.
        let failing_since = (failing.retry.attempt > 0).then_some(since);
        Ok(Some(Delivery { committed, attempt, failing_since }))
    }

    /// Writes what settles an event in another way than by its success.
    async fn settle(&mut self, position: Position, writes: Vec<StateWrite>) -> Result<(), StoreError> {
        let was_out = self.out.remove(&position);
        let written = self.write_with(writes).await;
        if written.is_err() && was_out {
            self.out.insert(position);
        }
        written
    }

    /// Writes the cursor, deletes the records of retries that succeeded, and makes `writes`, all at once.
    async fn write_with(&mut self, mut writes: Vec<StateWrite>) -> Result<(), StoreError> {
        let first_out = self.out.first().map(|position| Position(position.0.saturating_sub(1)));
        let cursor = first_out.unwrap_or(self.read);
        let moved = cursor != self.kept.1;
        if moved {
            writes.push(StateWrite {
                key: self.names.cursor(),
                value: Some(records::write(&Cursor { position: cursor })?),
                expect: self.kept.0.map_or(Expect::Absent, Expect::Version),
            });
        }
        let done =
            |position: &Position| StateWrite { key: self.names.retry(*position), value: None, expect: Expect::Any };
        writes.extend(self.done.iter().map(done));
        if writes.is_empty() {
            return Ok(());
        }
        self.ports.state.commit(&self.scope, writes).await?;
        self.done.clear();
        if moved {
            let found = self.ports.state.get(&self.scope, &self.names.cursor()).await?;
            self.kept = (found.map(|found| found.version), cursor);
        }
        Ok(())
    }
}
