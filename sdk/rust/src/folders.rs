//! Folders of the host's disk that the operator named. Permission `folders`.
//!
//! Each tenant has a part of its own in each folder. Names are segments of `A-Z`, `a-z`, `0-9`, `.`, `_` and
//! `-` between slashes, of 255 bytes at most each and 1,024 together.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::folders as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::folders as host;

pub use crate::bindings::imports::warbler::plugin::folders::{Error, FileInfo};

/// Keeps a file, in the place of an earlier one. `Ok` means that it is on the disk whole.
///
/// # Errors
/// All is as it was: the folder or the name is none, the disk is full, or it failed.
pub fn put(folder: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
    host::put(folder, name, bytes)
}

/// Bytes from `offset`, at most `length` and 32 MiB; `None` if there is no such file.
///
/// # Errors
/// The folder or the name is none, or the disk failed.
pub fn get(folder: &str, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Error> {
    host::get(folder, name, offset, length)
}

/// Files whose names start with `prefix`, in byte order, after `after`, at most 1,000.
///
/// # Errors
/// The folder is none, or the disk failed.
pub fn list(folder: &str, prefix: &str, after: Option<&str>) -> Result<Vec<FileInfo>, Error> {
    host::list(folder, prefix, after)
}

/// Removes a file, if it is there.
///
/// # Errors
/// The folder or the name is none, or the disk failed.
pub fn delete(folder: &str, name: &str) -> Result<(), Error> {
    host::delete(folder, name)
}
