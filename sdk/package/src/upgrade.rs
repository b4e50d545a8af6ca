//! Whether one release may replace another.

use semver::Version;

use crate::{Digest, PackageError, PluginName};

/// What identifies one release of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The plugin's name.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// The digest of its package.
    pub digest: Digest,
}

/// Whether `candidate` may take the place of `installed`. An older version may only with
/// `allow_downgrade`, which a person has to have asked for; a version's bytes may never change.
///
/// # Errors
/// `OtherPlugin`, `VersionReused`, `Downgrade`.
pub fn check_upgrade(installed: &Release, candidate: &Release, allow_downgrade: bool) -> Result<(), PackageError> {
    if installed.name != candidate.name {
        return Err(PackageError::OtherPlugin {
            installed: installed.name.to_string(),
            candidate: candidate.name.to_string(),
        });
    }
    if installed.version == candidate.version && installed.digest != candidate.digest {
        return Err(PackageError::VersionReused {
            version: candidate.version.clone(),
            installed: installed.digest,
            candidate: candidate.digest,
        });
    }
    if candidate.version < installed.version && !allow_downgrade {
        return Err(PackageError::Downgrade {
            installed: installed.version.clone(),
            candidate: candidate.version.clone(),
        });
    }
    Ok(())
}
