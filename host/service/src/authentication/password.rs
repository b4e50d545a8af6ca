//! Passwords: Argon2id (RFC 9106) away from the async threads, so many at a time as the options say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::ServiceError;
use crate::options::PasswordCost;
use crate::ports::Entropy;

/// Longest password, in bytes: hashing takes time with its length, and this is a long sentence.
const LONGEST: usize = 512;

/// Hashes that may wait for each one that runs; at about 30 ms each, the last one waits some seconds.
const WAITING_PER_WORKER: usize = 64;

/// A password as it is kept: the hash with its salt and cost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPassword {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl StoredPassword {
    /// That of an account which nobody signs in to: no password has this hash.
    pub(crate) const fn nobody() -> Self {
        // The least that Argon2 takes (RFC 9106, 3.1), so that whoever tries does not work for nothing.
        Self { memory_kib: 8, passes: 1, lanes: 1, salt: [0; 16], hash: [0; 32] }
    }

    /// Whether it is that of an account which nobody signs in to.
    pub(crate) fn is_nobody(&self) -> bool {
        *self == Self::nobody()
    }

    fn compute(&self, password: &[u8]) -> Result<Zeroizing<[u8; 32]>, ServiceError> {
        let failed = |_| ServiceError::Internal { what: "a password could not be hashed" };
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(failed)?;
        let mut hash = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password, &self.salt, &mut *hash)
            .map_err(failed)?;
        Ok(hash)
    }
}

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    cost: PasswordCost,
    entropy: Arc<dyn Entropy>,
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// What is checked where there is no account, so that it takes as long.
    decoy: StoredPassword,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, workers: usize, entropy: Arc<dyn Entropy>) -> Self {
        let workers = workers.max(1);
        let PasswordCost { memory_kib, passes, lanes } = cost;
        Self {
            cost,
            entropy,
            workers: Arc::new(Semaphore::new(workers)),
            waiting: AtomicUsize::new(0),
            most_waiting: workers * WAITING_PER_WORKER,
            decoy: StoredPassword { memory_kib, passes, lanes, salt: [0; 16], hash: [0; 32] },
        }
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: &Zeroizing<String>) -> Result<StoredPassword, ServiceError> {
        let PasswordCost { memory_kib, passes, lanes } = self.cost;
        let mut stored = StoredPassword { memory_kib, passes, lanes, salt: [0; 16], hash: [0; 32] };
        if !self.entropy.fill(&mut stored.salt) {
            return Err(ServiceError::Internal { what: "the random source failed" });
        }
        let password = password.clone();
        self.work(move || {
            stored.hash = *stored.compute(password.as_bytes())?;
            Ok(stored)
        })
        .await
    }

    /// Whether `password` is the one that was stored. Without one it takes as long, and is not.
    pub(crate) async fn verify(
        &self,
        password: &Zeroizing<String>,
        stored: Option<&StoredPassword>,
    ) -> Result<bool, ServiceError> {
        // Where there is no password, it takes as long as with one.
        let stored = stored.filter(|stored| !stored.is_nobody());
        let (is_known, stored) = (stored.is_some(), stored.unwrap_or(&self.decoy).clone());
        let password = password.clone();
        self.work(move || {
            let hash = stored.compute(password.as_bytes())?;
            let is_same = bool::from(hash.as_slice().ct_eq(stored.hash.as_slice()));
            Ok(is_same && is_known)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let place = Place::take(&self.waiting, self.most_waiting)?;
        let permit = Arc::clone(&self.workers).acquire_owned().await;
        let permit = permit.map_err(|_| ServiceError::Unavailable { what: "it is closing" })?;
        drop(place);
        let work = move || {
            let _permit = permit;
            work()
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(ServiceError::Internal { what: "a password could not be hashed" }))
    }
}

/// A place in the line, given back when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Result<Self, ServiceError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < most {
            Ok(place)
        } else {
            Err(ServiceError::Unavailable { what: "too many passwords are being checked" })
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses a new password that is too short, in characters, or too long.
pub(crate) fn check_new(password: &Zeroizing<String>, least: usize) -> Result<(), ServiceError> {
    if password.chars().take(least).count() < least {
        let limit = u64::try_from(least).unwrap_or(u64::MAX);
        let problem = format!("must have at least {least} characters");
        return Err(ServiceError::Invalid { field: "password", problem, limit: Some(limit) });
    }
    check_length(password)
}

/// Refuses a password that nobody can have.
pub(crate) fn check_length(password: &Zeroizing<String>) -> Result<(), ServiceError> {
    if password.len() > LONGEST { Err(ServiceError::length("password", LONGEST)) } else { Ok(()) }
}
