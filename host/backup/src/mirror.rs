//! Several sinks as one: every blob is in all of them, and one that was away is healed from those that were not.
//!
//! - A sink is **current** or **behind**. Only current ones are written to and believed. A sink that misses a write which
//!   another took is behind from then on, and the ledger says so before the write is answered, so that a crash cannot
//!   make it current again. There is always a current one: a write that none of them took is an error.
//! - Healing makes each sink that is behind an exact copy of the current ones, what was deleted meanwhile included, and
//!   then current. **It is called under the lease of the repository**, before a run: nothing may write meanwhile.
//! - A mirror without a ledger is one that was just put together, or whose host was lost. All of its sinks count as
//!   current as far as they agree, and what one lacks is copied from the other, without deleting anything.
//! - Blobs of the host's own ([`OWN`]), such as the lease, are written to each sink by itself, and left alone here.
//!
//! Which sinks there are, where the ledger is kept, and when to heal is decided elsewhere. Nothing of the ledger is held
//! in memory, so that several mirrors of the same sinks, some of which only read, do not contradict each other.

mod digest;
mod heal;
#[cfg(test)]
mod tests;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use warbler_domain::{
    BackupMirror, BackupProgress, BackupSink, BlobEntry, Healed, HookError, MirrorLedger, MirrorState, MirroredSink,
    Refusal,
};

use crate::Patience;
use crate::throttle::Throttle;

pub(crate) use digest::is_named_by_digest;
pub(crate) use traffic::Traffic;

/// Most blobs in one list, as the contract of sinks says.
const PAGE: usize = 1_000;
/// When to try again if a sink or the ledger is away.
const WAIT: Duration = Duration::from_secs(5);
/// How the names of the host's own blobs begin, which are no part of the repository.
const OWN: &str = "warbler-";
/// The blob by which repositories are told apart.
const CONFIG: &str = "config";
/// The longest blob, in bytes, and one more, so that an answer with fewer bytes is all of it.
const WHOLE: u64 = (32 << 20) + 1;

/// Whether bytes are what a name stands for: `None` if the name does not tell.
pub(crate) type Verify = fn(name: &str, bytes: &[u8]) -> Option<bool>;

/// Several sinks as one.
pub(crate) struct Mirror {
    sinks: Vec<MirroredSink>,
    ledger: Arc<dyn MirrorLedger>,
    /// How many sinks have to take a write.
    require: usize,
    verify: Verify,
    /// How patiently a sink is asked again before it counts as behind.
    patience: Patience,
    /// What healing is held to.
    throttle: Option<Throttle>,
    /// What this host writes to the sinks, through whichever mirror.
    writes: Vec<Arc<traffic::Writes>>,
}

impl Mirror {
    /// Puts sinks together. Gives nothing if there are fewer than two, or two have one name.
    pub(crate) fn new(
        sinks: Vec<MirroredSink>,
        ledger: Arc<dyn MirrorLedger>,
        require: usize,
        verify: Verify,
    ) -> Option<Self> {
        let mut ids: Vec<&str> = sinks.iter().map(|sink| sink.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if sinks.len() < 2 || ids.len() < sinks.len() {
            return None;
        }
        let require = require.clamp(1, sinks.len());
        let patience = Patience { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };
        let writes = Traffic::default().of(&sinks);
        Some(Self { sinks, ledger, require, verify, patience, throttle: None, writes })
    }

    /// The same, with so much patience before a sink counts as behind, and healing held to a limit.
    pub(crate) fn patient(self, patience: Patience, throttle: Option<Throttle>) -> Self {
        Self { patience, throttle, ..self }
    }

    /// The same, beside other mirrors of these sinks.
    pub(crate) fn beside(self, traffic: &Traffic) -> Self {
        Self { writes: traffic.of(&self.sinks), ..self }
    }

    /// The sinks that are believed.
    fn current(&self, state: &MirrorState) -> Result<Vec<&MirroredSink>, HookError> {
        let current: Vec<&MirroredSink> = self.sinks.iter().filter(|sink| state.is_current(&sink.id)).collect();
        if current.is_empty() {
            let names: Vec<&str> = self.sinks.iter().map(|sink| sink.id.as_str()).collect();
            let text = format!("none of the mirrored sinks {} is known to hold everything", names.join(", "));
            return Err(misconfigured(&text));
        }
        Ok(current)
    }

    /// The current sinks; all of them as long as nothing is known of any.
    fn trusted(&self, state: &MirrorState) -> impl Iterator<Item = &MirroredSink> {
        self.sinks.iter().filter(|sink| state.is_fresh() || state.is_current(&sink.id))
    }

    /// Changes what is remembered, and gives it as it then is.
    async fn change(&self, apply: impl Fn(&mut MirrorState)) -> Result<MirrorState, HookError> {
        loop {
            let from = self.ledger.load().await?;
            let mut to = from.clone();
            apply(&mut to);
            if from == to || self.ledger.replace(&from, &to).await? {
                return Ok(to);
            }
        }
    }

    /// Writes to all current sinks: those that failed are behind if enough others did not.
    async fn write<F>(&self, call: impl Fn(Arc<dyn BackupSink>) -> F) -> Result<(), HookError>
    where
        F: Future<Output = Result<(), HookError>>,
    {
        let _writing = traffic::begin(&self.writes);
        let state = self.ledger.load().await?;
        let current = self.current(&state)?;
        let outcomes = join_all(current.into_iter().map(async |sink| (sink, self.patiently(sink, &call).await))).await;
        let (took, missed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        if missed.is_empty() && took.len() >= self.require {
            return Ok(());
        }
        loop {
            let from = self.ledger.load().await?;
            // A write beside this one may have found a sink to be behind: what that sink took does not count.
            if took.iter().filter(|(sink, _)| from.is_current(&sink.id)).count() < self.require {
                let first = missed.into_iter().find_map(|(_, outcome)| outcome.err());
                return Err(first.unwrap_or_else(away));
            }
            let mut to = from.clone();
            for (sink, outcome) in &missed {
                let error = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(
                    sink = sink.id,
                    error,
                    "a mirrored sink missed a write, and is behind until it is healed"
                );
                to.set_behind(&sink.id);
            }
            if from == to || self.ledger.replace(&from, &to).await? {
                return Ok(());
            }
        }
    }

    async fn patiently<F>(&self, sink: &MirroredSink, call: &impl Fn(Arc<dyn BackupSink>) -> F) -> Result<(), HookError>
    where
        F: Future<Output = Result<(), HookError>>,
    {
        let mut attempt = 1;
        loop {
            match call(Arc::clone(&sink.sink)).await {
                Err(error) if error.is_transient() && attempt < self.patience.attempts => {
                    tokio::time::sleep(self.patience.pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Notes that `sink` has to be given `name` again, though it is current otherwise.
    async fn suspect(&self, sink: &MirroredSink, name: &str) -> Result<(), HookError> {
        self.change(|state| {
            if self.sinks.iter().filter(|other| state.is_current(&other.id)).count() > 1 {
                tracing::warn!(sink = sink.id, name, "a mirrored sink lost a blob, and is behind until it is healed");
                state.set_damaged(&sink.id, name);
            }
        })
        .await
        .map(drop)
    }
}

#[async_trait]
impl BackupSink for Mirror {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        self.write(|sink| {
            let bytes = bytes.clone();
            async move { sink.put(name, bytes).await }
        })
        .await
    }

    /// From the first sink that has it, whole if it was asked for whole and its name tells. That there is no such blob is
    /// only said if every current sink says so.
    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        let (mut error, mut without) = (None, Vec::new());
        let quiet = traffic::quiet(&self.writes);
        let state = self.ledger.load().await?;
        for sink in self.current(&state)? {
            match sink.sink.get(name, offset, length).await {
                Ok(Some(bytes)) => {
                    // Fewer bytes than asked for from the start are all of it.
                    let whole = offset == 0 && (bytes.len() as u64) < length;
                    if whole && (self.verify)(name, &bytes) == Some(false) {
                        without.push(sink);
                        continue;
                    }
                    // What is written or deleted meanwhile is in some of them a moment before it is in the others.
                    without.retain(|_| quiet.is_some() && quiet == traffic::quiet(&self.writes));
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
        let state = self.ledger.load().await?;
        let current = self.current(&state)?;
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
        self.write(|sink| async move { sink.delete(name).await }).await
    }

    fn is_one(&self) -> bool {
        false
    }
}

#[async_trait]
impl BackupMirror for Mirror {
    async fn believed(&self) -> Result<Vec<Arc<dyn BackupSink>>, HookError> {
        let state = self.ledger.load().await?;
        Ok(self.trusted(&state).map(|sink| Arc::clone(&sink.sink)).collect())
    }

    async fn compare(&self) -> Result<(), HookError> {
        let state = self.ledger.load().await?;
        let answers =
            join_all(self.trusted(&state).map(async |sink| (sink, sink.sink.get(CONFIG, 0, WHOLE).await))).await;
        let mut found: Option<(&MirroredSink, Bytes)> = None;
        let mut without = Vec::new();
        for (sink, answer) in answers {
            match (answer, &found) {
                (Ok(Some(bytes)), None) => found = Some((sink, bytes)),
                (Ok(Some(bytes)), Some((first, config))) if bytes != *config => {
                    let text = format!("the sinks {} and {} hold different repositories", first.id, sink.id);
                    return Err(misconfigured(&text));
                }
                (Ok(None), _) => without.push(sink),
                (Ok(Some(_)) | Err(_), _) => {}
            }
        }
        if found.is_some() && !without.is_empty() {
            self.change(|state| without.iter().for_each(|sink| state.forget(&sink.id))).await?;
        }
        Ok(())
    }

    async fn heal(&self, progress: &BackupProgress) -> Result<Healed, HookError> {
        self.heal_all(progress).await
    }
}

fn away() -> HookError {
    Refusal::Unavailable { after: WAIT }.into()
}

fn misconfigured(text: &str) -> HookError {
    Refusal::Misconfigured { text: text.to_owned() }.into()
}
