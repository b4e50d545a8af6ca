//! Verification: the only way to a [`Verified`] package.

use semver::Version;

use crate::{
    Digest, KeyId, Limits, Package, PackageError, Publisher, Requirement, Signature, TrustPolicy, TrustedComment,
    ValueError, limits::within, signature::Prehash,
};

/// The version of the host that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostVersion(Version);

impl HostVersion {
    /// A host of this version.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self(version)
    }
}

impl std::str::FromStr for HostVersion {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Version::parse(text)
            .map(Self)
            .map_err(|error| ValueError::new("host version", format!("is no semver: {error}")))
    }
}

/// A trusted publisher whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The publisher's name in the trust policy.
    pub publisher: String,
    /// The key.
    pub key: KeyId,
    /// Whether it is a development key.
    pub development: bool,
}

/// A package that was checked and found trustworthy. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    package: Package,
    signers: Vec<Signer>,
    development: bool,
}

impl Verified {
    /// The package.
    #[must_use]
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// The package, without the proof.
    #[must_use]
    pub fn into_package(self) -> Package {
        self.package
    }

    /// The digest of the verified bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.package.digest()
    }

    /// Whether `bytes` are the verified ones; ask before they are compiled.
    #[must_use]
    pub fn covers(&self, bytes: &[u8]) -> bool {
        Digest::of(bytes) == self.digest()
    }

    /// The trusted publishers who signed, in the order of the signatures.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Whether it is trusted only because of a development key.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.development
    }
}

/// Verifies the package in `bytes` with the `.minisig` texts that stand beside it, at `now` (Unix
/// milliseconds).
///
/// Signatures by keys outside the policy, and signatures that are revoked or expired, count as absent;
/// one that is malformed, or that a trusted key did not make over these bytes, refuses the package.
///
/// # Errors
/// `TooLarge`, `TooManySignatures`; `Unsigned`, `SignatureMalformed`, `LegacySignature`,
/// `BadSignature`, `Tampered`, `CommentInvalid`, `CommentMismatch` by the signatures; `RevokedDigest`,
/// `RevokedKey`, `Expired`, `PublisherNotAllowed`, `UnknownPublisher`, `SignerMissing` by the policy;
/// those of [`Package::read`]; `HostTooOld`.
pub fn verify(
    bytes: &[u8],
    signatures: &[&str],
    policy: &TrustPolicy,
    limits: &Limits,
    host: &HostVersion,
    now: u64,
) -> Result<Verified, PackageError> {
    within("the package", bytes.len(), limits.package_bytes)?;
    let signatures = parse_signatures(signatures, limits)?;
    let digest = Digest::of(bytes);
    policy.revoked.check_digest(digest)?;
    let trial = Trial { policy, digest, prehash: Prehash::of(bytes), now };
    let verdicts = trial.hear(&signatures)?;
    let (witnesses, development) = trial.judge(verdicts)?;
    // The component is looked into only after someone trusted stands for it.
    let package = Package::read_with_digest(bytes, digest, limits)?;
    for witness in &witnesses {
        witness.check(&package)?;
    }
    check_host(&package, host)?;
    Ok(Verified { package, signers: witnesses.into_iter().map(|witness| witness.signer).collect(), development })
}

fn parse_signatures(texts: &[&str], limits: &Limits) -> Result<Vec<Signature>, PackageError> {
    if texts.is_empty() {
        return Err(PackageError::Unsigned);
    }
    if texts.len() > limits.signatures {
        return Err(PackageError::TooManySignatures { count: texts.len(), limit: limits.signatures });
    }
    let parse = |text: &&str| {
        within("a signature", text.len(), limits.signature_bytes)?;
        text.parse()
    };
    texts.iter().map(parse).collect()
}

fn check_host(package: &Package, host: &HostVersion) -> Result<(), PackageError> {
    match &package.manifest().min_host {
        Some(needs) if *needs > host.0 => Err(PackageError::HostTooOld { needs: needs.clone(), host: host.0.clone() }),
        _ => Ok(()),
    }
}

/// A signer and what it signed.
struct Witness {
    signer: Signer,
    comment: TrustedComment,
}

impl Witness {
    /// Whether the signed comment speaks of `package`.
    fn check(&self, package: &Package) -> Result<(), PackageError> {
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
struct Trial<'a> {
    policy: &'a TrustPolicy,
    digest: Digest,
    prehash: Prehash,
    now: u64,
}

/// What became of the signatures: those that count, and why the others do not.
#[derive(Default)]
struct Verdicts {
    witnesses: Vec<Witness>,
    refusals: Vec<(KeyId, PackageError)>,
    strangers: Vec<String>,
}

impl Trial<'_> {
    fn hear(&self, signatures: &[Signature]) -> Result<Verdicts, PackageError> {
        let mut verdicts = Verdicts::default();
        for signature in signatures {
            let key = signature.key_id();
            let mut known = false;
            for publisher in &self.policy.publishers {
                if publisher.key.id() != key {
                    continue;
                }
                known = true;
                let comment = self.examine(signature, publisher)?;
                if let Err(refusal) = self.admit(publisher, &comment) {
                    verdicts.refusals.push((key, refusal));
                } else if verdicts.witnesses.iter().all(|witness| witness.signer.key != key) {
                    verdicts.witnesses.push(Witness {
                        signer: Signer { publisher: publisher.name.clone(), key, development: publisher.development },
                        comment,
                    });
                }
            }
            if !known {
                match self.policy.revoked.check_key(key) {
                    Err(refusal) => verdicts.refusals.push((key, refusal)),
                    Ok(()) => verdicts.strangers.push(key.to_string()),
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
    fn judge(&self, verdicts: Verdicts) -> Result<(Vec<Witness>, bool), PackageError> {
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
