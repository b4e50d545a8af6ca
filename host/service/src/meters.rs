//! Counters and timings of the message path, named after it. Registered once, so that counting costs no
//! look-up.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Handles of the metrics.
pub(crate) struct Meters {
    /// `pipeline_send_total`: messages committed.
    pub(crate) committed: Counter,
    /// `pipeline_repeat_total`: sends that were repeated.
    pub(crate) repeated: Counter,
    /// `pipeline_held_total`: messages held.
    pub(crate) held: Counter,
    /// `pipeline_discarded_total`: messages discarded.
    pub(crate) discarded: Counter,
    /// `pipeline_rejected_total`: messages rejected.
    pub(crate) rejected: Counter,
    /// `pipeline_filter_seconds`: time that all filters took together.
    pub(crate) filter: Histogram,
    /// `pipeline_commit_seconds`: time from the append to its being durable.
    pub(crate) commit: Histogram,
    /// `sign_in_total` and `sign_in_failed_total`.
    pub(crate) sign_ins: Counter,
    pub(crate) sign_ins_failed: Counter,
    /// `sessions_cached`: sessions in memory.
    pub(crate) sessions: Gauge,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            committed: counter!("pipeline_send_total"),
            repeated: counter!("pipeline_repeat_total"),
            held: counter!("pipeline_held_total"),
            discarded: counter!("pipeline_discarded_total"),
            rejected: counter!("pipeline_rejected_total"),
            filter: histogram!("pipeline_filter_seconds"),
            commit: histogram!("pipeline_commit_seconds"),
            sign_ins: counter!("sign_in_total"),
            sign_ins_failed: counter!("sign_in_failed_total"),
            sessions: gauge!("sessions_cached"),
        }
    }
}
