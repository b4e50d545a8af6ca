//! The key of one tenant, the keys derived from it, and the bytes that they seal:
//! `format (1) | nonce (12) | ciphertext | tag (16)`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{hkdf, hmac};
use bytes::Bytes;
use warbler_domain::StoreError;
use zeroize::Zeroizing;

use super::master::Length;
use crate::layout::Kind;

/// The format of sealed bytes: the first of them, and part of the associated data.
pub(super) const FORMAT: u8 = 1;

/// What stands before the ciphertext.
const PREFIX: usize = 1 + NONCE_LEN;

/// Bytes of an AES-GCM tag.
const TAG: usize = 16;

/// The key of one tenant.
pub(crate) struct TenantKey(hkdf::Prk);

impl TenantKey {
    /// The key from its 32 secret bytes.
    pub(super) fn new(secret: &Zeroizing<[u8; 32]>) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"warbler tenant key").extract(secret.as_slice()))
    }

    /// The key for one conversation or one family of state.
    pub(crate) fn subkey(&self, kind: Kind, context: &[u8]) -> Result<Subkey, StoreError> {
        self.aead(&[b"seal v1", &[kind.byte()], context]).map(Subkey)
    }

    pub(super) fn aead(&self, info: &[&[u8]]) -> Result<LessSafeKey, StoreError> {
        let okm = self.0.expand(info, &AES_256_GCM).map_err(failed("deriving a key"))?;
        Ok(LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// A keyed digest, for names that must be found but not read.
    pub(crate) fn blind(&self, family: &str, value: &[u8]) -> Result<[u8; 32], StoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        self.0
            .expand(&[b"blind v1", family.as_bytes()], Length(32))
            .and_then(|okm| okm.fill(secret.as_mut_slice()))
            .map_err(failed("deriving a key"))?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()), value);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Ok(digest)
    }
}

/// Plain bytes with room around them, so that they are sealed where they stand.
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    /// An empty one with room for `size` bytes.
    pub(crate) fn with_capacity(size: usize) -> Self {
        let mut bytes = Vec::with_capacity(PREFIX + size + TAG);
        bytes.resize(PREFIX, 0);
        Self(bytes)
    }

    /// One that holds `plain`.
    pub(crate) fn of(plain: &[u8]) -> Self {
        let mut draft = Self::with_capacity(plain.len());
        draft.0.extend_from_slice(plain);
        draft
    }

    /// How many plain bytes it holds.
    pub(crate) fn len(&self) -> usize {
        self.0.len().saturating_sub(PREFIX)
    }
}

impl std::io::Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The key for one conversation or one family of state.
pub(crate) struct Subkey(LessSafeKey);

impl Subkey {
    /// Seals `draft` for the raw key `key`; `version` is bound too, 0 where there is none.
    pub(crate) fn seal(&self, key: &[u8], version: u64, draft: Draft) -> Result<Bytes, StoreError> {
        let mut bytes = draft.0;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed("reading randomness"))?;
        let (prefix, plain) = bytes.split_first_chunk_mut::<PREFIX>().ok_or(StoreError::Corrupt { what: "draft" })?;
        let aad = Aad::from(associated(key, version));
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, plain)
            .map_err(failed("sealing"))?;
        if let Some((format, rest)) = prefix.split_first_mut() {
            *format = FORMAT;
            rest.copy_from_slice(&nonce);
        }
        bytes.extend_from_slice(tag.as_ref());
        Ok(Bytes::from(bytes))
    }

    /// Opens what was sealed for the same raw key and version.
    pub(crate) fn open(
        &self,
        key: &[u8],
        version: u64,
        sealed: &[u8],
        what: &'static str,
    ) -> Result<Vec<u8>, StoreError> {
        let corrupt = StoreError::Corrupt { what };
        let Some((prefix, rest)) = sealed.split_first_chunk() else { return Err(corrupt) };
        let mut bytes = rest.to_vec();
        let Some(length) = self.opened(key, version, *prefix, &mut bytes).map(<[u8]>::len) else {
            return Err(corrupt);
        };
        bytes.truncate(length);
        Ok(bytes)
    }

    /// As [`open`](Self::open), where the sealed bytes stand.
    pub(crate) fn open_in_place<'a>(
        &self,
        key: &[u8],
        version: u64,
        sealed: &'a mut [u8],
        what: &'static str,
    ) -> Result<&'a [u8], StoreError> {
        let corrupt = StoreError::Corrupt { what };
        let Some((prefix, rest)) = sealed.split_first_chunk_mut() else { return Err(corrupt) };
        self.opened(key, version, *prefix, rest).ok_or(corrupt)
    }

    /// Opens what stands behind the prefix; nothing if it does not belong there.
    fn opened<'a>(&self, key: &[u8], version: u64, prefix: [u8; PREFIX], rest: &'a mut [u8]) -> Option<&'a [u8]> {
        let [FORMAT, nonce @ ..] = prefix else { return None };
        let aad = Aad::from(associated(key, version));
        self.0.open_in_place(Nonce::from(&nonce), aad, rest).ok().map(|plain| &*plain)
    }
}

/// The raw key begins with the kind and the tenant; a fixed length follows it, so nothing is ambiguous.
fn associated(key: &[u8], version: u64) -> Vec<u8> {
    let mut data = Vec::with_capacity(key.len() + 9);
    data.extend_from_slice(key);
    data.extend_from_slice(&version.to_be_bytes());
    data.push(FORMAT);
    data
}

/// What a failure of the cryptography library becomes; it does not say more than that it failed.
pub(super) fn failed(doing: &'static str) -> impl Fn(aws_lc_rs::error::Unspecified) -> StoreError {
    move |source| StoreError::Io { doing, source: Box::new(source) }
}
