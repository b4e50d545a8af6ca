//! The driver of one kind of work in one tenant.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::task::{Id, JoinError, JoinSet};
use warbler_domain::{ConversationId, StoreError, TenantScope};
use warbler_store::{Consumer, ConsumerPorts, Delivery};

use super::bells::Bell;
use super::{Handled, Work};

/// Events that one driver holds in memory at most, those that wait for their conversation included.
const WINDOW: usize = 1_024;

/// Events read at a time.
const BATCH: usize = 128;

/// How long what is settled may stay unwritten; after a crash so much is handled once more.
const CHECKPOINT: Duration = Duration::from_millis(250);

/// The pauses after the store failed.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Drives one kind of work in one tenant.
pub(super) struct Driver {
    pub(super) ports: ConsumerPorts,
    pub(super) scope: TenantScope,
    pub(super) work: Work,
    pub(super) bell: Arc<Bell>,
}

impl Driver {
    /// Works until the tenant is gone or the store is closed.
    pub(super) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let failed = match Round::open(&self).await {
                Ok(mut round) => {
                    pause = FIRST_PAUSE;
                    round.work().await
                }
                Err(error) => error,
            };
            let (consumer, tenant) = (self.work.name, self.scope.tenant());
            match failed {
                StoreError::NoKey | StoreError::Closed => return,
                error => tracing::warn!(consumer, %tenant, %error, "a durable consumer stopped; it starts again"),
            }
            // Spread, so that what failed together does not come back together.
            let spread = self.ports.ids.next().as_u64_pair().1 % 100;
            tokio::time::sleep(pause.mul_f64(1.0 + f64::from(u32::try_from(spread).unwrap_or(0)) / 100.0)).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

/// The work from one opening of the consumer to the store's next failure.
struct Round<'a> {
    driver: &'a Driver,
    consumer: Consumer,
    running: JoinSet<Handled>,
    /// What is being handled.
    by_task: HashMap<Id, Delivery>,
    /// Conversations of which an event is being handled.
    busy: HashSet<ConversationId>,
    /// Events that wait for others of their conversation, or for a free hand.
    waiting: VecDeque<Delivery>,
    /// Whether something was settled and is not written down.
    unwritten: bool,
}

/// Why the driver woke up.
enum Woken {
    /// There may be something to read.
    Read,
    /// A handler ended.
    Ended(Result<(Id, Handled), JoinError>),
    /// What was settled is to be written down.
    Checkpoint,
}

impl<'a> Round<'a> {
    async fn open(driver: &'a Driver) -> Result<Self, StoreError> {
        let consumer =
            Consumer::open(driver.ports.clone(), driver.scope, driver.work.name, driver.work.backoff).await?;
        Ok(Self {
            driver,
            consumer,
            running: JoinSet::new(),
            by_task: HashMap::new(),
            busy: HashSet::new(),
            waiting: VecDeque::new(),
            unwritten: false,
        })
    }

    /// Works until the store fails. Handlers that run then are stopped; their events come again.
    async fn work(&mut self) -> StoreError {
        let tenant = self.driver.scope.tenant();
        let mut replays = self.consumer.replays().filter(move |change| std::future::ready(change.tenant == tenant));
        let mut read = true;
        loop {
            if read && let Err(error) = self.read().await {
                return error;
            }
            self.begin();
            let due = self.until_due();
            let woken = tokio::select! {
                Some(ended) = self.running.join_next_with_id() => Woken::Ended(ended),
                () = self.driver.bell.rung() => Woken::Read,
                Some(_) = replays.next() => Woken::Read,
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => Woken::Read,
                () = tokio::time::sleep(CHECKPOINT), if self.unwritten => Woken::Checkpoint,
            };
            let was_full = self.held() >= WINDOW;
            let done = match woken {
                Woken::Read => {
                    read = true;
                    Ok(())
                }
                Woken::Ended(ended) => {
                    read = was_full;
                    self.settle(ended).await
                }
                Woken::Checkpoint => {
                    (read, self.unwritten) = (false, false);
                    self.consumer.checkpoint().await
                }
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    fn held(&self) -> usize {
        self.waiting.len() + self.by_task.len()
    }

    /// Time until the next retry is due. Never nothing, so that a clock that stands still is not asked in a
    /// circle.
    fn until_due(&self) -> Option<Duration> {
        let due = self.consumer.next_due()?;
        Some(due.since(self.driver.ports.clock.now()).max(Duration::from_millis(5)))
    }

    /// Takes what there is, as far as it can be held.
    async fn read(&mut self) -> Result<(), StoreError> {
        if let Some(passed) = self.driver.bell.take_passed() {
            self.consumer.pass(passed);
        }
        loop {
            let limit = WINDOW.saturating_sub(self.held()).min(BATCH);
            if limit == 0 {
                return Ok(());
            }
            let batch = self.consumer.next_batch(limit).await?;
            self.unwritten = false;
            let is_last = batch.len() < limit;
            for delivery in batch {
                if self.driver.work.handler.wants(&delivery.committed) {
                    self.waiting.push_back(delivery);
                } else {
                    self.consumer.ack(&delivery);
                    self.unwritten = true;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Has events handled, as many as may be at a time, each conversation's in order.
    fn begin(&mut self) {
        let (mut at, mut passed) = (0, HashSet::new());
        while self.by_task.len() < self.driver.work.at_once {
            let Some(delivery) = self.waiting.get(at) else { break };
            let conversation = delivery.committed.event.conversation;
            if self.busy.contains(&conversation) || passed.contains(&conversation) {
                passed.insert(conversation);
                at += 1;
                continue;
            }
            let Some(delivery) = self.waiting.remove(at) else { break };
            self.busy.insert(conversation);
            let (handler, scope) = (Arc::clone(&self.driver.work.handler), self.driver.scope);
            let of_task = delivery.clone();
            let task = self.running.spawn(async move { handler.handle(&scope, &of_task).await });
            self.by_task.insert(task.id(), delivery);
        }
    }

    async fn settle(&mut self, ended: Result<(Id, Handled), JoinError>) -> Result<(), StoreError> {
        let (id, handled) = match ended {
            Ok(ended) => ended,
            // Its panic was reported by the panic hook; what it was doing is not tried blindly again.
            Err(error) => (error.id(), Handled::Park { reason: "the host failed while handling it".to_owned() }),
        };
        let Some(delivery) = self.by_task.remove(&id) else { return Ok(()) };
        self.busy.remove(&delivery.committed.event.conversation);
        let (consumer, position) = (self.driver.work.name, delivery.committed.position.0);
        let outcome = match handled {
            Handled::Done => {
                self.consumer.ack(&delivery);
                self.unwritten = true;
                "done"
            }
            Handled::Retry { reason, after } => {
                let retried = self.consumer.retry(&delivery, &reason, after).await?;
                tracing::info!(consumer, position, reason, ?retried, "a durable consumer failed at an event");
                "failed"
            }
            Handled::Park { reason } => {
                self.consumer.park(&delivery, &reason).await?;
                tracing::warn!(consumer, position, reason, "a durable consumer gave an event up");
                "parked"
            }
        };
        metrics::counter!("consumer_events_total", "consumer" => consumer, "outcome" => outcome).increment(1);
        Ok(())
    }
}
