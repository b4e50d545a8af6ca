//! How patiently a sink is asked again.

use std::time::Duration;

/// How often and how soon a call of a sink is repeated that failed for the time being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Calls in all.
    pub attempts: u32,
    /// The pause after the first one; it doubles with each further one.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for Patience {
    /// Some three minutes in all: a sink that restarts is back by then.
    fn default() -> Self {
        Self { attempts: 9, first: Duration::from_millis(500), longest: Duration::from_mins(1) }
    }
}

impl Patience {
    /// The pause after the call number `attempt`, from 1.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest)
    }
}
