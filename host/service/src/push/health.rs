//! How providers fare, and how fast they may be given notifications.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota as Limit, RateLimiter};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Semaphore;
use warbler_domain::{TenantId, Timestamp};

use super::rule::Quota;

/// Notifications of one kind and tenant that are in memory alone at most; messages that lead to more wait.
pub(super) const ROOM: usize = 16_384;

/// What became of one kind's notifications since the host started.
#[derive(Debug)]
pub(super) struct Health {
    /// Room in memory for notifications that nobody has written down.
    pub(super) room: Semaphore,
    pub(super) accepted: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) gone: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) throttled: AtomicU64,
    /// Batches that failed as a whole, one after the other.
    pub(super) failing: AtomicU64,
    /// Notifications in memory that wait.
    pub(super) waiting: AtomicU64,
    last_accepted: AtomicU64,
    last_error: Mutex<Option<(Timestamp, String)>>,
}

/// The same, for the tenant's admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderHealth {
    /// The kind of device.
    pub kind: String,
    /// The plugin that delivers to it; nothing if none does.
    pub provider: Option<String>,
    /// Notifications that the provider took.
    pub accepted: u64,
    /// Tries that have to be made again.
    pub retried: u64,
    /// Addresses that were dead.
    pub gone: u64,
    /// Notifications that the provider refused for good.
    pub refused: u64,
    /// Notifications that were given up.
    pub given_up: u64,
    /// Batches that waited for the quota.
    pub throttled: u64,
    /// Batches that failed as a whole since one was taken.
    pub failing: u64,
    /// Notifications that wait in memory.
    pub waiting: u64,
    /// When the provider last took one.
    pub last_accepted_at: Option<Timestamp>,
    /// When something last failed.
    pub last_error_at: Option<Timestamp>,
    /// What.
    pub last_error: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            room: Semaphore::new(ROOM),
            accepted: zero(),
            retried: zero(),
            gone: zero(),
            refused: zero(),
            given_up: zero(),
            throttled: zero(),
            failing: zero(),
            waiting: zero(),
            last_accepted: zero(),
            last_error: Mutex::default(),
        }
    }
}

impl Health {
    pub(super) fn accepted(&self, count: u64, now: Timestamp) {
        self.accepted.fetch_add(count, Ordering::Relaxed);
        self.last_accepted.store(now.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn failed(&self, now: Timestamp, text: String) {
        *self.last_error.lock() = Some((now, text));
    }

    pub(super) fn view(&self, kind: String, provider: Option<String>) -> ProviderHealth {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let accepted_at = Some(read(&self.last_accepted)).filter(|at| *at > 0).map(Timestamp::from_millis);
        let (last_error_at, last_error) = self.last_error.lock().clone().unzip();
        ProviderHealth {
            kind,
            provider,
            accepted: read(&self.accepted),
            retried: read(&self.retried),
            gone: read(&self.gone),
            refused: read(&self.refused),
            given_up: read(&self.given_up),
            throttled: read(&self.throttled),
            failing: read(&self.failing),
            waiting: read(&self.waiting),
            last_accepted_at: accepted_at,
            last_error_at,
            last_error,
        }
    }
}

/// A provider's bucket, and what it was made for.
type Bucket = (Quota, Arc<DefaultDirectRateLimiter>);

/// One token bucket per provider and tenant.
#[derive(Default)]
pub(super) struct Quotas {
    buckets: Mutex<HashMap<(TenantId, String), Bucket>>,
}

impl Quotas {
    /// Takes up to `wanted` tokens and says how many, or how long there will be none.
    pub(super) fn take(
        &self,
        tenant: TenantId,
        provider: &str,
        quota: Quota,
        wanted: usize,
    ) -> Result<usize, Duration> {
        let bucket = self.bucket(tenant, provider, quota);
        let mut count = u32::try_from(wanted).unwrap_or(u32::MAX).min(quota.burst.unwrap_or(quota.per_second));
        loop {
            let Some(tokens) = NonZeroU32::new(count.max(1)) else { return Ok(0) };
            match bucket.check_n(tokens) {
                Ok(Ok(())) => return Ok(usize::try_from(tokens.get()).unwrap_or(wanted)),
                Ok(Err(until)) if tokens.get() == 1 => return Err(until.wait_time_from(DefaultClock::default().now())),
                // Fewer than wanted are there, or fit in at all: those are taken.
                Ok(Err(_)) | Err(_) => count = tokens.get() / 2,
            }
        }
    }

    fn bucket(&self, tenant: TenantId, provider: &str, quota: Quota) -> Arc<DefaultDirectRateLimiter> {
        let mut buckets = self.buckets.lock();
        let key = (tenant, provider.to_owned());
        if let Some((made_for, bucket)) = buckets.get(&key)
            && *made_for == quota
        {
            return Arc::clone(bucket);
        }
        let least = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let limit = Limit::per_second(least(quota.per_second));
        let bucket = Arc::new(RateLimiter::direct(limit.allow_burst(least(quota.burst.unwrap_or(quota.per_second)))));
        buckets.insert(key, (quota, Arc::clone(&bucket)));
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_has_and_then_says_how_long_to_wait() {
        let (quotas, tenant) = (Quotas::default(), TenantId::OPERATOR);
        let quota = Quota { per_second: 1, burst: Some(60) };
        assert_eq!(quotas.take(tenant, "a", quota, 100), Ok(60));
        let wait = quotas.take(tenant, "a", quota, 100).unwrap_err();
        assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(quotas.take(tenant, "b", quota, 10), Ok(10), "another provider has a bucket of its own");
    }
}
