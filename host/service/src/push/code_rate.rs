//! How many one-time codes went to whom lately. Kept in memory alone: after a restart everybody begins anew.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use warbler_domain::{TenantId, Timestamp, UserId};

use crate::ServiceError;
use crate::options::CodeRate;

/// Addresses and people remembered before the forgotten ones are swept out.
const SWEEP_AT: usize = 16_384;

/// Whom codes went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Receiver {
    /// The digest of a tenant's address.
    Address([u8; 32]),
    Person(TenantId, UserId),
}

/// When codes were sent, by receiver.
pub(super) struct CodeGate {
    rate: CodeRate,
    sent: Mutex<HashMap<Receiver, VecDeque<Timestamp>>>,
}

impl CodeGate {
    pub(super) fn new(rate: CodeRate) -> Self {
        Self { rate, sent: Mutex::default() }
    }

    /// Counts a code, unless its address or its person had as many as they may.
    pub(super) fn take(
        &self,
        tenant: TenantId,
        user: UserId,
        address: [u8; 32],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let counted = [
            (Receiver::Address(address), self.rate.per_address, "codes to this address"),
            (Receiver::Person(tenant, user), self.rate.per_person, "codes to this person"),
        ];
        let mut sent = self.sent.lock();
        if sent.len() > SWEEP_AT {
            sent.retain(|_, times| times.back().is_some_and(|last| now.since(*last) < self.rate.within));
        }
        for (receiver, most, what) in counted {
            let times = sent.entry(receiver).or_default();
            while times.front().is_some_and(|first| now.since(*first) >= self.rate.within) {
                times.pop_front();
            }
            let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
            if let Some(first) = times.front().filter(|_| times.len() >= most) {
                metrics::counter!("rate_limited_total", "what" => what).increment(1);
                let retry_after = first.after(self.rate.within).since(now);
                return Err(ServiceError::RateLimited { what, retry_after });
            }
        }
        // Counted only once both have room, so that who is refused does not use up the other's.
        for (receiver, ..) in counted {
            sent.entry(receiver).or_default().push_back(now);
        }
        Ok(())
    }
}

/// What an address is known by. Spaces in its JSON and capitals make no other address of it.
pub(super) fn digest(tenant: TenantId, channel: &str, address: &str) -> [u8; 32] {
    let parsed = serde_json::from_str::<serde_json::Value>(address).map(|value| value.to_string());
    let address = parsed.unwrap_or_else(|_| address.to_owned()).to_lowercase();
    let mut digest = Sha256::new();
    digest.update(tenant.as_uuid().as_bytes());
    for part in [channel, &address] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    fn tenant() -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(1))
    }

    fn person(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn an_address_and_a_person_have_their_share_each_and_who_is_refused_takes_nobody_elses() {
        let gate = CodeGate::new(CodeRate { per_address: 2, per_person: 3, within: Duration::from_mins(10) });
        let mut now = Timestamp::from_millis(1_795_000_000_000);
        let to = |address: u8, user: u128, now| gate.take(tenant(), person(user), [address; 32], now);
        to(1, 1, now).unwrap();
        now = now.after(Duration::from_mins(1));
        to(1, 2, now).unwrap();
        let Err(ServiceError::RateLimited { what, retry_after }) = to(1, 3, now) else { panic!("a third") };
        assert_eq!((what, retry_after), ("codes to this address", Duration::from_mins(9)));
        to(2, 1, now).unwrap();
        to(3, 1, now).unwrap();
        assert!(matches!(to(4, 1, now), Err(ServiceError::RateLimited { what: "codes to this person", .. })));
        // The refused one was not counted against its address.
        to(4, 3, now).unwrap();
        to(4, 3, now).unwrap();
        now = now.after(Duration::from_mins(9));
        to(1, 3, now).unwrap();
    }

    #[test]
    fn another_way_to_write_an_address_is_no_other_address() {
        let of = |address| digest(tenant(), "email", address);
        assert_eq!(of("\"li@example.com\""), of(" \"LI@Example.com\" "));
        assert_ne!(of("\"li@example.com\""), digest(tenant(), "sms", "\"li@example.com\""));
    }
}
