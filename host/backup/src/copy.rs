//! Copies all versions of a repository into another one under another key: every blob is opened, and sealed anew.
//!
//! The copy cuts files at other places than the original, for where a file is cut is a secret of the repository: whoever
//! had the old key could otherwise tell known files by the lengths of their pieces.

use std::sync::Arc;

use rustic_core::repofile::{SnapshotFile, SnapshotId};
use rustic_core::{
    Credentials, HiddenProgress, OpenStatus, Progress, ProgressBars, ProgressType, RepairIndexOptions, Repository,
    RusticError, RusticProgress,
};
use warbler_domain::{BackupError, BackupProgress, CopiedVersion};

use crate::backend::SinkBackend;
use crate::error::internal;
use crate::repositories::{open, open_watched};

/// Threads that read packs, each of which holds one of 24 MiB at most: as many as there are processors would need memory
/// without a limit, and one thread alone writes.
const READERS: usize = 2;

/// Copies; blocks.
pub(crate) fn copy(
    (original, unlock): (&Arc<SinkBackend>, &Credentials),
    (copied, unlock_copy): (&Arc<SinkBackend>, &Credentials),
    progress: &Arc<BackupProgress>,
) -> Result<Vec<CopiedVersion>, BackupError> {
    let source = open(original, unlock)?;
    let target = open_watched(copied, unlock_copy, Watch(Arc::clone(progress)))?;
    begin_anew(&target, copied)?;
    let mut snapshots = source.get_all_snapshots().map_err(|error| original.fault.explain(&error))?;
    snapshots.sort_by(|left, right| left.time.cmp(&right.time).then_with(|| left.id.cmp(&right.id)));
    let source = source.to_indexed().map_err(|error| original.fault.explain(&error))?;
    let target = target.to_indexed_ids().map_err(|error| copied.fault.explain(&error))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(READERS).build();
    let pool = pool.map_err(|_| internal("threads cannot be begun"))?;
    // Whose failure it was, the one that has one tells.
    let explain =
        |error: Box<RusticError>| original.fault.check().err().unwrap_or_else(|| copied.fault.explain(&error));
    pool.install(|| source.copy(&target, &snapshots)).map_err(explain)?;
    original.fault.check()?;
    copied.fault.check()?;
    let made = target.get_all_snapshots().map_err(|error| copied.fault.explain(&error))?;
    snapshots.iter().map(|snapshot| counterpart(snapshot, &made, progress)).collect()
}

/// Makes use of what an earlier copy has stored: packs that it did not come to list are listed now. Its versions, on
/// the other hand, are taken off the list: some may be gone from the original, and some may miss something.
fn begin_anew(target: &Repository<OpenStatus>, backend: &SinkBackend) -> Result<(), BackupError> {
    let explain = |error: Box<RusticError>| backend.fault.explain(&error);
    let before: Vec<SnapshotId> = target.get_all_snapshots().map_err(explain)?.iter().map(|found| found.id).collect();
    if !before.is_empty() {
        target.delete_snapshots(&before).map_err(explain)?;
    }
    target.repair_index(&RepairIndexOptions::default(), false).map_err(explain)?;
    backend.fault.check()
}

fn counterpart(
    snapshot: &SnapshotFile,
    made: &[SnapshotFile],
    progress: &BackupProgress,
) -> Result<CopiedVersion, BackupError> {
    let found = made.iter().find(|copy| copy.time == snapshot.time && copy.tree == snapshot.tree);
    let found = found.ok_or_else(|| internal("a version was not copied"))?;
    progress.add_file();
    let text = |id: &SnapshotId| id.to_hex().as_str().to_owned();
    Ok(CopiedVersion { from: text(&snapshot.id), to: text(&found.id) })
}

/// Tells of bytes that were copied.
#[derive(Debug)]
struct Watch(Arc<BackupProgress>);

impl ProgressBars for Watch {
    fn progress(&self, progress_type: ProgressType, _prefix: &str) -> Progress {
        match progress_type {
            ProgressType::Bytes => Progress::new(Bytes(Arc::clone(&self.0))),
            _ => Progress::new(HiddenProgress),
        }
    }
}

#[derive(Debug)]
struct Bytes(Arc<BackupProgress>);

impl RusticProgress for Bytes {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, _len: u64) {}

    fn set_title(&self, _title: &str) {}

    fn inc(&self, inc: u64) {
        self.0.add_read(inc);
    }

    fn finish(&self) {}
}
