//! Publishers' public keys, in minisign's format
//! (<https://jedisct1.github.io/minisign/#public-key-format>).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature as RawSignature, VerifyingKey};

use crate::{ValueError, text::written_as_text};

/// Marks an Ed25519 key.
const ALGORITHM: [u8; 2] = *b"Ed";

/// The number by which signatures name their key; written as 16 hexadecimal digits, as minisign
/// prints it. It is chosen by the key's maker and proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    pub(crate) fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        id.map(Self).ok_or_else(|| ValueError::new("key id", "must be 16 hexadecimal digits"))
    }
}

written_as_text!(KeyId, "KeyId", "The id of a minisign key, as minisign prints it.", "^[0-9A-Fa-f]{16}$");

/// A publisher's public key; written as minisign's base64 line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

impl PublicKey {
    /// The id that the key's signatures carry.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` over `message` is this key's, by the strict rules: no weak points, no
    /// second encodings.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = RawSignature::from_bytes(signature);
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(42);
        bytes.extend_from_slice(&ALGORITHM);
        bytes.extend_from_slice(&self.id.0.to_le_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        f.write_str(&STANDARD.encode(bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = ValueError;

    /// Reads a `.pub` file's text or its base64 line alone.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused = |reason: &str| ValueError::new("public key", reason);
        let mut lines = text.trim().lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        let line = if first.starts_with("untrusted comment:") { lines.next().unwrap_or_default() } else { first };
        if lines.next().is_some() {
            return Err(refused("has more lines than a comment and a key"));
        }
        let bytes = STANDARD.decode(line).map_err(|_| refused("must be minisign's base64 line"))?;
        let (algorithm, rest) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        let (id, rest) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        if *algorithm != ALGORITHM {
            return Err(refused("is not an Ed25519 key of minisign"));
        }
        let point: &[u8; 32] = rest.try_into().map_err(|_| refused("must have 42 bytes in base64"))?;
        let key = VerifyingKey::from_bytes(point)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or_else(|| refused("is not a usable Ed25519 point"))?;
        Ok(Self { id: KeyId::from_le_bytes(*id), key })
    }
}

written_as_text!(
    PublicKey,
    "PublicKey",
    "A minisign public key: the base64 line of its `.pub` file.",
    "^RW[A-Za-z0-9+/]{54}$|^untrusted comment:"
);
