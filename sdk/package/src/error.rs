//! Why a package, a signature or a value was refused. Deciding so is the other files' work.

use semver::Version;

use crate::{Digest, Expiry, KeyId, Permission};

/// A text that is not the value it should be, such as a malformed name, digest or key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {reason}")]
pub struct ValueError {
    what: &'static str,
    reason: String,
}

impl ValueError {
    pub(crate) fn new(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into() }
    }
}

/// Why a package was refused. Every variant answers to one stable [`code`](Self::code).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Something is longer than the limit allows.
    #[error("{what} has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are something else than a WebAssembly component.
    #[error("the package is not a WebAssembly component but {found}")]
    NotAComponent {
        /// What was found instead.
        found: &'static str,
    },
    /// The bytes end before the component does.
    #[error("the component is cut off after {size} bytes")]
    Truncated {
        /// How many bytes there are.
        size: u64,
    },
    /// The component breaks the rules of the binary format.
    #[error("the component is malformed at byte {offset}")]
    Malformed {
        /// Where, from the start of the file.
        offset: usize,
        /// What the parser said.
        #[source]
        source: wasmparser::BinaryReaderError,
    },
    /// There is no section `warbler:manifest`.
    #[error("the component has no section `warbler:manifest`")]
    ManifestMissing,
    /// There is more than one section `warbler:manifest`.
    #[error("the component has {count} sections `warbler:manifest`, exactly one is allowed")]
    ManifestRepeated {
        /// How many there are.
        count: usize,
    },
    /// The manifest is not the JSON that its schema asks for.
    #[error("the manifest is invalid: {reason}")]
    ManifestInvalid {
        /// Which field, and what is wrong with it.
        reason: String,
    },
    /// The manifest names other hooks than the component exports.
    #[error("the manifest names the hooks [{manifest}], the component exports [{exports}]")]
    ManifestMismatch {
        /// The hooks in the manifest, separated by commas.
        manifest: String,
        /// The hooks that the component exports, separated by commas.
        exports: String,
    },
    /// The component does not export `warbler:plugin/lifecycle`, which every plugin must.
    #[error("the component does not export `warbler:plugin/lifecycle@0.1`")]
    LifecycleMissing,
    /// The component imports something that no host of this contract offers.
    #[error("unknown import {name:?}: known are warbler:plugin@0.1 and WASI 0.2")]
    UnknownImport {
        /// The import's name, shortened to 200 bytes.
        name: String,
    },
    /// The component exports an interface of the plugin contract that this host does not know.
    #[error("unknown export {name:?}: known are the hooks of warbler:plugin@0.1")]
    UnknownExport {
        /// The export's name, shortened to 200 bytes.
        name: String,
    },
    /// The component imports an interface whose permission its manifest does not ask for.
    #[error("import {import:?} needs the permission `{permission}`, the manifest does not ask for it")]
    ImportNotAsked {
        /// The import's name.
        import: String,
        /// The permission that it needs.
        permission: Permission,
    },
    /// The component imports an interface whose permission was not granted.
    #[error("import {import:?} needs the permission `{permission}`, which was not granted")]
    ImportNotGranted {
        /// The import's name.
        import: String,
        /// The permission that it needs.
        permission: Permission,
    },
    /// The package asks for a newer host.
    #[error("the package needs host {needs} or later, this host is {host}")]
    HostTooOld {
        /// The manifest's `min_host`.
        needs: Version,
        /// This host's version.
        host: Version,
    },
    /// No signature stands beside the package.
    #[error("the package is unsigned")]
    Unsigned,
    /// More signatures stand beside the package than the limit allows.
    #[error("{count} signatures stand beside the package, the limit is {limit}")]
    TooManySignatures {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A signature's text is not in the minisign format.
    #[error("signature {reason}")]
    SignatureMalformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The signature uses minisign's legacy algorithm, which is not prehashed.
    #[error("the signature by key {key} is of the legacy kind, only prehashed signatures are accepted")]
    LegacySignature {
        /// The key named in the signature.
        key: KeyId,
    },
    /// The signature was not made by the key that it names, or was changed since.
    #[error("the signature is not one of key {key}")]
    BadSignature {
        /// The key named in the signature.
        key: KeyId,
    },
    /// The signature is genuine, but of other bytes: the package was changed.
    #[error("the package was changed after key {key} signed it: its sha256 is {digest}")]
    Tampered {
        /// The key that signed the other bytes.
        key: KeyId,
        /// The digest of the bytes at hand.
        digest: Digest,
    },
    /// The signed comment speaks of another package.
    #[error("key {key} signed `{field}={signed}`, the package has `{actual}`")]
    CommentMismatch {
        /// The key that signed.
        key: KeyId,
        /// The field that differs: `name`, `version` or `sha256`.
        field: &'static str,
        /// The signed value.
        signed: String,
        /// The package's value.
        actual: String,
    },
    /// The signed comment is not of the form `name=… version=… sha256=…`.
    #[error("the comment signed by key {key} is invalid")]
    CommentInvalid {
        /// The key that signed.
        key: KeyId,
        /// What is wrong with it.
        #[source]
        source: ValueError,
    },
    /// None of the signatures is by a trusted publisher.
    #[error("no trusted publisher has the key {keys}")]
    UnknownPublisher {
        /// The keys that signed, separated by commas.
        keys: String,
    },
    /// The publisher is trusted for other plugins only.
    #[error("publisher {publisher:?} is not trusted for plugins named `{plugin}`")]
    PublisherNotAllowed {
        /// The publisher's name in the trust policy.
        publisher: String,
        /// The plugin's name.
        plugin: String,
    },
    /// A signature of a required key is missing.
    #[error("the signature of key {key} is required and missing")]
    SignerMissing {
        /// The required key.
        key: KeyId,
    },
    /// The key that signed has been revoked.
    #[error("key {key} is revoked: {reason}")]
    RevokedKey {
        /// The revoked key.
        key: KeyId,
        /// The reason in the revocation list.
        reason: String,
    },
    /// The package itself has been revoked.
    #[error("package {digest} is revoked: {reason}")]
    RevokedDigest {
        /// The revoked digest.
        digest: Digest,
        /// The reason in the revocation list.
        reason: String,
    },
    /// The key or the signature is past its expiry.
    #[error("the {what} of {key} expired at {expiry}")]
    Expired {
        /// `key` or `signature`.
        what: &'static str,
        /// The key concerned.
        key: KeyId,
        /// When it expired.
        expiry: Expiry,
    },
    /// The candidate is older than what is installed.
    #[error("version {candidate} is older than the installed {installed}")]
    Downgrade {
        /// The installed version.
        installed: Version,
        /// The refused version.
        candidate: Version,
    },
    /// The candidate has the installed version's number, but other bytes.
    #[error("version {version} is installed with digest {installed}, the candidate has {candidate}")]
    VersionReused {
        /// The version of both.
        version: Version,
        /// The installed digest.
        installed: Digest,
        /// The refused digest.
        candidate: Digest,
    },
    /// The candidate is another plugin than the one it should replace.
    #[error("`{candidate}` cannot replace the installed plugin `{installed}`")]
    OtherPlugin {
        /// The installed plugin's name.
        installed: String,
        /// The candidate's name.
        candidate: String,
    },
    /// A revocation list is not the JSON that it should be.
    #[error("the revocation list is invalid")]
    RevocationsInvalid {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl PackageError {
    /// The refusal's stable name for programs. Several variants may share one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotAComponent { .. } => "not-a-component",
            Self::Truncated { .. } => "truncated",
            Self::Malformed { .. } => "malformed-component",
            Self::ManifestMissing => "manifest-missing",
            Self::ManifestRepeated { .. } | Self::ManifestInvalid { .. } => "manifest-invalid",
            Self::ManifestMismatch { .. } => "manifest-mismatch",
            Self::LifecycleMissing => "lifecycle-missing",
            Self::UnknownImport { .. } => "unknown-import",
            Self::UnknownExport { .. } => "unknown-export",
            Self::ImportNotAsked { .. } => "import-not-asked",
            Self::ImportNotGranted { .. } => "import-not-granted",
            Self::HostTooOld { .. } => "host-too-old",
            Self::Unsigned => "unsigned",
            Self::TooManySignatures { .. } => "too-many-signatures",
            Self::SignatureMalformed { .. } | Self::BadSignature { .. } => "bad-signature",
            Self::LegacySignature { .. } => "legacy-signature",
            Self::Tampered { .. } => "tampered",
            Self::CommentMismatch { .. } | Self::CommentInvalid { .. } => "comment-mismatch",
            Self::UnknownPublisher { .. } => "unknown-publisher",
            Self::PublisherNotAllowed { .. } => "publisher-not-allowed",
            Self::SignerMissing { .. } => "signer-missing",
            Self::RevokedKey { .. } => "revoked-key",
            Self::RevokedDigest { .. } => "revoked-digest",
            Self::Expired { .. } => "expired",
            Self::Downgrade { .. } => "downgrade",
            Self::VersionReused { .. } => "version-reused",
            Self::OtherPlugin { .. } => "other-plugin",
            Self::RevocationsInvalid { .. } => "revocations-invalid",
        }
    }

    /// Whether trying again could help: never, since a refusal follows from the bytes alone.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        false
    }

    pub(crate) fn manifest(reason: impl Into<String>) -> Self {
        Self::ManifestInvalid { reason: reason.into() }
    }
}
