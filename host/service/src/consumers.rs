//! Durable consumers at work: what is driven from the log after the commit. Each [`Work`] gets one driver per
//! tenant, which reads the tenant's log from its own cursor, hands events to a [`Handler`], tries again what
//! failed, and parks what never succeeds. How cursors are kept is the store's affair; what the work is, its
//! handler's.
//!
//! - **At least once.** An event is settled when its handler has said what came of it; until then a crash has
//!   it delivered again. A handler must recognise what it has done already, by the event's identifiers.
//! - **In order within a conversation**, while nothing fails: of one conversation one event is handled at a
//!   time. Different conversations go side by side, at most [`Work::at_once`] in each tenant.
//! - **Nothing to do costs nothing**: an event that [`Handler::wants`] not is passed over in memory.
//! - A tenant that is added gets its drivers; a removed one loses them.
//!
//! To add work, implement [`Handler`], and hand a [`Work`] to [`Consumers::add`] where the service starts.

mod bells;
mod driver;
mod letters;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use warbler_domain::{Committed, StateChange, TenantId, TenantScope};
use warbler_store::{Backoff, ConsumerPorts, Delivery};

use bells::{Bell, Bells};
pub use letters::{DeadLetter, LetterQuery, Letters};

use crate::ports::Tasks;
use crate::{Ports, records};

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is done, or there is nothing to do.
    Done,
    /// It failed, and may succeed later.
    Retry {
        /// Why, for an operator: nothing secret, nothing of a message's content.
        reason: String,
        /// Not before this time has passed; the backoff alone decides if absent.
        after: Option<Duration>,
    },
    /// It will never succeed: an operator sees it among the dead letters.
    Park {
        /// Why, as above.
        reason: String,
    },
}

/// Works on the events of a tenant's log.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Whether there is anything to do about an event. Asked for every commit of the host, from the task that
    /// follows the log: it must answer from memory, at once.
    fn wants(&self, committed: &Committed) -> bool;
    /// Works on an event that [`wants`](Self::wants) named. The future is dropped when the tenant is removed
    /// and when the host stops; then the event comes again.
    async fn handle(&self, scope: &TenantScope, delivery: &Delivery) -> Handled;
}

/// A kind of work.
#[derive(Clone)]
pub struct Work {
    /// Its name, under which its cursors and dead letters are kept: a lower-case word.
    pub name: &'static str,
    /// How it is tried again, and for how long.
    pub backoff: Backoff,
    /// Most events that are handled at a time in one tenant.
    pub at_once: usize,
    /// Who does it.
    pub handler: Arc<dyn Handler>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({})", self.name)
    }
}

/// The durable consumers of all tenants. Clones are the same.
#[derive(Clone)]
pub struct Consumers {
    inner: Arc<Inner>,
}

struct Inner {
    ports: ConsumerPorts,
    tasks: Tasks,
    bells: Bells,
    present: Mutex<Present>,
}

#[derive(Default)]
struct Present {
    works: Vec<Work>,
    /// What stops the drivers of each tenant.
    tenants: HashMap<TenantId, CancellationToken>,
}

impl fmt::Debug for Consumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumers")
    }
}

impl Consumers {
    /// No work yet.
    pub(crate) fn new(ports: &Ports, tasks: &Tasks) -> Self {
        let consumer = ConsumerPorts {
            log: Arc::clone(&ports.log),
            state: Arc::clone(&ports.state),
            clock: Arc::clone(&ports.clock),
            ids: Arc::clone(&ports.ids),
        };
        let (bells, present) = (Bells::default(), Mutex::default());
        Self { inner: Arc::new(Inner { ports: consumer, tasks: tasks.clone(), bells, present }) }
    }

    /// Has `work` done from now on, in every tenant. A name may be given once.
    pub fn add(&self, work: Work) {
        let mut present = self.inner.present.lock();
        for (tenant, stop) in &present.tenants {
            self.inner.drive(*tenant, stop, &work);
        }
        present.works.push(work);
    }

    /// The names of all work.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.inner.present.lock().works.iter().map(|work| work.name).collect()
    }

    /// Starts the drivers of `tenants`, and of those that are added later. `log` must have been followed from
    /// before the first of them is read.
    pub(crate) fn start(&self, tenants: &[TenantId], mut log: BoxStream<'static, Arc<[Committed]>>) {
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move {
            while let Some(batch) = log.next().await {
                inner.bells.ring(&batch);
            }
        });
        let (inner, mut changes) =
            (Arc::clone(&self.inner), self.inner.ports.state.watch(&records::under("tenant", &[])));
        self.inner.tasks.spawn(async move {
            while let Some(change) = changes.next().await {
                inner.on_tenant(&change);
            }
        });
        for tenant in tenants {
            self.inner.begin(*tenant);
        }
    }
}

impl Inner {
    fn on_tenant(self: &Arc<Self>, change: &StateChange) {
        let Ok(tenant) = change.key.last().parse() else { return };
        if change.value.is_some() {
            self.begin(tenant);
        } else {
            self.end(tenant);
        }
    }

    /// Starts a tenant's drivers, unless they run.
    fn begin(self: &Arc<Self>, tenant: TenantId) {
        let mut present = self.present.lock();
        if present.tenants.contains_key(&tenant) {
            return;
        }
        let stop = CancellationToken::new();
        for work in &present.works {
            self.drive(tenant, &stop, work);
        }
        present.tenants.insert(tenant, stop);
    }

    fn end(&self, tenant: TenantId) {
        if let Some(stop) = self.present.lock().tenants.remove(&tenant) {
            stop.cancel();
        }
        self.bells.forget(tenant);
    }

    fn drive(self: &Arc<Self>, tenant: TenantId, stop: &CancellationToken, work: &Work) {
        let bell = Arc::new(Bell::new(Arc::clone(&work.handler)));
        self.bells.hang(tenant, Arc::clone(&bell));
        let driver = driver::Driver {
            ports: self.ports.clone(),
            scope: TenantScope::own_work(tenant),
            work: work.clone(),
            bell,
        };
        let stop = stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = driver.run() => {}
            }
        });
    }
}

#[cfg(test)]
mod tests;
