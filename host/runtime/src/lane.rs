//! Lanes: how guests that compute for long share the processor. A guest's first millisecond is free;
//! after it, each further one needs a place in its tenant's lanes and in those of all tenants, taken in
//! turn. So a tenant with many runaways delays itself, and the host's own tasks always come by.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hook::Places;
use crate::options::Share;

/// What one tenant's installations share.
pub(crate) struct TenantShare {
    /// Calls that run.
    pub(crate) calls: Semaphore,
    /// The same for hooks after the commit.
    pub(crate) places: Places,
    lanes: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl TenantShare {
    /// A tenant's share, beside the lanes of `all` tenants.
    pub(crate) fn new(share: &Share, all: Arc<Semaphore>) -> Self {
        Self {
            calls: Semaphore::new(share.tenant.max(1)),
            places: Places::of_tenant(share),
            lanes: Arc::new(Semaphore::new(share.tenant_lanes.max(1))),
            all,
        }
    }
}

type Held = Arc<Mutex<Option<[OwnedSemaphorePermit; 2]>>>;

/// One instance's turn in the lanes.
pub(crate) struct Turn {
    share: Arc<TenantShare>,
    held: Held,
}

impl Turn {
    pub(crate) fn new(share: Arc<TenantShare>) -> Self {
        Self { share, held: Held::default() }
    }

    /// Gives up the place, if one is held: the guest waits, or is done.
    pub(crate) fn leave(&self) {
        drop(self.held.lock().take());
    }

    /// Gives up the place, lets others run, and waits for the next one.
    pub(crate) fn next(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.leave();
        let (tenant, all) = (Arc::clone(&self.share.lanes), Arc::clone(&self.share.all));
        let held = Arc::clone(&self.held);
        Box::pin(async move {
            tokio::task::yield_now().await;
            // The tenant's lane first: who holds a common one never waits for anything but the processor.
            if let (Ok(own), Ok(common)) = (tenant.acquire_owned().await, all.acquire_owned().await) {
                *held.lock() = Some([own, common]);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns<const N: usize>(share: &Share, all: &Arc<Semaphore>) -> [Turn; N] {
        let tenant = Arc::new(TenantShare::new(share, Arc::clone(all)));
        std::array::from_fn(|_| Turn::new(Arc::clone(&tenant)))
    }

    /// Whether `turn` has its next place by the time that everybody ran who could.
    async fn comes(turn: &Turn) -> bool {
        let waiting = tokio::spawn(turn.next());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let came = waiting.is_finished();
        waiting.abort();
        came
    }

    #[tokio::test]
    async fn a_tenants_runaways_wait_for_each_other_and_no_other_tenant_waits_for_them() {
        let share = Share { tenant_lanes: 1, lanes: 2, ..Share::default() };
        let all = Arc::new(Semaphore::new(share.lanes));
        let [first, second] = turns(&share, &all);
        let [other] = turns(&share, &all);
        assert!(comes(&first).await);
        assert!(!comes(&second).await, "its tenant has one lane");
        assert!(comes(&other).await, "another tenant has its own");
        first.leave();
        assert!(comes(&second).await);
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_instance_is_gone() {
        let share = Share { tenant_lanes: 1, lanes: 1, ..Share::default() };
        let all = Arc::new(Semaphore::new(share.lanes));
        let [first] = turns(&share, &all);
        let [other] = turns(&share, &all);
        assert!(comes(&first).await);
        assert!(!comes(&other).await, "there is one lane for all");
        drop(first);
        assert!(comes(&other).await);
    }
}
