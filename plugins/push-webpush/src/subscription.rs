//! A browser's subscription, as `PushSubscription.toJSON()` gives it.

use p256::PublicKey;
use serde::Deserialize;
use warbler_push_kit::{Answer, address, config, encode};

/// Where a browser is reached, and the keys that only it can open things with.
#[derive(Debug)]
pub struct Subscription {
    /// The push service's URL for it. Whoever knows it can send to it.
    pub endpoint: String,
    /// The browser's public key.
    pub key: PublicKey,
    /// The same as an uncompressed point.
    pub point: Vec<u8>,
    /// The secret that authenticates the sender.
    pub auth: Vec<u8>,
}

#[derive(Deserialize)]
struct Written {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// The length of the authentication secret (RFC 8291, section 3.2).
const AUTH: usize = 16;
/// The length of an uncompressed point of P-256.
const POINT: usize = 65;

impl Subscription {
    /// Reads an address.
    ///
    /// # Errors
    /// Rejected: it is no subscription.
    pub fn parse(address: &str) -> Result<Self, Answer> {
        Self::read(address)
            .ok_or_else(|| address::wrong("a Web Push subscription: `endpoint`, `keys.p256dh`, `keys.auth`"))
    }

    fn read(address: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(address).ok()?;
        config::origin(&written.endpoint)?;
        let point = encode::from_base64(&written.keys.p256dh).filter(|point| point.len() == POINT)?;
        let auth = encode::from_base64(&written.keys.auth).filter(|auth| auth.len() == AUTH)?;
        let key = PublicKey::from_sec1_bytes(&point).ok()?;
        Some(Self { endpoint: written.endpoint, key, point, auth })
    }
}
