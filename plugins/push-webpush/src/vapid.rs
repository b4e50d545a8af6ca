//! Voluntary application server identification (RFC 8292): a signed token per push service.

use serde_json::json;
use warbler_push_kit::jwt::EcKey;
use warbler_push_kit::{Token, encode};
use warbler_sdk::{Failure, Timestamp, secrets};

/// The name of the secret with the private key.
const SECRET: &str = "vapid_key";
/// How long a token is good, in seconds. Push services refuse more than 24 hours.
const LIFE_S: u64 = 12 * 3_600;
/// How long before its end a token is no longer used, in milliseconds.
const MARGIN_MS: u64 = 3_600_000;

/// The tenant's key.
pub(crate) struct Vapid {
    /// The secret that it was read from.
    pub(crate) written: String,
    key: EcKey,
    /// The public key in base64, as browsers got it when they subscribed.
    pub(crate) public: String,
}

impl Vapid {
    /// The key in the secret.
    ///
    /// # Errors
    /// The secret is not set, or is no key.
    pub(crate) fn read() -> Result<Self, Failure> {
        let written = warbler_push_kit::secret::required(SECRET)?;
        let is_pem = written.trim_start().starts_with("-----");
        let key = if is_pem { EcKey::from_pem(&written) } else { EcKey::from_base64(&written) };
        let key = key.map_err(|why| Failure::Misconfigured(format!("the secret {SECRET:?} {why}")))?;
        let public = encode::base64_url(key.public());
        Ok(Self { written, key, public })
    }

    /// Whether the secret is still the one that this was read from.
    pub(crate) fn is_current(&self) -> bool {
        secrets::get(SECRET).as_deref() == Some(self.written.as_str())
    }

    /// A token for the push service at `origin`, in which `subject` is who may be asked about us.
    pub(crate) fn token(&self, origin: &str, subject: &str, now: Timestamp) -> Token {
        let expires = now / 1_000 + LIFE_S;
        let value = self.key.token(None, &json!({"aud": origin, "exp": expires, "sub": subject}));
        Token { value, made_at: now, good_until: now + LIFE_S * 1_000 - MARGIN_MS }
    }
}
