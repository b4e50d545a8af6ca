//! Backends: opaque bytes under opaque keys. They know nothing of tenants, events or sealing. Each
//! has the same three files: `records`, `blobs`, `keys`.

pub(crate) mod memory;
pub(crate) mod sled;

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use warbler_domain::{StoreError, TenantId};

use crate::layout::KeyRange;

/// One change of a group.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// What stands there from now on; nothing if it is deleted.
    pub(crate) value: Option<Bytes>,
    /// What stood there before the group.
    pub(crate) before: Option<Bytes>,
}

/// Changes that are made together or not at all, by raw key.
pub(crate) type Changes = BTreeMap<Vec<u8>, Change>;

/// A raw key and its value.
pub(crate) type Record = (Vec<u8>, Bytes);

/// Records one behind the other in one piece of memory, for those who read many.
#[derive(Debug, Default)]
pub(crate) struct Sheaf {
    bytes: Vec<u8>,
    /// Where each key ends, and its value.
    ends: Vec<(usize, usize)>,
}

impl Sheaf {
    /// These records.
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut sheaf = Self::default();
        for (key, value) in records {
            sheaf.push(key, value);
        }
        sheaf
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
    }

    /// Bytes of all keys and values.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Gives each key with its value, in the order in which they were added.
    pub(crate) fn each(
        &mut self,
        mut work: impl FnMut(&[u8], &mut [u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (mut rest, mut start) = (self.bytes.as_mut_slice(), 0);
        for (key_end, end) in &self.ends {
            let (key, behind) = rest.split_at_mut(key_end - start);
            let (value, behind) = behind.split_at_mut(end - key_end);
            work(key, value)?;
            (rest, start) = (behind, *end);
        }
        Ok(())
    }
}

/// Small records, ordered by their raw keys. One thread writes, any reads.
pub(crate) trait Records: Send + Sync {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// At most `limit` records in a range, without those for which `skip` holds.
    fn range(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError>;
    /// At most `limit` records in a range, oldest first, in one piece of memory.
    fn gather(&self, range: &KeyRange, limit: usize) -> Result<Sheaf, StoreError> {
        Ok(Sheaf::of(&self.range(range, &|_| false, limit)?))
    }
    /// Makes all changes, or after a crash perhaps none of them.
    fn apply(&self, changes: &Changes) -> Result<(), StoreError>;
    /// Returns when everything applied survives a power cut.
    fn sync(&self) -> Result<(), StoreError>;
    /// Whether there is room for more: an error before the disk is so full that a write could fail in its middle.
    fn has_room(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A sealed file that is being written. Dropped before it is finished, it leaves nothing.
pub(crate) trait BlobWriter: io::Write + Send {
    /// Writes the header over the room that was left at the beginning, and makes the file appear
    /// under its name, durably.
    fn finish(self: Box<Self>, header: &[u8], tenant: TenantId, name: &str) -> io::Result<()>;
}

/// A sealed file that is being read.
pub(crate) trait BlobReader: io::Read + Send {}

impl<R: io::Read + Send> BlobReader for R {}

/// Sealed files, by tenant and opaque name.
pub(crate) trait BlobFiles: Send + Sync {
    /// A new file, with room for a header of `header` bytes.
    fn create(&self, header: usize) -> io::Result<Box<dyn BlobWriter>>;
    /// The file with this name, if there is one.
    fn open(&self, tenant: TenantId, name: &str) -> io::Result<Option<Box<dyn BlobReader>>>;
    /// Deletes it, if it is there.
    fn delete(&self, tenant: TenantId, name: &str) -> io::Result<()>;
    /// Deletes all files of a tenant.
    fn delete_all(&self, tenant: TenantId) -> io::Result<()>;
}
