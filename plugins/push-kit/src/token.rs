//! Access tokens, kept in the plugin's storage, so that all its instances share one: providers limit
//! how often new ones may be made.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use warbler_sdk::{Failure, Timestamp, log, storage, system};

use crate::encode::hex;
use crate::sign;

/// An access token, and how long it is good.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What goes into the request.
    pub value: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// From then on it is not used any more.
    pub good_until: Timestamp,
}

/// Tokens by what they are for. What was read once is kept in memory.
#[derive(Default)]
pub struct Tokens {
    known: RefCell<Vec<(String, Token)>>,
}

/// Most tokens kept in memory; more are for Web Push alone, where each push service has its own.
const MOST: usize = 64;

impl Tokens {
    /// The token for `purpose`, made by `make` if there is none that is good. `about` is everything that
    /// the token depends on, secrets too: when it changes, the token does. `renew` says that the last
    /// one was refused; one made within the last ten seconds is then used all the same, because another
    /// instance may have renewed it already.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get(
        &self,
        purpose: &str,
        about: &[&str],
        renew: bool,
        make: impl FnOnce(Timestamp) -> Result<Token, Failure>,
    ) -> Result<String, Failure> {
        /// How long ago another instance may have renewed a token.
        const JUST_NOW_MS: u64 = 10_000;
        let now = system::now();
        let key = key(purpose, about);
        let is_good =
            |token: &Token| token.good_until > now && (!renew || now.saturating_sub(token.made_at) < JUST_NOW_MS);
        let in_memory = self.in_memory(&key);
        // What was refused may have been replaced in the storage, but what is in memory is what was refused.
        if let Some(token) = in_memory.as_ref().filter(|_| !renew).filter(|token| is_good(token)) {
            return Ok(token.value.clone());
        }
        let stored = storage::get(&key).and_then(|bytes| serde_json::from_slice::<Token>(&bytes).ok());
        let is_another = |token: &Token| !renew || in_memory.as_ref() != Some(token);
        if let Some(token) = stored.filter(is_good).filter(is_another) {
            self.remember(key, token.clone());
            return Ok(token.value);
        }
        let token = make(now)?;
        keep(&key, &token);
        self.remember(key, token.clone());
        Ok(token.value)
    }

    fn in_memory(&self, key: &str) -> Option<Token> {
        let known = self.known.borrow();
        known.iter().find(|(other, _)| other == key).map(|(_, token)| token.clone())
    }

    fn remember(&self, key: String, token: Token) {
        let mut known = self.known.borrow_mut();
        known.retain(|(other, _)| *other != key);
        if known.len() >= MOST {
            known.remove(0);
        }
        known.push((key, token));
    }
}

/// A token that cannot be kept is still good for this instance.
fn keep(key: &str, token: &Token) {
    let Ok(bytes) = serde_json::to_vec(token) else { return };
    if let Err(why) = storage::set(key, &bytes) {
        log::warn!("an access token is not kept for other instances: {why}");
    }
}

/// The storage's key: it shows nothing of the secrets that the token depends on.
fn key(purpose: &str, about: &[&str]) -> String {
    let mut bytes = Vec::new();
    for part in about {
        bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    let digest = hex(sign::sha256(&bytes));
    format!("token/{purpose}/{}", digest.get(..32).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_sdk::testing::Host;

    use super::*;

    fn token(value: &str, now: Timestamp) -> Token {
        Token { value: value.to_owned(), made_at: now, good_until: now + 60_000 }
    }

    fn get(tokens: &Tokens, about: &str, renew: bool, value: &str) -> String {
        tokens.get("test", &[about], renew, |now| Ok(token(value, now))).unwrap()
    }

    #[test]
    fn a_token_is_made_once_and_shared_through_the_storage() {
        let _host = Host::new().with_now(1_000_000).start();
        assert_eq!(get(&Tokens::default(), "id", false, "first"), "first");
        assert_eq!(get(&Tokens::default(), "id", false, "second"), "first");
        assert_eq!(get(&Tokens::default(), "other id", false, "third"), "third");
    }

    #[test]
    fn a_token_is_made_anew_when_its_time_is_over() {
        let host = Host::new().with_now(1_000_000).start();
        let tokens = Tokens::default();
        assert_eq!(get(&tokens, "id", false, "first"), "first");
        host.set_now(1_060_000);
        assert_eq!(get(&tokens, "id", false, "second"), "second");
    }

    #[test]
    fn a_refused_token_is_renewed_by_one_instance_and_taken_over_by_the_others() {
        let host = Host::new().with_now(1_000_000).start();
        let (one, other) = (Tokens::default(), Tokens::default());
        assert_eq!(get(&one, "id", false, "first"), "first");
        assert_eq!(get(&other, "id", false, "unused"), "first");
        host.set_now(1_030_000);
        assert_eq!(get(&one, "id", true, "second"), "second");
        assert_eq!(get(&other, "id", true, "unused"), "second");
        assert_eq!(get(&other, "id", true, "third"), "third");
    }

    #[test]
    fn a_storage_that_is_full_costs_only_the_sharing() {
        let host = Host::new().with_quota(1).start();
        assert_eq!(get(&Tokens::default(), "id", false, "first"), "first");
        assert!(host.logs().iter().any(|(_, line)| line.contains("not kept") && !line.contains("first")));
    }
}
