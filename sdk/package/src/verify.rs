//! Verification: the only way to a [`Verified`] package.

use semver::Version;

use crate::{
    Digest, KeyId, Limits, Package, PackageError, Signature, TrustPolicy, ValueError, limits::within, trial::Trial,
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
    let trial = Trial::new(policy, bytes, digest, now);
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
