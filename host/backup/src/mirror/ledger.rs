//! What a mirror remembers between runs.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use warbler_domain::HookError;

/// Names that a sink has to be given again, at most; beyond that it is given all.
const NAMES: usize = 1_000;
/// Stands for all names.
const ALL: &str = "*";

/// Which sinks can be believed. Small: it grows with the sinks, not with what they keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerState {
    /// Sinks that hold all that was ever kept and not deleted.
    current: BTreeSet<String>,
    /// Sinks that were current once: what else they hold is left over, and not somebody else's.
    known: BTreeSet<String>,
    /// Blobs that are there and damaged, by sink.
    damaged: BTreeMap<String, BTreeSet<String>>,
}

impl LedgerState {
    /// Whether `sink` can be believed.
    pub(super) fn is_current(&self, sink: &str) -> bool {
        self.current.contains(sink)
    }

    /// Whether `sink` was current once.
    pub(super) fn is_known(&self, sink: &str) -> bool {
        self.known.contains(sink)
    }

    /// Whether no sink can be believed, because nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty()
    }

    /// Whether `sink` has to be given the blob `name` again, whatever it says of it.
    pub(super) fn is_damaged(&self, sink: &str, name: &str) -> bool {
        self.damaged.get(sink).is_some_and(|names| names.contains(name) || names.contains(ALL))
    }

    /// `sink` misses something.
    pub(super) fn set_behind(&mut self, sink: &str) {
        self.current.remove(sink);
    }

    /// `sink` holds the blob `name` with other bytes.
    pub(super) fn set_damaged(&mut self, sink: &str, name: &str) {
        self.set_behind(sink);
        let names = self.damaged.entry(sink.to_owned()).or_default();
        names.insert(name.to_owned());
        if names.len() > NAMES {
            *names = BTreeSet::from([ALL.to_owned()]);
        }
    }

    /// `sink` holds everything.
    pub(super) fn set_current(&mut self, sink: &str) {
        self.current.insert(sink.to_owned());
        self.known.insert(sink.to_owned());
        self.damaged.remove(sink);
    }
}

/// Keeps the state of one mirror. It is written before a write is answered that a sink missed, and so has to be durable.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What was saved last; the default if nothing ever was.
    ///
    /// # Errors
    /// It cannot be read.
    async fn load(&self) -> Result<LedgerState, HookError>;
    /// Saves the state.
    ///
    /// # Errors
    /// It is not durable.
    async fn save(&self, state: &LedgerState) -> Result<(), HookError>;
}
