//! How long to wait before trying again.

use std::time::Duration;

use warbler_domain::Ids;

/// Growing pauses with full jitter: any time up to the pause, so that what failed together does not
/// come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The greatest pause after the first failure; it doubles with each further one.
    pub first: Duration,
    /// The greatest pause of all.
    pub most: Duration,
    /// How long something may go on failing before it is parked.
    pub give_up: Duration,
}

impl Default for Backoff {
    /// A second, doubling to ten minutes, for a day.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_mins(10), give_up: Duration::from_hours(24) }
    }
}

impl Backoff {
    /// The pause after this many attempts.
    pub(super) fn pause(&self, attempts: u32, ids: &dyn Ids) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let greatest = self.first.saturating_mul(factor).min(self.most);
        let millis = u64::try_from(greatest.as_millis()).unwrap_or(u64::MAX);
        // All but six of the last 64 bits of a UUIDv7 are random (RFC 9562).
        let random = ids.next().as_u64_pair().1 & (u64::MAX >> 6);
        Duration::from_millis(random % millis.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    struct Fixed(u64);

    impl Ids for Fixed {
        fn next(&self) -> Uuid {
            Uuid::from_u64_pair(0, self.0)
        }
    }

    #[test]
    fn the_greatest_pause_doubles_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(5), ..Backoff::default() };
        for (attempts, greatest) in [(1, 1000), (2, 2000), (3, 4000), (4, 5000), (40, 5000), (u32::MAX, 5000)] {
            assert_eq!(backoff.pause(attempts, &Fixed(greatest)).as_millis(), u128::from(greatest), "{attempts}");
            assert_eq!(backoff.pause(attempts, &Fixed(greatest + 1)), Duration::ZERO, "{attempts}");
        }
    }
}
