//! Revoked keys and packages, as a list that works without a network.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, KeyId, PackageError, PublicKey, Signature, object::from_json};

/// Keys and packages that are refused, each with the reason. Lists only ever add up: an older list
/// cannot take a revocation back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationList {
    /// Revoked keys by id, with the reason. All their signatures are void, whenever they were made,
    /// since a stolen key can claim any time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub keys: BTreeMap<KeyId, String>,
    /// Revoked packages by digest, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub digests: BTreeMap<Digest, String>,
}

impl RevocationList {
    /// Reads a list from `json`.
    ///
    /// # Errors
    /// `RevocationsInvalid`.
    pub fn parse(json: &[u8]) -> Result<Self, PackageError> {
        from_json(json).map_err(|source| PackageError::RevocationsInvalid { source })
    }

    /// Reads a list from `json` that one of `keys` signed with minisign.
    ///
    /// # Errors
    /// `SignatureMalformed`, `LegacySignature`, `UnknownPublisher`, `BadSignature` or `Tampered` by
    /// the signature; `RevocationsInvalid`.
    pub fn parse_signed(json: &[u8], signature: &str, keys: &[PublicKey]) -> Result<Self, PackageError> {
        let signature: Signature = signature.parse()?;
        let key = keys.iter().find(|key| key.id() == signature.key_id());
        let key = key.ok_or_else(|| PackageError::UnknownPublisher { keys: signature.key_id().to_string() })?;
        signature.verify(json, key)?;
        Self::parse(json)
    }

    /// Adds what `other` revokes. Where both do, the reason here stays.
    pub fn add(&mut self, other: &Self) {
        for (key, reason) in &other.keys {
            self.keys.entry(*key).or_insert_with(|| reason.clone());
        }
        for (digest, reason) in &other.digests {
            self.digests.entry(*digest).or_insert_with(|| reason.clone());
        }
    }

    /// Whether `key` is still good.
    ///
    /// # Errors
    /// `RevokedKey`.
    pub fn check_key(&self, key: KeyId) -> Result<(), PackageError> {
        match self.keys.get(&key) {
            None => Ok(()),
            Some(reason) => Err(PackageError::RevokedKey { key, reason: reason.clone() }),
        }
    }

    /// Whether the package of `digest` is still good; for what is installed already, too.
    ///
    /// # Errors
    /// `RevokedDigest`.
    pub fn check_digest(&self, digest: Digest) -> Result<(), PackageError> {
        match self.digests.get(&digest) {
            None => Ok(()),
            Some(reason) => Err(PackageError::RevokedDigest { digest, reason: reason.clone() }),
        }
    }
}
