//! Signatures before a trust policy: which of them count, and whether they are enough.

use crate::{
    Digest, KeyId, Package, PackageError, Publisher, Requirement, Signature, Signer, TrustPolicy, TrustedComment,
    signature::Prehash,
};

/// A signer and what it signed.
pub(crate) struct Witness {
    pub(crate) signer: Signer,
    comment: TrustedComment,
}

impl Witness {
    /// Whether the signed comment speaks of `package`.
    pub(crate) fn check(&self, package: &Package) -> Result<(), PackageError> {
        let differs = |field, signed: String, actual: String| PackageError::CommentMismatch {
            key: self.signer.key,
            field,
            signed,
            actual,
        };
        let TrustedComment { name, version, digest, .. } = &self.comment;
        if name != package.name() {
            return Err(differs("name", name.to_string(), package.name().to_string()));
        }
        if version != package.version() {
            let actual = package.version().to_string();
            return Err(differs("version", version.to_string(), actual));
        }
        if *digest != package.digest() {
            let actual = package.digest().to_string();
            return Err(differs("sha256", digest.to_string(), actual));
        }
        Ok(())
    }
}

/// One package before one policy.
pub(crate) struct Trial<'a> {
    policy: &'a TrustPolicy,
    digest: Digest,
    prehash: Prehash,
    now: u64,
}

/// What became of the signatures: those that count, and why the others do not.
#[derive(Default)]
pub(crate) struct Verdicts {
    witnesses: Vec<Witness>,
    refusals: Vec<(KeyId, PackageError)>,
    strangers: Vec<String>,
}

impl Verdicts {
    /// Counts a signature of `publisher`; a key that signed twice counts once.
    fn add(&mut self, publisher: &Publisher, comment: TrustedComment) {
        let key = publisher.key.id();
        if self.witnesses.iter().any(|witness| witness.signer.key == key) {
            return;
        }
        let signer = Signer { publisher: publisher.name.clone(), key, development: publisher.development };
        self.witnesses.push(Witness { signer, comment });
    }
}

impl<'a> Trial<'a> {
    /// The trial of `bytes`, whose digest is `digest`, before `policy` at `now` (Unix milliseconds).
    pub(crate) fn new(policy: &'a TrustPolicy, bytes: &[u8], digest: Digest, now: u64) -> Self {
        Self { policy, digest, prehash: Prehash::of(bytes), now }
    }

    /// Sorts the signatures into those that count and those that do not.
    ///
    /// # Errors
    /// `BadSignature`, `Tampered`, `CommentInvalid` for one that bears a trusted key's id without being a
    /// genuine signature of this package: something is wrong then, whatever the others say.
    pub(crate) fn hear(&self, signatures: &[Signature]) -> Result<Verdicts, PackageError> {
        let mut verdicts = Verdicts::default();
        for signature in signatures {
            let key = signature.key_id();
            let publishers = self.policy.publishers.iter().filter(|publisher| publisher.key.id() == key);
            let mut known = false;
            for publisher in publishers {
                known = true;
                let comment = self.examine(signature, publisher)?;
                match self.admit(publisher, &comment) {
                    Ok(()) => verdicts.add(publisher, comment),
                    Err(refusal) => verdicts.refusals.push((key, refusal)),
                }
            }
            if !known {
                match self.policy.revoked.check_key(key) {
                    Ok(()) => verdicts.strangers.push(key.to_string()),
                    Err(refusal) => verdicts.refusals.push((key, refusal)),
                }
            }
        }
        Ok(verdicts)
    }

    /// Whether `publisher` made `signature` over these bytes, and its comment.
    fn examine(&self, signature: &Signature, publisher: &Publisher) -> Result<TrustedComment, PackageError> {
        signature
            .verify_prehashed(&self.prehash, self.digest, &publisher.key)?
            .parse()
            .map_err(|source| PackageError::CommentInvalid { key: signature.key_id(), source })
    }

    /// Whether a genuine signature of `publisher` counts.
    fn admit(&self, publisher: &Publisher, comment: &TrustedComment) -> Result<(), PackageError> {
        let key = publisher.key.id();
        self.policy.revoked.check_key(key)?;
        for (what, expires) in [("key", publisher.expires), ("signature", comment.expires)] {
            if let Some(expiry) = expires.filter(|expiry| expiry.has_come(self.now)) {
                return Err(PackageError::Expired { what, key, expiry });
            }
        }
        if !publisher.may_sign(comment.name.as_str()) {
            return Err(PackageError::PublisherNotAllowed {
                publisher: publisher.name.clone(),
                plugin: comment.name.to_string(),
            });
        }
        Ok(())
    }

    /// Whether the witnesses are enough, and whether only thanks to development keys.
    ///
    /// # Errors
    /// Why no signature counts, or why one that is required does not.
    pub(crate) fn judge(&self, verdicts: Verdicts) -> Result<(Vec<Witness>, bool), PackageError> {
        let Verdicts { witnesses, mut refusals, strangers } = verdicts;
        if witnesses.is_empty() {
            let refusal = refusals.into_iter().next().map(|(_, refusal)| refusal);
            return Err(refusal.unwrap_or_else(|| PackageError::UnknownPublisher { keys: strangers.join(", ") }));
        }
        let development = witnesses.iter().all(|witness| witness.signer.development);
        let Requirement::AllOf(required) = &self.policy.require else {
            return Ok((witnesses, development));
        };
        // Key ids are the makers' choice, so that a development key could bear a required one's.
        let has_signed = |key: &KeyId| {
            let mut signers = witnesses.iter().map(|witness| &witness.signer);
            signers.any(|signer| signer.key == *key && !signer.development)
        };
        if let Some(key) = required.iter().find(|key| !has_signed(key)) {
            let refused = refusals.iter().position(|(refused, _)| refused == key);
            return Err(match refused {
                Some(at) => refusals.swap_remove(at).1,
                None => PackageError::SignerMissing { key: *key },
            });
        }
        Ok((witnesses, development))
    }
}
