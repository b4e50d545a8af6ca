//! Counters of one installation: for the console, and for whoever collects metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};
use warbler_domain::{HookError, InstallationId, TenantId};

/// Counts calls, failures and instances. The recorder's handles are looked up once, not per call.
pub(crate) struct Meter {
    tenant: String,
    installation: String,
    calls: AtomicU64,
    failures: AtomicU64,
    instances: AtomicU64,
    seconds: Histogram,
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
            seconds: metrics::histogram!("hook.content_filter.check.seconds", &labels),
            made: metrics::counter!("hook.instances.made", &labels),
            thrown_away: metrics::counter!("hook.instances.thrown_away", &labels),
            tenant,
            installation,
        }
    }

    /// A call was answered after `took`.
    pub(crate) fn answered(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.seconds.record(took);
    }

    /// A call failed after `took`.
    pub(crate) fn failed(&self, error: &HookError, took: Duration) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.seconds.record(took);
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
