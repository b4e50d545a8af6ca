//! Names of blobs in folders: which there are, so that none leads outside.

use warbler_domain::FolderError;

use super::UPLOADS;

/// The longest name, in bytes.
const LONGEST: usize = 1_024;
/// The longest segment of one, in bytes: what a file system takes.
const SEGMENT: usize = 255;

/// Gives `name` back if it is one: segments of letters, digits, `.`, `_` and `-` of ASCII between slashes.
pub(super) fn check(name: &str) -> Result<&str, FolderError> {
    let refused = |why| Err(FolderError::Name { name: name.chars().take(LONGEST).collect(), why });
    if name.len() > LONGEST {
        return refused("is longer than 1,024 bytes");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
        return refused("has characters beside A-Z, a-z, 0-9, `.`, `_`, `-` and `/`");
    }
    if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return refused("has a segment that is empty, `.` or `..`");
    }
    if name.split('/').any(|segment| segment.len() > SEGMENT) {
        return refused("has a segment that is longer than 255 bytes");
    }
    if name.split('/').next() == Some(UPLOADS) {
        return refused("is in the folder that is kept for uploads on their way");
    }
    Ok(name)
}
