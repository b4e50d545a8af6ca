//! Warbler packages: manifest, digest, signatures and trust. Pure: bytes come in, answers go out;
//! no file, no network, no clock, and nothing of a WebAssembly runtime.
//!
//! A package is one component `NAME-VERSION.wasm` with a manifest section, and beside it one or more
//! minisign signatures `NAME-VERSION.wasm.minisig`. The host calls [`verify`] with its
//! [`TrustPolicy`], narrowed by the tenant, and goes on only with the [`Verified`] package; then
//! [`check_grants`] and, if a version is there already, [`check_upgrade`].

mod comment;
mod component;
mod contract;
mod digest;
mod embed;
mod error;
mod expiry;
mod http_host;
mod key;
mod limits;
mod manifest;
mod names;
mod object;
mod package;
mod permissions;
mod revocation;
mod signature;
mod text;
mod trial;
mod trust;
mod upgrade;
mod verify;

pub use comment::TrustedComment;
pub use digest::Digest;
pub use embed::embed_manifest;
pub use error::{PackageError, ValueError};
pub use expiry::Expiry;
pub use http_host::HttpHost;
pub use key::{KeyId, PublicKey};
pub use limits::Limits;
pub use manifest::{DisplayText, Hook, MANIFEST_SECTION, Manifest};
pub use names::{NamePattern, PluginName, PushKind, ResourceName};
pub use package::{Package, check_grants};
pub use permissions::{Granted, Permission, Permissions, Selection, Storage};
pub use revocation::RevocationList;
pub use signature::Signature;
pub use trust::{Narrowing, Publisher, Requirement, TrustPolicy};
pub use upgrade::{Release, check_upgrade};
pub use verify::{HostVersion, Signer, Verified, verify};
