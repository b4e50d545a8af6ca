//! Filters that keep failing: counted, and reported loudly to whoever has to act. None is ever switched
//! off for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use warbler_domain::{Clock, Feed, InstallationId, LogLevel, PluginLog, Signal, Strength, TenantId, TenantScope};

use crate::audit::{Actor, Audit, NewEntry};
use crate::ports::Tasks;

/// Failures in a row before anyone is alarmed: a single one may be a hiccup, and is in the log anyway.
const ALARM_AFTER: u32 = 3;

/// The time between two alarms about the same installation.
const ALARM_AGAIN: Duration = Duration::from_mins(1);

/// The failures of one installation.
#[derive(Debug, Default)]
pub(crate) struct Health {
    in_a_row: AtomicU32,
    in_all: AtomicU64,
    /// When the last alarm was raised, in milliseconds since the Unix epoch; 0 if never.
    alarmed_at: AtomicU64,
}

impl Health {
    /// Failures since the last success.
    pub(crate) fn in_a_row(&self) -> u32 {
        self.in_a_row.load(Ordering::Relaxed)
    }

    /// Failures since the host started.
    pub(crate) fn in_all(&self) -> u64 {
        self.in_all.load(Ordering::Relaxed)
    }

    pub(crate) fn succeeded(&self) {
        // Read first: writing the same zero for every message would make cores fight over the line.
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure. Whether an alarm is due, with the number of failures in a row.
    fn failed(&self, now_ms: u64) -> Option<u32> {
        self.in_all.fetch_add(1, Ordering::Relaxed);
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let last = self.alarmed_at.load(Ordering::Relaxed);
        let pause = u64::try_from(ALARM_AGAIN.as_millis()).unwrap_or(u64::MAX);
        let is_due = in_a_row >= ALARM_AFTER && (last == 0 || now_ms.saturating_sub(last) >= pause);
        // Of several calls that fail at once, one raises the alarm.
        let is_first = || self.alarmed_at.compare_exchange(last, now_ms.max(1), Ordering::Relaxed, Ordering::Relaxed);
        (is_due && is_first().is_ok()).then_some(in_a_row)
    }
}

/// Where alarms go: to the tenant's admins who are connected, and into the audit log.
#[derive(Clone)]
pub(crate) struct Alarms {
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
}

impl Alarms {
    /// Tells the admins `text` under the stable `code`, and records it, without making the caller wait.
    pub(crate) fn raise(&self, tenant: TenantId, code: &'static str, text: String, entry: NewEntry) {
        let alarms = self.clone();
        self.tasks.spawn(async move { alarms.report(tenant, code, text, entry).await });
    }

    /// As [`raise`](Self::raise), and returns when it is recorded.
    pub(crate) async fn report(&self, tenant: TenantId, code: &'static str, text: String, entry: NewEntry) {
        tracing::error!(%tenant, code, "{text}");
        let scope = TenantScope::own_work(tenant);
        if let Err(error) = self.audit.record(&scope, entry).await {
            tracing::error!(%tenant, %error, "an alarm was not recorded");
        }
        if let Err(error) = self.feed.publish(&scope, Signal::Alert { code: code.to_owned(), text }).await {
            tracing::error!(%tenant, %error, "an alarm did not reach the admins");
        }
    }
}

/// What watches over one installation.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) tenant: TenantId,
    pub(crate) installation: InstallationId,
    pub(crate) plugin: Arc<str>,
    pub(crate) health: Arc<Health>,
    pub(crate) log: Arc<dyn PluginLog>,
    pub(crate) alarms: Alarms,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({}, {:?})", self.installation, self.health)
    }
}

impl Watch {
    /// Takes note of a decision.
    pub(crate) fn decided(&self, verdict: Strength) {
        self.health.succeeded();
        // What passes is counted by the histogram of times alone, without looking a counter up.
        if verdict != Strength::Pass {
            let labels = [
                ("tenant", self.tenant.to_string()),
                ("plugin", self.plugin.to_string()),
                ("verdict", verdict.as_str().to_owned()),
            ];
            metrics::counter!("hook_content_filter_verdicts_total", &labels).increment(1);
        }
    }

    /// Takes note of a failed call: in the installation's log, in the metrics, and by an alarm if the
    /// installation keeps failing.
    pub(crate) fn failed(&self, code: &str, text: &str) {
        self.log.write(LogLevel::Error, &format!("a message was not checked: {text}"));
        let labels =
            [("tenant", self.tenant.to_string()), ("plugin", self.plugin.to_string()), ("code", code.to_owned())];
        metrics::counter!("hook_content_filter_failures_total", &labels).increment(1);
        let Some(in_a_row) = self.health.failed(self.alarms.clock.now().as_millis()) else { return };
        let alarm = format!(
            "the filter {} has failed {in_a_row} times in a row, its policy decides instead: {text}",
            self.plugin
        );
        let entry = NewEntry::new(Actor::Host, "plugin.failing")
            .subject("installation", &self.installation)
            .detail("plugin", self.plugin.to_string())
            .detail("code", code)
            .detail("failures-in-a-row", in_a_row);
        self.alarms.raise(self.tenant, "filter-failing", alarm, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_due_after_three_failures_in_a_row_and_then_once_a_minute() {
        let health = Health::default();
        assert_eq!([1_000, 1_001].map(|now| health.failed(now)), [None, None]);
        assert_eq!(health.failed(1_002), Some(3));
        assert_eq!(health.failed(1_003), None);
        assert_eq!(health.failed(61_001), None);
        assert_eq!(health.failed(61_002), Some(6));
    }

    #[test]
    fn a_success_begins_the_count_anew_but_not_the_sum() {
        let health = Health::default();
        assert_eq!([1, 2].map(|now| health.failed(now)), [None, None]);
        health.succeeded();
        assert_eq!([3, 4].map(|now| health.failed(now)), [None, None]);
        assert_eq!((health.in_a_row(), health.in_all()), (2, 4));
    }
}
