//! What the committer has done, in numbers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Events appended.
    pub appends: u64,
    /// Records of state written or deleted.
    pub writes: u64,
    /// Groups committed; each holds what came in while the one before was written.
    pub batches: u64,
    /// Times that the disk was asked to keep everything.
    pub syncs: u64,
    /// Bytes of raw keys and values in those groups.
    pub bytes: u64,
}

/// The numbers as the committer counts them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    appends: AtomicU64,
    writes: AtomicU64,
    batches: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicBool,
}

impl Counters {
    /// A write failed, and nothing more is written.
    pub(crate) fn failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether a write failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// One group was committed.
    pub(crate) fn committed(&self, appends: usize, writes: usize, bytes: usize) {
        let add = |counter: &AtomicU64, n: usize| counter.fetch_add(n as u64, Ordering::Relaxed);
        add(&self.appends, appends);
        add(&self.writes, writes);
        add(&self.bytes, bytes);
        add(&self.batches, 1);
    }

    /// The disk was asked to keep everything.
    pub(crate) fn synced(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers now.
    pub(crate) fn read(&self) -> StoreStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            appends: read(&self.appends),
            writes: read(&self.writes),
            batches: read(&self.batches),
            syncs: read(&self.syncs),
            bytes: read(&self.bytes),
        }
    }
}
