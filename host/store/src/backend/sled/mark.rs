//! The mark: how many groups were synced, in a file of its own. sled takes a damaged page for the torn
//! end of its log and drops everything behind it without a word; the mark tells that something is gone.
//!
//! It is written after each sync and not synced itself, so it never promises more than the disk
//! holds: `number (8) | its complement (8)`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The mark.
pub(super) struct Mark(File);

impl Mark {
    /// Opens the file, or makes it; gives the number in it, 0 if there is none.
    pub(super) fn open(path: &Path) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 16];
        let number = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => number(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self(file), number.unwrap_or(0)))
    }

    /// Writes the number of groups that are synced.
    pub(super) fn write(&self, number: u64) -> io::Result<()> {
        self.0.write_all_at(&((u128::from(number) << 64) | u128::from(!number)).to_be_bytes(), 0)
    }
}

/// The number, unless the file was cut off or changed.
fn number(bytes: [u8; 16]) -> Option<u64> {
    let both = u128::from_be_bytes(bytes);
    let number = u64::try_from(both >> 64).ok()?;
    let complement = u64::try_from(both & u128::from(u64::MAX)).ok()?;
    (number == !complement).then_some(number)
}
