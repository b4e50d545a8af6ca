//! Healing: sinks that were away get what they missed, and lose what was deleted meanwhile.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use warbler_domain::{BackupSink, BlobEntry, HookError};

use super::{LedgerState, Mirror, Mirrored, PAGE, away, misconfigured};

/// The longest blob, in bytes, and one more, so that an answer with fewer bytes is all of it.
const WHOLE: u64 = (32 << 20) + 1;

/// What healing took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Healed {
    /// Blobs that were copied.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that were deleted.
    pub deleted: u64,
}

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
        if self.page.is_empty() && !self.ended {
            let page = self.sink.list("", self.last.as_deref()).await?;
            self.ended = page.len() < PAGE;
            self.last = page.last().map(|entry| entry.name.clone()).or(self.last.take());
            self.page = page.into();
        }
        Ok(self.page.pop_front())
    }
}

impl Mirror {
    /// Makes every sink that is behind an exact copy of the current ones, and then current. If nothing is remembered of any
    /// sink, what one of them lacks is copied from another, and nothing is deleted. It can be stopped at any time, and goes
    /// on from there when it is called again. Nothing else may write meanwhile.
    ///
    /// # Errors
    /// A sink did not answer: those that were healed before it are current. `Misconfigured` if a sink that is new here holds
    /// another repository.
    pub async fn heal(&self) -> Result<Healed, HookError> {
        let mut healed = Healed::default();
        let state = self.state.lock().await.clone();
        if state.is_empty() {
            self.unite(&mut healed).await?;
            self.make_current(&self.sinks).await?;
            return Ok(healed);
        }
        let mut failed = None;
        for target in self.sinks.iter().filter(|sink| !state.is_current(&sink.id)) {
            match self.copy_to(target, &state, &mut healed).await {
                Ok(()) => self.make_current(std::slice::from_ref(target)).await?,
                // Another that is back is healed all the same.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(healed), Err)
    }

    async fn make_current(&self, sinks: &[Mirrored]) -> Result<(), HookError> {
        let mut state = self.state.lock().await;
        let mut next = state.clone();
        for sink in sinks {
            next.set_current(&sink.id);
        }
        self.ledger.save(&next).await?;
        *state = next;
        Ok(())
    }

    /// Makes `target` a copy of what the current sinks hold together.
    async fn copy_to(&self, target: &Mirrored, state: &LedgerState, healed: &mut Healed) -> Result<(), HookError> {
        let (mut ours, mut theirs) = (Cursor::new(self), Cursor::new(target.sink.as_ref()));
        let (mut our, mut their) = (ours.next().await?, theirs.next().await?);
        loop {
            match (&our, &their) {
                (None, None) => return Ok(()),
                (Some(here), Some(there)) if here.name == there.name => {
                    if !self.is_same(target, here, there, state).await? {
                        self.may_change(target, &here.name, state)?;
                        self.copy(&here.name, target, healed).await?;
                    }
                    (our, their) = (ours.next().await?, theirs.next().await?);
                }
                (Some(here), there) if there.as_ref().is_none_or(|there| here.name < there.name) => {
                    self.copy(&here.name, target, healed).await?;
                    our = ours.next().await?;
                }
                (_, Some(there)) => {
                    self.may_change(target, &there.name, state)?;
                    target.sink.delete(&there.name).await?;
                    healed.deleted += 1;
                    their = theirs.next().await?;
                }
                (Some(_), None) => return Err(away()),
            }
        }
    }

    /// Whether `target` holds what the current sinks do, as far as names and lengths tell; where they do not, its bytes.
    async fn is_same(
        &self,
        target: &Mirrored,
        here: &BlobEntry,
        there: &BlobEntry,
        state: &LedgerState,
    ) -> Result<bool, HookError> {
        if here.size != there.size || state.is_damaged(&target.id, &here.name) {
            return Ok(false);
        }
        if (self.verify)(&here.name, &[]).is_some() {
            return Ok(true);
        }
        Ok(self.get(&here.name, 0, WHOLE).await? == target.sink.get(&here.name, 0, WHOLE).await?)
    }

    /// What is in a sink that is new here is left alone: it may be another repository.
    #[allow(clippy::unused_self)] // It reads as one of the steps of a copy.
    fn may_change(&self, target: &Mirrored, name: &str, state: &LedgerState) -> Result<(), HookError> {
        if state.is_known(&target.id) {
            return Ok(());
        }
        let text = format!("the sink {} is new in this mirror and holds {name:?} of another repository", target.id);
        Err(misconfigured(&text))
    }

    /// Copies a blob from the current sinks.
    async fn copy(&self, name: &str, target: &Mirrored, healed: &mut Healed) -> Result<(), HookError> {
        // It was listed a moment ago, and nothing else writes.
        let bytes = self.get(name, 0, WHOLE).await?.ok_or_else(away)?;
        self.give(name, bytes, target, healed).await
    }

    async fn give(&self, name: &str, bytes: Bytes, target: &Mirrored, healed: &mut Healed) -> Result<(), HookError> {
        healed.copied += 1;
        healed.bytes += bytes.len() as u64;
        target.sink.put(name, bytes).await
    }

    /// Gives every sink what any of them holds.
    async fn unite(&self, healed: &mut Healed) -> Result<(), HookError> {
        let mut sizes: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
        for (index, sink) in self.sinks.iter().enumerate() {
            let mut cursor = Cursor::new(sink.sink.as_ref());
            while let Some(entry) = cursor.next().await? {
                let held = sizes.entry(entry.name).or_insert_with(|| vec![None; self.sinks.len()]);
                if let Some(size) = held.get_mut(index) {
                    *size = Some(entry.size);
                }
            }
        }
        for (name, held) in sizes {
            let alike = held.iter().all(|size| size.is_some() && Some(size) == held.first());
            if alike && (self.verify)(&name, &[]).is_some() {
                continue;
            }
            self.agree(&name, &held, healed).await?;
        }
        Ok(())
    }

    /// Gives the blob `name` to all sinks that lack it, if those that have it agree.
    async fn agree(&self, name: &str, held: &[Option<u64>], healed: &mut Healed) -> Result<(), HookError> {
        let mut found: Option<Bytes> = None;
        let mut without = Vec::new();
        for (sink, size) in self.sinks.iter().zip(held) {
            let bytes = match size {
                Some(_) => sink.sink.get(name, 0, WHOLE).await?,
                None => None,
            };
            // Bytes that are not what the name stands for are as good as none.
            let bytes = bytes.filter(|bytes| (self.verify)(name, bytes) != Some(false));
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
            self.give(name, bytes.clone(), sink, healed).await?;
        }
        Ok(())
    }
}
