//! Session tokens: `wbs_`, then in URL-safe base64 the tenant's identifier and 32 random bytes. Clients
//! must not look inside. Kept is only a token's SHA-256, which is enough for what cannot be guessed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use warbler_domain::TenantId;
use zeroize::Zeroizing;

use crate::ServiceError;
use crate::ports::Entropy;

const PREFIX: &str = "wbs_";

/// 16 bytes of tenant and 32 of secret.
const BYTES: usize = 48;

/// A new session's token. Shown once, to whoever signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Its text, for the one who signed in.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn make(tenant: TenantId, entropy: &dyn Entropy) -> Result<Self, ServiceError> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let (head, secret) = bytes.split_at_mut(16);
        head.copy_from_slice(tenant.as_bytes());
        if !entropy.fill(secret) {
            return Err(ServiceError::Internal { what: "the random source failed" });
        }
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", *text))))
    }
}

/// The tenant that a token names. Whether the token is good is another question.
pub(super) fn tenant_of(token: &str) -> Option<TenantId> {
    let text = token.strip_prefix(PREFIX)?;
    let mut bytes = Zeroizing::new([0; BYTES]);
    // Other lengths fit neither the buffer nor the check.
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes).ok()?;
    let id: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
    (length == BYTES).then(|| TenantId::from_uuid(uuid::Uuid::from_bytes(id)))
}

/// SHA-256 of a token.
pub(super) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A digest as it stands in keys.
pub(crate) fn hex(digest: &[u8; 32]) -> String {
    let (high, low) = digest.split_at(16);
    let half = |bytes: &[u8]| bytes.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    format!("{:032x}{:032x}", half(high), half(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    #[test]
    fn a_token_names_its_tenant_and_shows_nothing_in_debug_output() {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(0x1234));
        let token = Token::make(tenant, &SystemEntropy).unwrap();
        assert_eq!(tenant_of(token.reveal()), Some(tenant));
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_ne!(token, Token::make(tenant, &SystemEntropy).unwrap());
    }

    #[test]
    fn what_is_no_token_names_no_tenant() {
        let good = Token::make(TenantId::OPERATOR, &SystemEntropy).unwrap();
        let cut = &good.reveal()[..good.reveal().len() - 1];
        let long = format!("{}AAAA", good.reveal());
        for text in ["", "wbs_", "wbs_!", cut, &long, &good.reveal()[4..], "WBS_AAAA"] {
            assert_eq!(tenant_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn digests_are_written_in_full() {
        let mut digest = [0; 32];
        digest[0] = 0x0a;
        digest[31] = 0x01;
        assert_eq!(hex(&digest), format!("0a{}01", "0".repeat(60)));
    }
}
