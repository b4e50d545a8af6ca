//! HMAC with SHA-256, and SHA-256 alone, for vendors that sign requests with a shared secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The HMAC-SHA256 of `text` under `key` (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key of any length is a key, so the error cannot be.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::hex;

    /// RFC 4231, test case 2.
    #[test]
    fn it_is_the_hmac_of_the_rfc() {
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
