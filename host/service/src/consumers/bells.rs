//! Bells: how a driver learns that there is something for it in the log, and that there is nothing, without
//! reading it.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use warbler_domain::{Committed, Position, TenantId};

use super::Handler;

/// Events that are passed over before a driver is woken to move its cursor past them: as many as it reads
/// again for nothing after a restart.
const PASSED: u64 = 4_096;

/// One driver's bell.
pub(super) struct Bell {
    handler: Arc<dyn Handler>,
    passed: Mutex<Passed>,
    notify: Notify,
}

/// Events in a row that the handler did not want when they came: the oldest ones that the driver has not
/// taken note of.
#[derive(Default)]
struct Passed(Option<(Position, Position)>);

impl Passed {
    /// Adds the event at `position`, and gives the length of the row. After a gap, which the driver has to
    /// read, the row stays as it is.
    fn add(&mut self, position: Position) -> u64 {
        match &mut self.0 {
            Some((_, last)) if last.0.saturating_add(1) == position.0 => *last = position,
            Some(_) => {}
            none => *none = Some((position, position)),
        }
        self.0.map_or(0, |(first, last)| last.0.saturating_sub(first.0).saturating_add(1))
    }
}

impl Bell {
    pub(super) fn new(handler: Arc<dyn Handler>) -> Self {
        Self { handler, passed: Mutex::default(), notify: Notify::new() }
    }

    /// Events in a row that nobody needs to read, since the last time that it was asked.
    pub(super) fn take_passed(&self) -> Option<RangeInclusive<Position>> {
        let (first, last) = self.passed.lock().0.take()?;
        Some(first..=last)
    }

    /// Waits until it was rung. It keeps one ring for who comes late.
    pub(super) async fn rung(&self) {
        self.notify.notified().await;
    }

    fn hear(&self, committed: &Committed) {
        if self.handler.wants(committed) || self.passed.lock().add(committed.position) >= PASSED {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_at_the_first_gap() {
        let mut passed = Passed::default();
        assert_eq!([5, 6, 7].map(|place| passed.add(Position(place))), [1, 2, 3]);
        assert_eq!(passed.add(Position(9)), 3);
        assert_eq!(passed.add(Position(8)), 4);
        assert_eq!(passed.0, Some((Position(5), Position(8))));
    }
}
