//! Rate limits: token buckets by the crate governor, and the waits of accounts whose password was
//! guessed wrong.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use parking_lot::Mutex;
use warbler_domain::Timestamp;

use crate::ServiceError;
use crate::options::{Rate, RateLimits};

/// Addresses or accounts remembered before the forgotten ones are swept out.
const SWEEP_AT: usize = 16_384;

impl Rate {
    fn quota(self) -> Quota {
        let least = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Quota::per_second(least(self.per_second)).allow_burst(least(self.burst))
    }
}

/// One person's or session's bucket.
pub(crate) struct Bucket {
    limiter: DefaultDirectRateLimiter,
    what: &'static str,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, what: &'static str) -> Self {
        Self { limiter: RateLimiter::direct(rate.quota()), what }
    }

    /// Takes one token.
    pub(crate) fn take(&self) -> Result<(), ServiceError> {
        self.limiter.check().map_err(|until| limited(self.what, &until))
    }
}

fn limited(what: &'static str, until: &NotUntil<governor::clock::QuantaInstant>) -> ServiceError {
    metrics::counter!("rate_limited_total", "what" => what).increment(1);
    ServiceError::RateLimited { what, retry_after: until.wait_time_from(DefaultClock::default().now()) }
}

/// One bucket per address.
pub(crate) struct Addresses {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
}

impl Addresses {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { limiter: RateLimiter::keyed(rate.quota()) }
    }

    /// Takes one token of `address`.
    pub(crate) fn take(&self, address: IpAddr) -> Result<(), ServiceError> {
        if self.limiter.len() > SWEEP_AT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&network(address)).map_err(|until| limited("sign-ins from this address", &until))
    }
}

/// What counts as one address. An IPv6 customer owns a /64 at least (RFC 6177), so that each of its
/// addresses costs an attacker nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Wrong passwords in a row, by account. Unknown accounts are counted as known ones are.
pub(crate) struct Attempts {
    limits: RateLimits,
    failed: Mutex<HashMap<[u8; 16], Failed>>,
}

#[derive(Default, Clone, Copy)]
struct Failed {
    in_a_row: u32,
    last: Timestamp,
    open_at: Timestamp,
}

impl Attempts {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, failed: Mutex::default() }
    }

    /// Refuses while the account has to wait; otherwise counts a failure until [`Self::succeeded`] takes
    /// it back, so that guesses made at the same time are counted, too.
    pub(crate) fn begin(&self, account: [u8; 16], now: Timestamp) -> Result<(), ServiceError> {
        let mut failed = self.failed.lock();
        if failed.len() > SWEEP_AT {
            let forget = self.limits.longest_wait * 10;
            failed.retain(|_, entry| now.since(entry.last) < forget);
        }
        let entry = failed.entry(account).or_default();
        let wait = entry.open_at.since(now);
        if !wait.is_zero() {
            return Err(ServiceError::RateLimited { what: "wrong passwords for this account", retry_after: wait });
        }
        entry.in_a_row = entry.in_a_row.saturating_add(1);
        entry.last = now;
        entry.open_at = now.after(self.wait_after(entry.in_a_row));
        Ok(())
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, account: [u8; 16]) {
        self.failed.lock().remove(&account);
    }

    /// The attempt came to nothing for a reason that says nothing of the password.
    pub(crate) fn undecided(&self, account: [u8; 16]) {
        if let Some(entry) = self.failed.lock().get_mut(&account) {
            entry.in_a_row = entry.in_a_row.saturating_sub(1);
            entry.open_at = Timestamp::default();
        }
    }

    fn wait_after(&self, in_a_row: u32) -> Duration {
        let Some(over) = in_a_row.checked_sub(self.limits.failures_before_wait) else { return Duration::ZERO };
        let factor = 2_u32.saturating_pow(over.min(16));
        self.limits.first_wait.saturating_mul(factor).min(self.limits.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_a_success() {
        let limits = RateLimits { failures_before_wait: 2, ..RateLimits::default() };
        let attempts = Attempts::new(limits);
        let (mut now, account) = (Timestamp::from_millis(1_000_000), [1; 16]);
        attempts.begin(account, now).unwrap();
        attempts.begin(account, now).unwrap();
        let mut waits = Vec::new();
        for _ in 0..8 {
            let Err(ServiceError::RateLimited { retry_after, .. }) = attempts.begin(account, now) else { panic!() };
            waits.push(retry_after.as_secs());
            now = now.after(retry_after);
            attempts.begin(account, now).unwrap();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        attempts.succeeded(account);
        attempts.begin(account, now).unwrap();
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket_and_mapped_ipv4_does_not() {
        let addresses = Addresses::new(Rate { burst: 1, per_second: 1 });
        addresses.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(addresses.take("2001:db8::2".parse().unwrap()).is_err());
        addresses.take("2001:db8:0:1::1".parse().unwrap()).unwrap();
        addresses.take("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(addresses.take("192.0.2.1".parse().unwrap()).is_err());
    }
}
