//! Records in one tree of sled 0.34.
//!
//! What has to be known of it: `flush` hands the log to the kernel and no further, so the file `db`
//! is synced after it. `apply_batch` alone recovers as a whole. A page above 128 KiB goes to a file
//! that sled never syncs, so long values are cut into pieces that keep pages below that. Corruption
//! panics while it opens.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sled::{Batch, Db, IVec};
use warbler_domain::{ByteSize, StoreError};

use super::mark::Mark;
use super::{has_room, make_folder, sync_folder};
use crate::OpenError;
use crate::backend::{Changes, Record, Records, Sheaf};
use crate::layout::{self, KeyRange};

/// How long a database that is closed may take until its lock is gone, and the pause between two looks.
const LETTING_GO: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

/// Longest value in one piece. A leaf has at most some twenty records, so that it stays below 100 KiB.
const PIECE: usize = 4 * 1024;

/// What stands in the place of a value that is cut into pieces is its length, in as many bytes. A value
/// that happens to be just as long is cut too, so that nothing is ambiguous and no value needs a mark.
const LENGTH: usize = 4;

/// The first byte of the keys of pieces; the value's key and the number of the piece follow.
const PIECES: u8 = b'x';

/// The key of the number of groups; no other key is as short.
const GROUPS: &[u8] = b"g";

/// Records in one tree of sled.
pub(crate) struct SledRecords {
    db: Db,
    folder: PathBuf,
    file: File,
    mark: Mark,
    /// Groups applied since the store was made.
    groups: AtomicU64,
}

impl SledRecords {
    /// Opens or makes the database in this folder.
    pub(crate) fn open(folder: &Path, cache: ByteSize) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { doing: "making the database's folder", source };
        make_folder(folder).map_err(io)?;
        let config = sled::Config::new().path(folder).cache_capacity(cache.0).flush_every_ms(Some(500));
        let open = || catch_unwind(AssertUnwindSafe(|| config.open()));
        let mut opened = open();
        // Whoever held it may have closed it just now, and its threads be about to let go.
        let began = Instant::now();
        while matches!(&opened, Ok(Err(error)) if is_locked(error)) && began.elapsed() < LETTING_GO {
            std::thread::sleep(LOOK);
            opened = open();
        }
        let corrupt = |text: String| OpenError::Corrupt { path: folder.to_owned(), text };
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(error)) if is_locked(&error) => {
                return Err(OpenError::Locked { path: folder.to_owned() });
            }
            Ok(Err(sled::Error::Io(source))) => return Err(OpenError::Io { doing: "opening the database", source }),
            Ok(Err(error)) => return Err(corrupt(error.to_string())),
            Err(_) => return Err(corrupt("it panicked, as it does when its file is damaged".to_owned())),
        };
        let file = File::open(folder.join("db")).map_err(io)?;
        db.flush().map_err(|error| corrupt(error.to_string()))?;
        let (mark, kept) = Mark::open(&folder.join("mark")).map_err(io)?;
        sync_files(folder).map_err(io)?;
        let groups = db.get(GROUPS).map_err(|error| corrupt(error.to_string()))?;
        let found = groups.and_then(|bytes| layout::last_number(&bytes)).unwrap_or(0);
        if found < kept {
            return Err(OpenError::Lost { path: folder.to_owned(), kept, found, mark: folder.join("mark") });
        }
        Ok(Self { db, folder: folder.to_owned(), file, mark, groups: AtomicU64::new(found) })
    }

    fn assemble(&self, key: &[u8], value: &IVec) -> Result<Bytes, StoreError> {
        Ok(self.join(key, value)?.unwrap_or_else(|| Bytes::copy_from_slice(value)))
    }

    /// The value that was cut into pieces; nothing if it stands whole.
    fn join(&self, key: &[u8], value: &IVec) -> Result<Option<Bytes>, StoreError> {
        let Ok(length) = <[u8; LENGTH]>::try_from(value.as_ref()) else { return Ok(None) };
        let corrupt = || StoreError::Corrupt { what: "record" };
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| corrupt())?;
        let mut joined = Vec::new();
        for number in 0..pieces(length) {
            let piece = self.db.get(piece_key(key, number)).map_err(failed("reading"))?;
            joined.extend_from_slice(&piece.ok_or_else(corrupt)?);
        }
        if joined.len() == length { Ok(Some(Bytes::from(joined))) } else { Err(corrupt()) }
    }

    fn collect(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError> {
        let mut found = self.db.range(range.from.as_slice()..range.to.as_slice());
        let mut records = Vec::new();
        while records.len() < limit {
            let next = if range.newest_first { found.next_back() } else { found.next() };
            let Some(next) = next else { break };
            let (key, value) = next.map_err(failed("reading"))?;
            if !skip(&key) {
                let value = self.assemble(&key, &value)?;
                records.push((key.to_vec(), value));
            }
        }
        Ok(records)
    }
}

impl Records for SledRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        guarded(|| {
            let found = self.db.get(key).map_err(failed("reading"))?;
            found.map(|value| self.assemble(key, &value)).transpose()
        })
    }

    fn range(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError> {
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        guarded(|| self.collect(range, skip, limit))
    }

    fn gather(&self, range: &KeyRange, limit: usize) -> Result<Sheaf, StoreError> {
        let mut sheaf = Sheaf::default();
        if range.from >= range.to {
            return Ok(sheaf);
        }
        guarded(|| {
            for record in self.db.range(range.from.as_slice()..range.to.as_slice()).take(limit) {
                let (key, value) = record.map_err(failed("reading"))?;
                let joined = self.join(&key, &value)?;
                sheaf.push(&key, joined.as_deref().unwrap_or(&value));
            }
            Ok(sheaf)
        })
    }

    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let group = self.groups.load(Ordering::Relaxed) + 1;
        batch.insert(GROUPS, &group.to_be_bytes());
        for (key, change) in changes {
            let before = change.before.as_ref().map_or(0, |value| pieces(value.len()));
            let after = change.value.as_ref().map_or(0, |value| pieces(value.len()));
            match &change.value {
                None => batch.remove(key.as_slice()),
                Some(value) if after == 0 => batch.insert(key.as_slice(), value.as_ref()),
                Some(value) => {
                    let limit = u64::from(u32::MAX);
                    let length = u32::try_from(value.len()).map_err(|_| StoreError::TooLarge { limit })?;
                    batch.insert(key.as_slice(), &length.to_be_bytes());
                    for (number, piece) in (0..).zip(value.chunks(PIECE)) {
                        batch.insert(piece_key(key, number), piece);
                    }
                }
            }
            for number in after..before {
                batch.remove(piece_key(key, number));
            }
        }
        self.db.apply_batch(batch).map_err(failed("writing"))?;
        self.groups.store(group, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(failed("writing"))?;
        self.file.sync_data().map_err(|source| StoreError::Io { doing: "syncing", source: Box::new(source) })?;
        if let Err(error) = self.mark.write(self.groups.load(Ordering::Relaxed)) {
            // The group is on disk; only that it was could not be noted.
            tracing::warn!(%error, "the mark of what is on disk was not written");
        }
        Ok(())
    }

    fn has_room(&self) -> Result<(), StoreError> {
        has_room(&self.folder)
            .map_err(|source| StoreError::Io { doing: "making sure of room", source: Box::new(source) })
    }
}

/// Whether another process, or another store of this one, has the database open. sled says so in words alone.
fn is_locked(error: &sled::Error) -> bool {
    error.to_string().contains("acquire lock")
}

/// Reads pages that may be damaged, at which sled panics.
fn guarded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(StoreError::Corrupt { what: "page of the database" }))
}

/// Syncs what sled made while it opened: `conf`, `db` and snapshots, none of which it syncs itself.
fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            File::open(path)?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// How many pieces a value of this length has; none if it stands whole.
fn pieces(length: usize) -> u32 {
    match length {
        LENGTH => 1,
        ..=PIECE => 0,
        _ => u32::try_from(length.div_ceil(PIECE)).unwrap_or(u32::MAX),
    }
}

/// Keys of pieces of two values differ: if the values' keys are equally long they differ themselves.
fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    let mut piece = Vec::with_capacity(key.len() + 5);
    piece.push(PIECES);
    piece.extend_from_slice(key);
    piece.extend_from_slice(&number.to_be_bytes());
    piece
}

fn failed(doing: &'static str) -> impl Fn(sled::Error) -> StoreError {
    move |error| match error {
        sled::Error::Corruption { .. } => StoreError::Corrupt { what: "page of the database" },
        // As it is, so that a full disk can be told from others.
        sled::Error::Io(source) => StoreError::Io { doing, source: Box::new(source) },
        error => StoreError::Io { doing, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Change;

    #[test]
    fn values_of_every_length_read_back_and_leave_no_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let records = SledRecords::open(folder.path(), ByteSize::mib(1)).unwrap();
        let empty = records.db.len();
        let mut before = None;
        for length in [0, 1, 3, 4, 5, 4, PIECE, PIECE + 1, 3 * PIECE, 4, 2 * PIECE + 4, PIECE - 1, PIECE + 4, 0] {
            let value = Bytes::from(vec![7; length]);
            let change = Change { value: Some(value.clone()), before: before.replace(value.clone()) };
            records.apply(&Changes::from([(b"ka".to_vec(), change)])).unwrap();
            assert_eq!(records.get(b"ka").unwrap(), Some(value.clone()), "{length}");
            let range = KeyRange { from: b"k".to_vec(), to: b"l".to_vec(), newest_first: true };
            assert_eq!(records.range(&range, &|_| false, 9).unwrap(), [(b"ka".to_vec(), value.clone())], "{length}");
            let mut gathered = Vec::new();
            let gather = |key: &[u8], value: &mut [u8]| {
                gathered.push((key.to_vec(), Bytes::copy_from_slice(value)));
                Ok(())
            };
            records.gather(&range, 9).unwrap().each(gather).unwrap();
            assert_eq!(gathered, [(b"ka".to_vec(), value)], "{length}");
        }
        records.apply(&Changes::from([(b"ka".to_vec(), Change { value: None, before })])).unwrap();
        // The number of groups is the one record that stays.
        assert_eq!((records.get(b"ka").unwrap(), records.db.len()), (None, empty + 1));
    }
}
