//! A lane: it takes the notifications of some of a tenant's devices of one kind to their provider, batch by
//! batch. A lane owns what it holds, so that nothing in it is locked; a slow provider makes its own lanes
//! wait and no others.
//!
//! What is in memory alone is waited for by the consumer of the log, so that a crash has it decided again.
//! What has to wait longer is written down, and nobody waits for it any more. Where more comes than a lane
//! holds, the rest is written down at once and read again in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use warbler_domain::{
    Expect, HookError, Notification, PushOutcome, StateKey, StateWrite, TenantId, TenantScope, Timestamp,
};

use super::health::Health;
use super::job::{self, Held, Job, Ticket};
use super::queue::{Put, Queue, Replaced};
use super::rule::Quota;
use super::story::{Dropped, Note, PushStep};
use super::work::PushWork;
use crate::{ServiceError, records};

/// Most notifications of a batch, as the contract says.
const BATCH: usize = 100;

/// Jobs that a lane holds in memory: beyond `MOST` they are written down, below `LEAST` they are read again.
const MOST: usize = 20_000;
const LEAST: usize = 5_000;

/// Jobs read at a time.
const PAGE: usize = 512;

/// How long a lane waits before it looks at its clock again, which may have been set: with nothing to do, and
/// with something that is not due.
const LOOK: Duration = Duration::from_mins(1);
const GLANCE: Duration = Duration::from_secs(1);

/// What a lane is told.
pub(super) enum Order {
    /// Jobs that are to be delivered.
    Deliver(Vec<Held>),
    /// What somebody waits for with this ticket is to be written down.
    Keep(Arc<Ticket>),
}

/// The way into a lane.
#[derive(Clone)]
pub(super) struct Tube(mpsc::UnboundedSender<Order>);

impl Tube {
    pub(super) fn send(&self, order: Order) {
        // That nobody listens means that the service is closing. Not bounded, because whoever sends waits
        // for what it sent.
        let _ = self.0.send(order);
    }
}

/// One lane.
pub(super) struct Lane {
    pub(super) work: Arc<PushWork>,
    pub(super) scope: TenantScope,
    pub(super) kind: String,
    pub(super) number: usize,
    pub(super) queue: Queue,
    pub(super) health: Arc<Health>,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Whether there may be jobs in state that are not in memory.
    overflowed: bool,
    /// Where reading them goes on.
    read: Option<StateKey>,
    /// Batches that failed as a whole, one after the other.
    pub(super) failures: u32,
    /// Notifications of the next batch: fewer after a failure, to find out which one it is.
    pub(super) batch: usize,
    /// Nothing is handed over before this.
    pub(super) paused_until: Timestamp,
}

/// A batch that is with its provider.
pub(super) struct Flight {
    pub(super) provider: String,
    pub(super) jobs: Vec<Held>,
}

/// What came of it.
pub(super) type Landed = Result<Vec<PushOutcome>, HookError>;

impl Lane {
    /// Opens a lane, which works until the service stops.
    pub(super) fn open(work: &Arc<PushWork>, tenant: TenantId, kind: &str, number: usize) -> Tube {
        let (tube, orders) = mpsc::unbounded_channel();
        let lane = Self {
            work: Arc::clone(work),
            scope: TenantScope::own_work(tenant),
            kind: kind.to_owned(),
            number,
            queue: Queue::default(),
            health: work.health(tenant, kind),
            orders,
            overflowed: true,
            read: None,
            failures: 0,
            batch: BATCH,
            paused_until: Timestamp::default(),
        };
        work.core.tasks.spawn(lane.run());
        Tube(tube)
    }

    async fn run(mut self) {
        // What was kept before the service started goes first.
        self.read_more().await;
        loop {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order).await;
            }
            self.read_more().await;
            let now = self.work.core.now();
            let wait = match self.begin(now).await {
                Ok(Some((flight, landing))) => {
                    self.follow(flight, landing).await;
                    continue;
                }
                Ok(None) => LOOK,
                Err(wait) => wait.min(GLANCE),
            };
            let due = self.queue.wake(now).filter(|_| self.queue.is_idle());
            let wait = due.map_or(wait, |due| wait.min(due.since(now)).min(GLANCE));
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                // Never nothing, so that a clock that stands still is not asked in a circle.
                () = sleep(wait.max(Duration::from_millis(5))) => {}
            }
        }
    }

    /// Hands the next batch over; nothing if there is nothing to hand over, or how long to wait.
    async fn begin(&mut self, now: Timestamp) -> Result<Option<(Flight, AbortOnDropHandle<Landed>)>, Duration> {
        self.queue.wake(now);
        if self.queue.is_idle() {
            return Ok(None);
        }
        if self.paused_until > now {
            return Err(self.paused_until.since(now));
        }
        let tenant = self.scope.tenant();
        let provider = self.work.provider(tenant, &self.kind);
        let wanted = self.queue.ready().min(self.batch);
        let quota = match &provider {
            Some(provider) => self.quota(&provider.plugin, &provider.config).await,
            None => None,
        };
        let count = match (&provider, quota) {
            (Some(provider), Some(quota)) => {
                self.work.quotas.take(tenant, &provider.plugin, quota, wanted).inspect_err(|_| {
                    self.health.throttled.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                })?
            }
            _ => wanted,
        };
        let jobs = self.queue.take(count);
        let (jobs, batch) = self.prepare(jobs, quota.is_some(), now).await;
        if batch.is_empty() {
            return Err(Duration::ZERO);
        }
        let Some(provider) = provider else {
            self.land_failed(Flight { provider: String::new(), jobs }, None).await;
            return Err(Duration::ZERO);
        };
        let hook = Arc::clone(&provider.hook);
        let task = tokio::spawn(async move { hook.deliver(&batch).await });
        Ok(Some((Flight { provider: provider.plugin, jobs }, AbortOnDropHandle::new(task))))
    }

    async fn quota(&self, plugin: &str, config: &str) -> Option<Quota> {
        let of_tenant = self.work.policy(&self.scope).await.ok().and_then(|policy| policy.quotas.get(plugin).copied());
        of_tenant.or_else(|| super::provider_quota(config))
    }

    /// Waits for a batch, and goes on taking orders meanwhile.
    async fn follow(&mut self, mut flight: Flight, mut landing: AbortOnDropHandle<Landed>) {
        let landed = loop {
            tokio::select! {
                landed = &mut landing => break landed,
                Some(order) = self.orders.recv() => {
                    if let Order::Keep(ticket) = &order {
                        let of_ticket = flight.jobs.iter_mut().filter(|held| is_of(held, ticket)).collect();
                        self.keep(of_ticket).await;
                    }
                    self.obey(order).await;
                }
            }
        };
        match landed {
            Ok(Ok(outcomes)) => self.land(flight, outcomes).await,
            Ok(Err(error)) => self.land_failed(flight, Some(error)).await,
            // The call panicked, which was reported where it did.
            Err(_) => {
                let error = HookError::Trapped { text: "the host failed while handing it over".to_owned() };
                self.land_failed(flight, Some(error)).await;
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Deliver(jobs) => self.deliver(jobs).await,
            Order::Keep(ticket) => {
                let mut queue = std::mem::take(&mut self.queue);
                self.keep(queue.of_ticket(&ticket).collect()).await;
                self.queue = queue;
            }
        }
        self.tell_waiting();
    }

    fn tell_waiting(&self) {
        let waiting = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        self.health.waiting.store(waiting, std::sync::atomic::Ordering::Relaxed);
    }

    async fn deliver(&mut self, jobs: Vec<Held>) {
        if self.overflowed || self.queue.len() >= MOST {
            self.overflow(jobs).await;
            return;
        }
        let now = self.work.core.now();
        for held in jobs {
            self.put(held, now).await;
        }
    }

    async fn put(&mut self, held: Held, now: Timestamp) {
        match self.queue.put(held, now) {
            Put::Lined => {}
            Put::Known(mut held) => held.release(),
            Put::InPlaceOf(replaced) => self.replaced(replaced).await,
        }
    }

    /// Writes jobs down instead of holding them.
    async fn overflow(&mut self, mut jobs: Vec<Held>) {
        let first = jobs.iter().map(|held| job::job_key(&held.job, self.number)).min();
        self.keep(jobs.iter_mut().collect()).await;
        self.overflowed = true;
        // One that is decided again may lie before what was read.
        if let (Some(read), Some(first)) = (&self.read, first)
            && first <= *read
        {
            self.read = None;
        }
    }

    /// Reads jobs from state, if there are some and there is room.
    async fn read_more(&mut self) {
        while self.overflowed && self.queue.len() < LEAST {
            let prefix = job::lane_prefix(&self.kind, self.number);
            let found = self.work.core.ports.state.scan(&self.scope, &prefix, self.read.as_ref(), PAGE).await;
            let page = match found {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(tenant = %self.scope.tenant(), kind = self.kind, %error, "kept notifications could not be read");
                    return;
                }
            };
            let Some((last, _)) = page.last() else {
                (self.overflowed, self.read) = (false, None);
                return;
            };
            self.read = Some(last.clone());
            let now = self.work.core.now();
            for (key, kept) in page {
                let Ok(job) = records::decode::<Job>(&kept, "push job") else {
                    tracing::error!(?key, "a kept notification cannot be read");
                    continue;
                };
                let held = Held { job, event: None, ticket: None, stored: true, came: now, throttled: false };
                self.put(held, now).await;
            }
        }
    }

    /// Writes jobs down, so that nobody has to wait for them any longer.
    pub(super) async fn keep(&self, mut jobs: Vec<&mut Held>) {
        let writes = jobs.iter().filter(|held| !held.stored).map(|held| self.job_write(&held.job)).collect();
        let is_kept = self.commit(writes).await;
        for held in &mut jobs {
            if is_kept {
                held.stored = true;
                held.release();
            } else if let Some(ticket) = &held.ticket {
                ticket.fail();
            }
        }
    }

    pub(super) fn job_write(&self, job: &Job) -> Result<StateWrite, ServiceError> {
        records::put(job::job_key(job, self.number), job, Expect::Any)
    }

    pub(super) fn job_deletion(&self, job: &Job) -> StateWrite {
        records::delete(job::job_key(job, self.number), Expect::Any)
    }

    /// Commits writes; `false` if that failed.
    pub(super) async fn commit(&self, writes: Vec<Result<StateWrite, ServiceError>>) -> bool {
        let writes: Result<Vec<_>, _> = writes.into_iter().collect();
        let done = match writes {
            Ok(writes) if writes.is_empty() => return true,
            Ok(writes) => self.work.core.ports.state.commit(&self.scope, writes).await.map_err(ServiceError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            tracing::warn!(tenant = %self.scope.tenant(), kind = self.kind, %error, "notifications could not be kept");
        }
        done.is_ok()
    }

    /// A newer job took the place of an older one.
    pub(super) async fn replaced(&mut self, replaced: Replaced) {
        let Replaced { mut old, by } = replaced;
        self.note(&old.job, PushStep::Collapsed { into: by });
        if old.stored {
            self.commit(vec![Ok(self.job_deletion(&old.job))]).await;
        }
        old.release();
    }

    /// A job that was never handed over came to nothing.
    pub(super) async fn dropped(&self, mut held: Held, why: Dropped) {
        self.note(&held.job, PushStep::Dropped { why });
        if held.stored {
            self.commit(vec![Ok(self.job_deletion(&held.job))]).await;
        }
        held.release();
    }

    pub(super) fn note(&self, job: &Job, step: PushStep) {
        let at = self.work.core.now();
        let note = Note { user: job.user, endpoint: Some(job.endpoint), kind: Some(job.kind.clone()), at, step };
        self.work.book.note(self.scope.tenant(), job.message, note);
    }

    /// What is left of a batch once its jobs were looked at again, as the provider gets it.
    async fn prepare(&mut self, jobs: Vec<Held>, throttled: bool, now: Timestamp) -> (Vec<Held>, Vec<Notification>) {
        let (mut left, mut batch) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
        for mut held in jobs {
            held.throttled |= throttled && now.since(held.came) > Duration::from_secs(1);
            match super::compose::compose(&self.work, &self.scope, &held, now).await {
                Ok(Ok(notification)) => {
                    batch.push(notification);
                    left.push(held);
                }
                Ok(Err(why)) => {
                    self.queue.settled(&held, now);
                    if why == Dropped::Expired && held.job.attempt > 0 {
                        self.give_up(held, "it came to its end before the provider took it").await;
                    } else {
                        self.dropped(held, why).await;
                    }
                }
                Err(error) => {
                    let tenant = self.scope.tenant();
                    tracing::warn!(%tenant, kind = self.kind, %error, "a notification could not be composed");
                    held.job.due = now.after(Duration::from_secs(5));
                    if let Some(replaced) = self.queue.again(held, now) {
                        self.replaced(replaced).await;
                    }
                }
            }
        }
        (left, batch)
    }
}

fn is_of(held: &Held, ticket: &Arc<Ticket>) -> bool {
    held.ticket.as_ref().is_some_and(|of| Arc::ptr_eq(of, ticket))
}
