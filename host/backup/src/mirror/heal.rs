//! Healing: sinks that were away get what they missed, and lose what was deleted meanwhile.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::time::Instant;
use warbler_domain::{
    BackupProgress, BackupSink, BlobEntry, Healed, HookError, MirrorState, MirroredSink, with_causes,
};

use super::{CONFIG, Mirror, OWN, PAGE, WHOLE, away, misconfigured};

/// Goes through all blobs of a sink in order, a page at a time.
struct Cursor<'a> {
    sink: &'a dyn BackupSink,
    page: VecDeque<BlobEntry>,
    last: Option<String>,
    ended: bool,
}

impl<'a> Cursor<'a> {
    fn new(sink: &'a dyn BackupSink) -> Self {
        Self { sink, page: VecDeque::new(), last: None, ended: false }
    }

    async fn next(&mut self) -> Result<Option<BlobEntry>, HookError> {
        loop {
            if self.page.is_empty() && !self.ended {
                let page = self.sink.list("", self.last.as_deref()).await?;
                self.ended = page.len() < PAGE;
                self.last = page.last().map(|entry| entry.name.clone()).or(self.last.take());
                self.page = page.into();
            }
            match self.page.pop_front() {
                Some(entry) if entry.name.starts_with(OWN) => {}
                Some(entry) => return Ok(Some(entry)),
                None if self.ended => return Ok(None),
                None => {}
            }
        }
    }
}

/// One healing, and how far it is.
struct Round<'a> {
    mirror: &'a Mirror,
    progress: &'a BackupProgress,
    healed: Healed,
}

impl Mirror {
    pub(super) async fn heal_all(&self, progress: &BackupProgress) -> Result<Healed, HookError> {
        let mut round = Round { mirror: self, progress, healed: Healed::default() };
        let state = self.ledger.load().await?;
        if state.is_fresh() {
            round.unite().await?;
            self.change(|state| self.sinks.iter().for_each(|sink| state.set_current(&sink.id))).await?;
            round.healed.sinks = self.sinks.iter().map(|sink| sink.id.clone()).collect();
            return Ok(round.healed);
        }
        self.current(&state)?;
        for target in self.sinks.iter().filter(|sink| !state.is_current(&sink.id)) {
            match round.copy_to(target, &state).await {
                Ok(()) => {
                    self.change(|state| state.set_current(&target.id)).await?;
                    round.healed.sinks.push(target.id.clone());
                }
                Err(error) if progress.is_cancelled() => return Err(error),
                // Another that is back is healed all the same.
                Err(error) => drop(round.healed.failed.insert(target.id.clone(), with_causes(&error))),
            }
        }
        Ok(round.healed)
    }
}

impl Round<'_> {
    /// Makes `target` a copy of what the current sinks hold together.
    async fn copy_to(&mut self, target: &MirroredSink, state: &MirrorState) -> Result<(), HookError> {
        let is_ours = state.is_known(&target.id) || self.is_ours(target).await?;
        let (mut ours, mut theirs) = (Cursor::new(self.mirror), Cursor::new(target.sink.as_ref()));
        let (mut our, mut their) = (ours.next().await?, theirs.next().await?);
        loop {
            match (&our, &their) {
                (None, None) => return Ok(()),
                (Some(here), Some(there)) if here.name == there.name => {
                    if !self.is_same(target, here, there, state).await? {
                        may_change(is_ours, target, &here.name)?;
                        self.copy(&here.name, target).await?;
                    }
                    (our, their) = (ours.next().await?, theirs.next().await?);
                }
                (Some(here), there) if there.as_ref().is_none_or(|there| here.name < there.name) => {
                    self.copy(&here.name, target).await?;
                    our = ours.next().await?;
                }
                (_, Some(there)) => {
                    may_change(is_ours, target, &there.name)?;
                    self.go_on()?;
                    target.sink.delete(&there.name).await?;
                    self.healed.deleted += 1;
                    their = theirs.next().await?;
                }
                (Some(_), None) => return Err(away()),
            }
        }
    }

    /// Whether a sink that is new here holds this very repository, from another time.
    async fn is_ours(&self, target: &MirroredSink) -> Result<bool, HookError> {
        let theirs = target.sink.get(CONFIG, 0, WHOLE).await?;
        Ok(theirs.is_some() && theirs == self.mirror.get(CONFIG, 0, WHOLE).await?)
    }

    /// Whether `target` holds what the current sinks do, as far as names and lengths tell; where they do not, its bytes.
    async fn is_same(
        &self,
        target: &MirroredSink,
        here: &BlobEntry,
        there: &BlobEntry,
        state: &MirrorState,
    ) -> Result<bool, HookError> {
        if here.size != there.size || state.is_damaged(&target.id, &here.name) {
            return Ok(false);
        }
        if (self.mirror.verify)(&here.name, &[]).is_some() {
            return Ok(true);
        }
        Ok(self.mirror.get(&here.name, 0, WHOLE).await? == target.sink.get(&here.name, 0, WHOLE).await?)
    }

    /// Copies a blob from the current sinks.
    async fn copy(&mut self, name: &str, target: &MirroredSink) -> Result<(), HookError> {
        // It was listed a moment ago, and nothing else writes.
        let bytes = self.mirror.get(name, 0, WHOLE).await?.ok_or_else(away)?;
        self.give(name, bytes, target).await
    }

    async fn give(&mut self, name: &str, bytes: Bytes, target: &MirroredSink) -> Result<(), HookError> {
        self.go_on()?;
        let length = bytes.len() as u64;
        if let Some(throttle) = &self.mirror.throttle {
            tokio::time::sleep(throttle.wait(bytes.len(), Instant::now())).await;
        }
        self.mirror
            .patiently(target, &|sink: std::sync::Arc<dyn BackupSink>| {
                let bytes = bytes.clone();
                async move { sink.put(name, bytes).await }
            })
            .await?;
        self.progress.add_stored(length);
        self.healed.copied += 1;
        self.healed.bytes += length;
        Ok(())
    }

    /// Ends the healing if that was asked for.
    fn go_on(&self) -> Result<(), HookError> {
        if self.progress.is_cancelled() { Err(away()) } else { Ok(()) }
    }

    /// Gives every sink what any of them holds.
    async fn unite(&mut self) -> Result<(), HookError> {
        let mirror = self.mirror;
        let mut sizes: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
        for (index, sink) in mirror.sinks.iter().enumerate() {
            let mut cursor = Cursor::new(sink.sink.as_ref());
            while let Some(entry) = cursor.next().await? {
                let held = sizes.entry(entry.name).or_insert_with(|| vec![None; mirror.sinks.len()]);
                if let Some(size) = held.get_mut(index) {
                    *size = Some(entry.size);
                }
            }
        }
        for (name, held) in sizes {
            let alike = held.iter().all(|size| size.is_some() && Some(size) == held.first());
            if alike && (mirror.verify)(&name, &[]).is_some() {
                continue;
            }
            self.agree(&name, &held).await?;
        }
        Ok(())
    }

    /// Gives the blob `name` to all sinks that lack it, if those that have it agree.
    async fn agree(&mut self, name: &str, held: &[Option<u64>]) -> Result<(), HookError> {
        let mirror = self.mirror;
        let mut found: Option<Bytes> = None;
        let mut without = Vec::new();
        for (sink, size) in mirror.sinks.iter().zip(held) {
            let bytes = match size {
                Some(_) => sink.sink.get(name, 0, WHOLE).await?,
                None => None,
            };
            // Bytes that are not what the name stands for are as good as none.
            let bytes = bytes.filter(|bytes| (mirror.verify)(name, bytes) != Some(false));
            match (bytes, &found) {
                (None, _) => without.push(sink),
                (Some(bytes), None) => found = Some(bytes),
                (Some(bytes), Some(first)) if bytes == *first => {}
                (Some(_), Some(_)) => {
                    return Err(misconfigured(&format!("the sinks hold different repositories: {name:?} differs")));
                }
            }
        }
        // What is damaged everywhere cannot be mended here; a check of the repository names it.
        let Some(bytes) = found else { return Ok(()) };
        for sink in without {
            self.give(name, bytes.clone(), sink).await?;
        }
        Ok(())
    }
}

/// What is in a sink that is new here is left alone: it may be another repository.
fn may_change(is_ours: bool, target: &MirroredSink, name: &str) -> Result<(), HookError> {
    if is_ours {
        return Ok(());
    }
    let text = format!("the sink {} is new in this mirror and holds {name:?} of another repository", target.id);
    Err(misconfigured(&text))
}
