//! A package: a component that carries a manifest, read and checked. Whether anyone trusts it is
//! not decided here.

use semver::Version;

use crate::{
    Digest, Expiry, Granted, Hook, Limits, Manifest, PackageError, PluginName, Release, TrustedComment,
    component::{Outline, outline},
    contract,
    limits::within,
};

/// What a package file says and is. It holds no code: keep the bytes beside it, and compare them
/// with [`digest`](Self::digest) before they are compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    manifest: Manifest,
    digest: Digest,
    size: u64,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Package {
    /// Reads the package in `bytes`: a component with exactly one manifest, which agrees with what
    /// the component exports and imports.
    ///
    /// # Errors
    /// `TooLarge`, `NotAComponent`, `Truncated`, `Malformed` by the file; `ManifestMissing`,
    /// `ManifestRepeated`, `ManifestInvalid` by the manifest; `ManifestMismatch`, `LifecycleMissing`,
    /// `UnknownExport`, `UnknownImport`, `ImportNotAsked` by both together.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, PackageError> {
        within("the package", bytes.len(), limits.package_bytes)?;
        Self::read_with_digest(bytes, Digest::of(bytes), limits)
    }

    pub(crate) fn read_with_digest(bytes: &[u8], digest: Digest, limits: &Limits) -> Result<Self, PackageError> {
        let Outline { imports, exports, manifests, .. } = outline(bytes)?;
        let section = match manifests.as_slice() {
            [] => return Err(PackageError::ManifestMissing),
            [section] => section,
            several => {
                return Err(PackageError::ManifestRepeated { count: several.len() });
            }
        };
        let package = Self {
            manifest: Manifest::parse(section, limits)?,
            digest,
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            imports,
            exports,
        };
        package.check_hooks()?;
        package.check_imports()?;
        Ok(package)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &PluginName {
        &self.manifest.name
    }

    /// The plugin's version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.manifest.version
    }

    /// The hooks, which manifest and component agree on.
    #[must_use]
    pub fn hooks(&self) -> &[Hook] {
        &self.manifest.hooks
    }

    /// The SHA-256 of the whole file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Names of the imported interfaces, such as `warbler:plugin/log@0.1.0`.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Names of the exported instances, such as `warbler:plugin/content-filter@0.1.0`.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// What an upgrade is judged by.
    #[must_use]
    pub fn release(&self) -> Release {
        Release { name: self.manifest.name.clone(), version: self.manifest.version.clone(), digest: self.digest }
    }

    /// The comment to sign the package with.
    #[must_use]
    pub fn trusted_comment(&self, expires: Option<Expiry>) -> TrustedComment {
        TrustedComment {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest,
            expires,
        }
    }

    fn check_hooks(&self) -> Result<(), PackageError> {
        let exported = contract::hooks_of(&self.exports)?;
        let mut named = self.manifest.hooks.clone();
        named.sort_unstable();
        if named == exported {
            return Ok(());
        }
        Err(PackageError::ManifestMismatch { manifest: listed(&named), exports: listed(&exported) })
    }

    fn check_imports(&self) -> Result<(), PackageError> {
        match contract::first_without(&self.imports, &self.manifest.permissions)? {
            None => Ok(()),
            Some((import, permission)) => Err(PackageError::ImportNotAsked { import: import.to_owned(), permission }),
        }
    }
}

/// Compares what `package` imports with what an admin `granted`.
///
/// # Errors
/// `ImportNotGranted` for the first import whose permission is not granted.
pub fn check_grants(package: &Package, granted: &Granted) -> Result<(), PackageError> {
    match contract::first_without(&package.imports, &granted.0)? {
        None => Ok(()),
        Some((import, permission)) => Err(PackageError::ImportNotGranted { import: import.to_owned(), permission }),
    }
}

fn listed(hooks: &[Hook]) -> String {
    let names: Vec<_> = hooks.iter().map(|hook| hook.as_str()).collect();
    names.join(", ")
}
