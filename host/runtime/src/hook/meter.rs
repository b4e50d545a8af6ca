//! Counters of one hook of one installation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::Histogram;
use warbler_domain::{HookError, HookKind, InstallationId, TenantId};

/// The name of a hook's metrics and log lines, which follow the path in the contract.
const fn path(hook: HookKind) -> &'static str {
    match hook {
        HookKind::ContentFilter => "hook.content_filter.check",
        HookKind::Agent => "hook.agent.reply",
        HookKind::Push => "hook.push.deliver",
        HookKind::BackupSink => "hook.backup_sink",
    }
}

/// Counts the calls of one hook and their failures.
pub(crate) struct HookMeter {
    hook: HookKind,
    labels: [(&'static str, String); 2],
    calls: AtomicU64,
    failures: AtomicU64,
    seconds: Histogram,
}

impl HookMeter {
    pub(super) fn new(hook: HookKind, tenant: TenantId, installation: InstallationId) -> Self {
        let labels = [("tenant", tenant.to_string()), ("installation", installation.to_string())];
        let seconds = metrics::histogram!(format!("{}.seconds", path(hook)), &labels);
        Self { hook, labels, calls: AtomicU64::new(0), failures: AtomicU64::new(0), seconds }
    }

    /// A call was answered after `took`.
    pub(super) fn answered(&self, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.seconds.record(took);
    }

    /// A call failed after `took`.
    pub(super) fn failed(&self, error: &HookError, took: Duration) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.seconds.record(took);
        let [tenant, installation] = self.labels.clone();
        let labels = [tenant, installation, ("code", error.code().to_owned())];
        metrics::counter!(format!("{}.failures", path(self.hook)), &labels).increment(1);
    }

    /// Calls answered, calls failed.
    pub(crate) fn read(&self) -> [u64; 2] {
        [&self.calls, &self.failures].map(|counter| counter.load(Ordering::Relaxed))
    }
}
