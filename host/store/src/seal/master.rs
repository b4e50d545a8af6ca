//! The master key: what the operator keeps, and under which the keys of tenants are wrapped.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The key over all keys: 32 random bytes that the operator keeps in a file or the environment. Who
/// has it and the disk can read everything; who lost it has lost everything.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// The text is no master key. It is not repeated here, since it may nearly be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits")]
pub struct BadMasterKey;

impl MasterKey {
    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key from the system's random source; `None` if that source fails.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(bytes.as_mut_slice()).ok()?;
        Some(Self(bytes))
    }

    /// The 64 hexadecimal digits that [`FromStr`] reads, for writing a new key into its file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        use fmt::Write as _;
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    fn derive<L: hkdf::KeyType, T>(
        &self,
        what: &[u8],
        length: L,
        take: impl FnOnce(hkdf::Okm<'_, L>) -> T,
    ) -> Option<T> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"warbler master key").extract(self.0.as_slice());
        prk.expand(&[what], length).ok().map(take)
    }

    /// The key that wraps tenants' keys.
    pub(super) fn wrapping(&self) -> Option<LessSafeKey> {
        self.derive(b"wrap tenant keys v1", &AES_256_GCM, |okm| LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// Tells master keys apart without telling anything about them.
    pub(super) fn fingerprint(&self) -> Option<[u8; 16]> {
        let mut fingerprint = [0; 16];
        self.derive(b"fingerprint v1", Length(16), |okm| okm.fill(&mut fingerprint).ok())??;
        Some(fingerprint)
    }
}

impl FromStr for MasterKey {
    type Err = BadMasterKey;

    fn from_str(text: &str) -> Result<Self, BadMasterKey> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; 32]);
        if text.len() != 64 || !text.is_ascii() {
            return Err(BadMasterKey);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| BadMasterKey)?;
            // `from_str_radix` would take a sign.
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(BadMasterKey);
            }
            *byte = u8::from_str_radix(digits, 16).map_err(|_| BadMasterKey)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// A number of bytes to derive.
pub(super) struct Length(pub(super) usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_gives_it_back() {
        let key = MasterKey::generate().unwrap();
        let again: MasterKey = key.to_hex().parse().unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert!(again.fingerprint().is_some());
    }

    #[test]
    fn texts_of_another_length_or_with_signs_are_refused() {
        for text in ["", "00", &"0".repeat(63), &"+1".repeat(32), &"é".repeat(32)] {
            assert_eq!(text.parse::<MasterKey>().unwrap_err(), BadMasterKey, "{text}");
        }
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        assert_eq!(format!("{:?}", MasterKey::from_bytes([7; 32])), "MasterKey(…)");
    }
}
