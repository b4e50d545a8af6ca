//! Counters of one installation: for the console, and for whoever collects metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;
use warbler_domain::{HookError, InstallationId, TenantId};

/// Counts calls, failures and instances. The recorder's handles are looked up once, not per call.
pub(crate) struct Meter {
    tenant: String,
    installation: String,
    calls: AtomicU64,
    failures: AtomicU64,
    instances: AtomicU64,
    made: Counter,
    thrown_away: Counter,
}

impl Meter {
    pub(crate) fn new(tenant: TenantId, installation: InstallationId) -> Self {
        let (tenant, installation) = (tenant.to_string(), installation.to_string());
        let labels = [("tenant", tenant.clone()), ("installation", installation.clone())];
        Self {
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            instances: AtomicU64::new(0),
            made: metrics::counter!("hook.instances.made", &labels),
            thrown_away: metrics::counter!("hook.instances.thrown_away", &labels),
            tenant,
            installation,
        }
    }

    /// A call was answered. How long it took is measured by whoever made it.
    pub(crate) fn answered(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call failed.
    pub(crate) fn failed(&self, error: &HookError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let labels = [
            ("tenant", self.tenant.clone()),
            ("installation", self.installation.clone()),
            ("code", error.code().to_owned()),
        ];
        metrics::counter!("hook.content_filter.check.failures", &labels).increment(1);
    }

    pub(crate) fn made(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
        self.made.increment(1);
    }

    pub(crate) fn thrown_away(&self) {
        self.thrown_away.increment(1);
    }

    /// Calls answered, calls failed, instances made.
    pub(crate) fn read(&self) -> [u64; 3] {
        [&self.calls, &self.failures, &self.instances].map(|counter| counter.load(Ordering::Relaxed))
    }
}
