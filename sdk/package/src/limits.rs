//! How large a package and its parts may be. The operator's configuration sets some of it.

use crate::PackageError;

/// Bounds that every package must keep, in bytes unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole file. 64 MiB by default: a JavaScript or Python guest carries its interpreter,
    /// about 10 to 40 MiB.
    pub package_bytes: u64,
    /// The manifest section. 256 KiB by default: a hand-written schema has a few KiB.
    pub manifest_bytes: u64,
    /// The storage quota that a manifest may ask for. 1 GiB by default.
    pub storage_quota_bytes: u64,
    /// The text of one signature. 16 KiB by default: minisign writes comments of at most 9 KiB.
    pub signature_bytes: u64,
    /// How many signatures may stand beside one package. 16 by default.
    pub signatures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            package_bytes: 64 << 20,
            manifest_bytes: 256 << 10,
            storage_quota_bytes: 1 << 30,
            signature_bytes: 16 << 10,
            signatures: 16,
        }
    }
}

/// Refuses `len` bytes of `what` where more than `limit` are not allowed.
pub(crate) fn within(what: &'static str, len: usize, limit: u64) -> Result<(), PackageError> {
    let size = u64::try_from(len).unwrap_or(u64::MAX);
    if size > limit {
        return Err(PackageError::TooLarge { what, size, limit });
    }
    Ok(())
}
