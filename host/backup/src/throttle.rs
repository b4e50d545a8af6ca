//! Holds what goes to a sink to so many bytes per second.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A limit of bytes per second, shared by all threads of a run.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    /// When everything that was let through so far is through.
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: Mutex::default() }
    }

    /// How long to wait before `bytes` more may go.
    pub(crate) fn wait(&self, bytes: usize, now: Instant) -> Duration {
        let nanos = (bytes as u128).saturating_mul(1_000_000_000) / u128::from(self.bytes_per_second);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock();
        let begin = free_at.map_or(now, |free| free.max(now));
        *free_at = begin.checked_add(takes);
        begin.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_blob_waits_until_the_first_one_has_had_its_time() {
        let (throttle, now) = (Throttle::new(1_000), Instant::now());
        assert_eq!(throttle.wait(500, now), Duration::ZERO);
        assert_eq!(throttle.wait(250, now), Duration::from_millis(500));
        assert_eq!(throttle.wait(1, now), Duration::from_millis(750));
        assert_eq!(throttle.wait(1, now + Duration::from_secs(9)), Duration::ZERO);
    }
}
