//! Bells: how a driver learns that there is something for it in the log, without reading it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;
use warbler_domain::{Committed, TenantId};

use super::Handler;

/// Events that are passed over before a driver is woken to move its cursor past them: as many as it reads
/// again for nothing after a restart.
const PASSED: u32 = 512;

/// One driver's bell.
pub(super) struct Bell {
    handler: Arc<dyn Handler>,
    passed: AtomicU32,
    notify: Notify,
}

impl Bell {
    pub(super) fn new(handler: Arc<dyn Handler>) -> Self {
        Self { handler, passed: AtomicU32::new(0), notify: Notify::new() }
    }

    /// Waits until it was rung. It keeps one ring for who comes late.
    pub(super) async fn rung(&self) {
        self.notify.notified().await;
    }

    fn hear(&self, committed: &Committed) {
        if self.handler.wants(committed) || self.passed.fetch_add(1, Ordering::Relaxed) >= PASSED {
            self.passed.store(0, Ordering::Relaxed);
            self.notify.notify_one();
        }
    }
}

/// The bells of all tenants.
#[derive(Default)]
pub(super) struct Bells {
    hung: RwLock<HashMap<TenantId, Vec<Arc<Bell>>>>,
}

impl Bells {
    pub(super) fn hang(&self, tenant: TenantId, bell: Arc<Bell>) {
        self.hung.write().entry(tenant).or_default().push(bell);
    }

    pub(super) fn forget(&self, tenant: TenantId) {
        self.hung.write().remove(&tenant);
    }

    /// Rings for those who want something of `batch`.
    pub(super) fn ring(&self, batch: &[Committed]) {
        let hung = self.hung.read();
        for committed in batch {
            for bell in hung.get(&committed.tenant).into_iter().flatten() {
                bell.hear(committed);
            }
        }
    }
}
