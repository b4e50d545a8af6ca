//! The port of mirrored sinks: several sinks as one, of which some may be away. What keeps the blobs alike belongs to
//! the mirror; which sinks there are, and where it is remembered how they stand, is decided by the service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{BackupProgress, BackupSink, HookError};

/// Names that a sink has to be given again, at most; beyond that it is given all.
const NAMES: usize = 1_000;
/// Stands for all names.
const ALL: &str = "*";

/// A sink of a mirror.
#[derive(Clone)]
pub struct MirroredSink {
    /// What the ledger knows it by: the same for as long as it keeps the same blobs.
    pub id: String,
    /// The sink.
    pub sink: Arc<dyn BackupSink>,
}

/// What healing took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Healed {
    /// Blobs that were copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that were deleted.
    pub deleted: u64,
    /// The sinks that are current again, or for the first time.
    pub sinks: Vec<String>,
    /// The sinks that are still behind, each with the reason, for people.
    pub failed: BTreeMap<String, String>,
}

/// Which sinks can be believed. Small: it grows with the sinks, not with what they keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorState {
    /// Sinks that hold all that was ever kept and not deleted.
    current: BTreeSet<String>,
    /// Sinks that were current once: what else they hold is left over, and not somebody else's.
    known: BTreeSet<String>,
    /// Blobs that are there and damaged, by sink.
    damaged: BTreeMap<String, BTreeSet<String>>,
}

impl MirrorState {
    /// Whether nothing is remembered of any sink.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.current.is_empty() && self.known.is_empty()
    }

    /// Whether `sink` can be believed.
    #[must_use]
    pub fn is_current(&self, sink: &str) -> bool {
        self.current.contains(sink)
    }

    /// Whether `sink` was current once.
    #[must_use]
    pub fn is_known(&self, sink: &str) -> bool {
        self.known.contains(sink)
    }

    /// Whether `sink` has to be given the blob `name` again, whatever it says of it.
    #[must_use]
    pub fn is_damaged(&self, sink: &str, name: &str) -> bool {
        self.damaged.get(sink).is_some_and(|names| names.contains(name) || names.contains(ALL))
    }

    /// `sink` misses something.
    pub fn set_behind(&mut self, sink: &str) {
        self.current.remove(sink);
    }

    /// `sink` holds the blob `name` with other bytes, or not at all.
    pub fn set_damaged(&mut self, sink: &str, name: &str) {
        self.set_behind(sink);
        let names = self.damaged.entry(sink.to_owned()).or_default();
        names.insert(name.to_owned());
        if names.len() > NAMES {
            *names = BTreeSet::from([ALL.to_owned()]);
        }
    }

    /// `sink` holds everything.
    pub fn set_current(&mut self, sink: &str) {
        self.current.insert(sink.to_owned());
        self.known.insert(sink.to_owned());
        self.damaged.remove(sink);
    }

    /// `sink` is no longer what it was, as if it had never been seen.
    pub fn forget(&mut self, sink: &str) {
        self.current.remove(sink);
        self.known.remove(sink);
        self.damaged.remove(sink);
    }

    /// Sinks for which `stays` does not hold miss what is written from now on.
    pub fn keep(&mut self, stays: impl Fn(&str) -> bool) {
        self.current.retain(|sink| stays(sink));
    }
}

/// Keeps the state of one mirror. It is changed before a write is answered that a sink missed, and so has to be durable.
#[async_trait]
pub trait MirrorLedger: Send + Sync {
    /// What stands there; the default if nothing ever did.
    ///
    /// # Errors
    /// It cannot be read.
    async fn load(&self) -> Result<MirrorState, HookError>;
    /// Puts `to` there if `from` stands there; whether it did.
    ///
    /// # Errors
    /// It is not durable.
    async fn replace(&self, from: &MirrorState, to: &MirrorState) -> Result<bool, HookError>;
}

/// Several sinks as one.
#[async_trait]
pub trait BackupMirror: BackupSink {
    /// The sinks that are believed, one by one: the current ones, or all of them while nothing is remembered.
    ///
    /// # Errors
    /// The ledger does not answer.
    async fn believed(&self) -> Result<Vec<Arc<dyn BackupSink>>, HookError>;
    /// Makes sure that the sinks that are believed hold one and the same repository. One that holds none any more is
    /// no longer believed; one that does not answer is passed over.
    ///
    /// # Errors
    /// `Misconfigured` if they do not, or the ledger does not answer.
    async fn compare(&self) -> Result<(), HookError>;
    /// Makes every sink that is behind an exact copy of the current ones, and then current. If nothing is remembered of
    /// any sink, what one of them lacks is copied from another, and nothing is deleted. It can be stopped at any time,
    /// and goes on from there when it is called again. **Nothing else may write meanwhile**: call it under the lease.
    ///
    /// # Errors
    /// It was cancelled, none of the sinks is current, or the ledger does not answer. That one sink could not be healed
    /// is part of the answer.
    async fn heal(&self, progress: &BackupProgress) -> Result<Healed, HookError>;
}
