//! Several sinks as one: every blob is in all of them, and one that was away is healed from those that were not.
//!
//! - A sink is **current** or **behind**. Only current ones are written to and believed. A sink that misses a write which
//!   another took is behind from then on, and the ledger says so before the write is answered, so that a crash cannot
//!   make it current again. There is always a current one: a write that none of them took is an error.
//! - [`Mirror::heal`] makes each sink that is behind an exact copy of the current ones, what was deleted meanwhile
//!   included, and then current. **Call it under the lease of the repository**, before a run: nothing may write meanwhile.
//! - A mirror without a ledger is one that was just put together, or whose host was lost. All of its sinks count as
//!   current as far as they agree, and what one lacks is copied from the other, without deleting anything.
//!
//! Which sinks there are, where the ledger is kept, and when to heal is decided elsewhere.

mod digest;
mod heal;
mod ledger;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::Mutex;
use warbler_domain::{BackupSink, BlobEntry, HookError, Refusal};

pub use digest::is_named_by_digest;
pub use heal::Healed;
pub use ledger::{Ledger, LedgerState};

/// Most blobs in one list, as the contract of sinks says.
const PAGE: usize = 1_000;
/// When to try again if a sink or the ledger is away.
const WAIT: Duration = Duration::from_secs(5);

/// Whether bytes are what a name stands for: `None` if the name does not tell. In the restic format most names are the
/// SHA-256 of what they stand for: [`is_named_by_digest`].
pub type Verify = fn(name: &str, bytes: &[u8]) -> Option<bool>;

/// A sink of a mirror.
#[derive(Clone)]
pub struct Mirrored {
    /// What the ledger knows it by: the same for as long as it keeps the same blobs.
    pub id: String,
    /// The sink.
    pub sink: Arc<dyn BackupSink>,
}

/// Several sinks as one.
pub struct Mirror {
    sinks: Vec<Mirrored>,
    ledger: Arc<dyn Ledger>,
    state: Mutex<LedgerState>,
    /// How many sinks have to take a write.
    require: usize,
    verify: Verify,
}

impl Mirror {
    /// Puts `sinks` together, of which `require` have to take each write: at least one, at most all. Sinks that the ledger
    /// does not know are behind; if it knows none, [`heal`](Self::heal) has to be called first.
    ///
    /// # Errors
    /// There are fewer than two sinks, two have one name, or the ledger does not answer.
    pub async fn open(
        sinks: Vec<Mirrored>,
        ledger: Arc<dyn Ledger>,
        require: usize,
        verify: Verify,
    ) -> Result<Self, HookError> {
        let mut ids: Vec<&str> = sinks.iter().map(|sink| sink.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if sinks.len() < 2 || ids.len() < sinks.len() {
            return Err(misconfigured("a mirror needs two sinks at least, each named once"));
        }
        let state = Mutex::new(ledger.load().await?);
        let require = require.clamp(1, sinks.len());
        Ok(Self { sinks, ledger, state, require, verify })
    }

    /// The sinks that miss something, by their names: what an alarm is about.
    pub async fn behind(&self) -> Vec<String> {
        let state = self.state.lock().await;
        self.sinks.iter().filter(|sink| !state.is_current(&sink.id)).map(|sink| sink.id.clone()).collect()
    }

    /// The sinks that are believed.
    async fn current(&self) -> Result<Vec<&Mirrored>, HookError> {
        let state = self.state.lock().await;
        let current: Vec<&Mirrored> = self.sinks.iter().filter(|sink| state.is_current(&sink.id)).collect();
        if current.is_empty() {
            return Err(misconfigured("the mirror was never healed: it is not known which sink holds what"));
        }
        Ok(current)
    }

    /// Ends a write, whose outcomes are given by sink: those that failed are behind if enough others did not.
    async fn settle(&self, outcomes: Vec<(&Mirrored, Result<(), HookError>)>) -> Result<(), HookError> {
        let (took, missed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        let mut state = self.state.lock().await;
        // A write beside this one may have found a sink to be behind: what that sink took does not count.
        let took = took.iter().filter(|(sink, _)| state.is_current(&sink.id)).count();
        if took < self.require {
            let first = missed.into_iter().find_map(|(_, outcome)| outcome.err());
            return Err(first.unwrap_or_else(away));
        }
        if missed.is_empty() {
            return Ok(());
        }
        let mut next = state.clone();
        for (sink, outcome) in missed {
            let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            tracing::warn!(sink = sink.id, error, "a mirrored sink missed a write, and is behind until it is healed");
            next.set_behind(&sink.id);
        }
        self.ledger.save(&next).await?;
        *state = next;
        Ok(())
    }

    /// Notes that `sink` has to be given `name` again, though it is current otherwise.
    async fn suspect(&self, sink: &Mirrored, name: &str) -> Result<(), HookError> {
        let mut state = self.state.lock().await;
        if self.sinks.iter().filter(|other| state.is_current(&other.id)).count() < 2 {
            return Ok(());
        }
        tracing::warn!(sink = sink.id, name, "a mirrored sink lost a blob, and is behind until it is healed");
        let mut next = state.clone();
        next.set_damaged(&sink.id, name);
        self.ledger.save(&next).await?;
        *state = next;
        Ok(())
    }
}

#[async_trait]
impl BackupSink for Mirror {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        let current = self.current().await?;
        let outcomes = join_all(current.into_iter().map(async |sink| (sink, sink.sink.put(name, bytes.clone()).await)));
        self.settle(outcomes.await).await
    }

    /// From the first sink that has it, whole if it was asked for whole and its name tells. That there is no such blob is
    /// only said if every current sink says so.
    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        let (mut error, mut without) = (None, Vec::new());
        for sink in self.current().await? {
            match sink.sink.get(name, offset, length).await {
                Ok(Some(bytes)) => {
                    // Fewer bytes than asked for from the start are all of it.
                    let whole = offset == 0 && (bytes.len() as u64) < length;
                    if whole && (self.verify)(name, &bytes) == Some(false) {
                        without.push(sink);
                        continue;
                    }
                    for sink in without {
                        self.suspect(sink, name).await?;
                    }
                    return Ok(Some(bytes));
                }
                Ok(None) => without.push(sink),
                Err(failed) => error = Some(failed),
            }
        }
        error.map_or(Ok(None), Err)
    }

    /// What the current sinks list together. One that does not answer is left out: the others have all that it has.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        let current = self.current().await?;
        let pages = join_all(current.iter().map(|sink| sink.sink.list(prefix, after))).await;
        let (mut all, mut error, mut answered) = (Vec::new(), None, false);
        for page in pages {
            match page {
                Ok(page) => {
                    answered = true;
                    all.extend(page);
                }
                Err(failed) => error = Some(failed),
            }
        }
        if let (false, Some(error)) = (answered, error) {
            return Err(error);
        }
        // The first 1,000 of the union are right, because each page is right up to its own end.
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all.dedup_by(|one, other| one.name == other.name);
        all.truncate(PAGE);
        Ok(all)
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        let current = self.current().await?;
        let outcomes = join_all(current.into_iter().map(async |sink| (sink, sink.sink.delete(name).await)));
        self.settle(outcomes.await).await
    }
}

fn away() -> HookError {
    Refusal::Unavailable { after: WAIT }.into()
}

fn misconfigured(text: &str) -> HookError {
    Refusal::Misconfigured { text: text.to_owned() }.into()
}
