//! One minisign signature: reading its text and checking it against a key
//! (<https://jedisct1.github.io/minisign/#signature-format>).

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use blake2::{Blake2b512, Digest as _};

use crate::{Digest, KeyId, PackageError, PublicKey};

/// minisign's own limit for the signed comment, in bytes.
const COMMENT_BYTES: usize = 8192;

/// A signature in minisign's prehashed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    key: KeyId,
    over_file: [u8; 64],
    comment: String,
    over_comment: [u8; 64],
}

/// The BLAKE2b-512 of a file, which is what minisign signs.
pub(crate) struct Prehash([u8; 64]);

impl Prehash {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Blake2b512::digest(bytes).into())
    }
}

impl Signature {
    /// The key that the signature names.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// The signed comment of a signature by `key` over `bytes`.
    ///
    /// # Errors
    /// `BadSignature` if `key` did not make it; `Tampered` if it did, over other bytes.
    pub fn verify(&self, bytes: &[u8], key: &PublicKey) -> Result<&str, PackageError> {
        self.verify_prehashed(&Prehash::of(bytes), Digest::of(bytes), key)
    }

    pub(crate) fn verify_prehashed(
        &self,
        prehash: &Prehash,
        digest: Digest,
        key: &PublicKey,
    ) -> Result<&str, PackageError> {
        // The global signature covers the signature and the comment but not the file. If it holds
        // and the file's does not, then it is the file that was changed.
        let mut covered = self.over_file.to_vec();
        covered.extend_from_slice(self.comment.as_bytes());
        if key.id() != self.key || !key.has_signed(&covered, &self.over_comment) {
            return Err(PackageError::BadSignature { key: self.key });
        }
        if !key.has_signed(&prehash.0, &self.over_file) {
            return Err(PackageError::Tampered { key: self.key, digest });
        }
        Ok(&self.comment)
    }
}

impl FromStr for Signature {
    type Err = PackageError;

    /// Reads the text of a `.minisig` file.
    fn from_str(text: &str) -> Result<Self, PackageError> {
        // Only the line ends that minisign itself drops: `\n`, or `\r\n` as other systems write it.
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
        let lines: Vec<&str> = lines.into_iter().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let [untrusted, signature, trusted, global] = lines.as_slice() else {
            return Err(malformed(format!("must have 4 lines, this one has {}", lines.len())));
        };
        if !untrusted.starts_with("untrusted comment: ") {
            return Err(malformed("must begin with `untrusted comment: `"));
        }
        let comment = trusted
            .strip_prefix("trusted comment: ")
            .ok_or_else(|| malformed("must have `trusted comment: ` on line 3"))?;
        // Comments are shown to people; a control character could draw over the screen.
        if comment.chars().any(|c| c.is_control() && c != '\t') || comment.len() > COMMENT_BYTES {
            return Err(malformed(format!(
                "has a trusted comment with control characters or over {COMMENT_BYTES} bytes"
            )));
        }
        let (key, over_file) = parse_signature(signature)?;
        Ok(Self {
            key,
            over_file,
            comment: comment.to_owned(),
            over_comment: decode(global).ok_or_else(|| malformed("must have 64 bytes in base64 on line 4"))?,
        })
    }
}

/// Line 2: algorithm, key id and signature.
fn parse_signature(line: &str) -> Result<(KeyId, [u8; 64]), PackageError> {
    let bytes: [u8; 74] = decode(line).ok_or_else(|| malformed("must have 74 bytes in base64 on line 2"))?;
    let parts =
        bytes.split_first_chunk::<2>().and_then(|(algorithm, rest)| Some((algorithm, rest.split_first_chunk::<8>()?)));
    let Some((algorithm, (id, signature))) = parts else {
        return Err(malformed("is cut off on line 2"));
    };
    let key = KeyId::from_le_bytes(*id);
    match algorithm {
        b"ED" => {}
        b"Ed" => return Err(PackageError::LegacySignature { key }),
        _ => return Err(malformed("is of an unknown algorithm")),
    }
    let signature = signature.try_into().map_err(|_| malformed("is cut off on line 2"))?;
    Ok((key, signature))
}

fn decode<const N: usize>(line: &str) -> Option<[u8; N]> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

fn malformed(reason: impl Into<String>) -> PackageError {
    PackageError::SignatureMalformed { reason: reason.into() }
}
