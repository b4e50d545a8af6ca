//! Sealing of files in chunks, so that they are written and read as they flow, after the STREAM
//! construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): every nonce holds the chunk's number and
//! whether it is the last, so chunks can be neither reordered, nor left out, nor cut off.
//!
//! `format (1) | salt (16) | sealed digest and length (40 + 16)`, then chunks of 64 KiB, each with its tag.
//! The key of a file is its own, derived with the salt; the head is sealed under the file's name, so
//! a file that was moved to another name does not open.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use warbler_domain::StoreError;

use super::cipher::{FORMAT, TenantKey, failed};
use crate::layout::Kind;

/// Plain bytes per chunk: large enough that tags and calls cost nothing, small enough to hold many.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Bytes of an AES-GCM tag.
pub(crate) const TAG: usize = 16;

/// Bytes before the first chunk.
pub(crate) const HEADER: usize = 1 + SALT + HEAD + TAG;

const SALT: usize = 16;

/// SHA-256 and length.
const HEAD: usize = 32 + 8;

const CORRUPT: StoreError = StoreError::Corrupt { what: "blob" };

/// What a chunk is within its file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Middle(u64),
    Last(u64),
    Head,
}

impl Part {
    fn nonce(self) -> Nonce {
        let (number, kind) = match self {
            Self::Middle(number) => (number, 0),
            Self::Last(number) => (number, 1),
            Self::Head => (0, 2),
        };
        let mut nonce = [0; NONCE_LEN];
        if let Some((first, rest)) = nonce.split_first_mut() {
            *first = kind;
            if let Some(end) = rest.last_chunk_mut::<8>() {
                *end = number.to_be_bytes();
            }
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The key of one file.
pub(crate) struct BlobKey {
    key: LessSafeKey,
    salt: [u8; SALT],
    chunk: u64,
}

impl BlobKey {
    /// A key for a new file.
    pub(crate) fn fresh(tenant: &TenantKey) -> Result<Self, StoreError> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(failed("reading randomness"))?;
        Self::salted(tenant, salt)
    }

    fn salted(tenant: &TenantKey, salt: [u8; SALT]) -> Result<Self, StoreError> {
        let key = tenant.aead(&[b"seal v1", &[Kind::Blob.byte()], &salt])?;
        Ok(Self { key, salt, chunk: 0 })
    }

    /// Opens the head of the file `name`; gives the key, the digest and the length.
    pub(crate) fn open(tenant: &TenantKey, name: &str, header: &[u8]) -> Result<(Self, [u8; 32], u64), StoreError> {
        let Some((&[FORMAT], rest)) = header.split_first_chunk::<1>() else { return Err(CORRUPT) };
        let Some((salt, sealed)) = rest.split_first_chunk::<SALT>() else { return Err(CORRUPT) };
        let key = Self::salted(tenant, *salt)?;
        let mut head: [u8; HEAD + TAG] = sealed.try_into().map_err(|_| CORRUPT)?;
        let plain = key.key.open_in_place(Part::Head.nonce(), aad(name), &mut head).map_err(|_| CORRUPT)?;
        let (digest, length) = plain.split_first_chunk::<32>().ok_or(CORRUPT)?;
        let length = length.first_chunk::<8>().ok_or(CORRUPT)?;
        let (digest, length) = (*digest, u64::from_be_bytes(*length));
        Ok((key, digest, length))
    }

    /// Seals the head, once the digest is known.
    pub(crate) fn header(&self, name: &str, digest: &[u8; 32], length: u64) -> Result<Vec<u8>, StoreError> {
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(digest);
        head.extend_from_slice(&length.to_be_bytes());
        self.key.seal_in_place_append_tag(Part::Head.nonce(), aad(name), &mut head).map_err(failed("sealing"))?;
        let mut header = Vec::with_capacity(HEADER);
        header.push(FORMAT);
        header.extend_from_slice(&self.salt);
        header.append(&mut head);
        Ok(header)
    }

    /// Seals the next chunk where it stands.
    pub(crate) fn seal_next(&mut self, last: bool, chunk: &mut Vec<u8>) -> Result<(), StoreError> {
        let nonce = self.next(last).nonce();
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), chunk).map_err(failed("sealing"))
    }

    /// Opens the next chunk where it stands.
    pub(crate) fn open_next(&mut self, last: bool, chunk: &mut Vec<u8>) -> Result<(), StoreError> {
        let nonce = self.next(last).nonce();
        let length = self.key.open_in_place(nonce, Aad::empty(), chunk).map_err(|_| CORRUPT)?.len();
        chunk.truncate(length);
        Ok(())
    }

    fn next(&mut self, last: bool) -> Part {
        let number = self.chunk;
        self.chunk += 1;
        if last { Part::Last(number) } else { Part::Middle(number) }
    }
}

/// The tenant is bound by the key, and by the name, which is a digest under a key of the tenant's.
fn aad(name: &str) -> Aad<Vec<u8>> {
    let mut data = vec![Kind::Blob.byte(), FORMAT];
    data.extend_from_slice(name.as_bytes());
    Aad::from(data)
}
