//! The conversations of a version: which of their parts are taken over and which are made anew, and the index.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::task::JoinSet;
use warbler_domain::{
    BackupContent, BackupEntry, BackupError, ByteStream, ConversationId, EventKind, OpenFile, Position, Sequence,
    State, StateKey, StateWrite, StoreError, TenantScope, Timestamp,
};

use super::super::journal::{self, Journal};
use super::super::layout::{IndexLine, PART, Part};
use super::super::render::{Cutter, Origin, described};
use super::{Ground, Tally, ours, whole};
use crate::conversations::RoomRecord;
use crate::{ServiceError, records};

/// Events of the tenant's log read at a time.
const CHUNK: usize = 1_000;

/// Conversations that may be remembered at a time, while others are read: each waits for the disk.
const FINISHING: usize = 16;

/// What happened in a conversation between the version before and this one.
#[derive(Default)]
struct Change {
    head: Sequence,
    /// Places whose events changed where they stand.
    amended: BTreeSet<Sequence>,
}

/// A walk through all conversations.
#[derive(Default)]
pub(super) struct Walk {
    after: Option<StateKey>,
    rooms: VecDeque<RoomRecord>,
    is_last_page: bool,
    changes: HashMap<ConversationId, Change>,
    /// The first place that each conversation got after the consistent point, as far as the log was read.
    later: HashMap<ConversationId, Sequence>,
    read_to: Position,
    current: Option<Current>,
    /// What is remembered of conversations, on its way to the disk.
    finishing: JoinSet<Result<(), BackupError>>,
}

/// The conversation whose parts are being made.
struct Current {
    id: ConversationId,
    journal: Journal,
    /// Parts with their places, and whether they have to be made anew.
    kept: VecDeque<(Part, bool)>,
    cutter: Option<Cutter>,
    has_changed: bool,
    unmark: Option<StateWrite>,
}

impl Walk {
    /// A walk that makes parts, after reading what changed since the version before.
    pub(super) async fn changes(ground: &Ground) -> Result<Self, ServiceError> {
        let mut walk = Self { read_to: ground.position, ..Self::default() };
        let mut after = ground.since;
        // Without a version before, every conversation is new and read in full.
        while ground.since > Position(0) && after < ground.position {
            let events = ground.core.ports.log.read_tenant(&ground.scope, after, CHUNK).await?;
            let Some(last) = events.last() else { break };
            after = last.position;
            for committed in events.iter().filter(|committed| committed.position <= ground.position) {
                let change = walk.changes.entry(committed.event.conversation).or_default();
                change.head = change.head.max(committed.event.sequence);
                if let EventKind::Edited { posted, .. } | EventKind::Recalled { posted, .. } = &committed.event.kind {
                    change.amended.insert(*posted);
                }
            }
        }
        Ok(walk)
    }

    /// A walk that writes the index.
    pub(super) fn index() -> Self {
        Self::default()
    }

    /// Makes the next part ready, or takes the next conversation; whether there are no more.
    pub(super) async fn advance(
        &mut self,
        ground: &Ground,
        tally: &mut Tally,
        ready: &mut VecDeque<BackupEntry>,
    ) -> Result<bool, BackupError> {
        let Some(mut current) = self.current.take() else {
            let Some(room) = self.next_room(ground).await? else {
                self.finished(0).await?;
                return Ok(true);
            };
            self.current = self.begin(ground, room.conversation.id).await?;
            return Ok(false);
        };
        let Some((part, entry)) = current.next(ground).await? else {
            tally.conversations += 1;
            tally.events += current.journal.parts.iter().map(Part::events).sum::<u64>();
            if current.has_changed {
                self.finishing.spawn(current.finish(Arc::clone(&ground.core.ports.state), ground.scope));
                self.finished(FINISHING).await?;
            }
            return Ok(false);
        };
        tally.file(&entry.path, part.bytes, &part.sha256);
        ready.push_back(entry);
        current.journal.parts.push(part);
        self.current = Some(current);
        Ok(false)
    }

    /// Waits until no more than `most` conversations are being finished.
    async fn finished(&mut self, most: usize) -> Result<(), BackupError> {
        while self.finishing.len() > most {
            let Some(done) = self.finishing.join_next().await else { break };
            done.map_err(|_| BackupError::Internal { text: "remembering a conversation".to_owned() })??;
        }
        Ok(())
    }

    /// The next conversation, in the order of identifiers, which is that of paths.
    async fn next_room(&mut self, ground: &Ground) -> Result<Option<RoomRecord>, BackupError> {
        while self.rooms.is_empty() && !self.is_last_page {
            let prefix = records::under("conversation", &[]);
            let state = &ground.core.ports.state;
            let page = state.scan(&ground.scope, &prefix, self.after.as_ref(), records::SCAN).await?;
            self.is_last_page = page.len() < records::SCAN;
            self.after = page.last().map(|(key, _)| key.clone());
            for (_, value) in &page {
                self.rooms.push_back(records::decode(value, "conversation").map_err(ours)?);
            }
        }
        Ok(self.rooms.pop_front())
    }

    async fn begin(&mut self, ground: &Ground, id: ConversationId) -> Result<Option<Current>, BackupError> {
        let state = &*ground.core.ports.state;
        let unmark = journal::marked(state, &ground.scope, id).await.map_err(ours)?;
        let journal = Journal::load(state, &ground.scope, id).await.map_err(ours)?;
        let change = self.changes.remove(&id).unwrap_or_default();
        let is_whole = unmark.is_some() || ground.since == Position(0);
        let head = match &journal {
            Some(journal) if !is_whole => journal.head.max(change.head),
            _ => self.head_at_point(ground, id).await?,
        };
        if head == Sequence(0) {
            return Ok(None);
        }
        let before = journal.unwrap_or_default();
        let mut kept: VecDeque<(Part, bool)> = before.parts.iter().map(|part| (part.clone(), is_whole)).collect();
        for (part, anew) in &mut kept {
            *anew = *anew || change.amended.range(part.first..=part.last).next().is_some();
        }
        // What a failed run had seen beyond this point is cut again.
        while kept.back().is_some_and(|(part, _)| part.last > head) {
            kept.pop_back();
        }
        let mut covered = kept.back().map_or(Sequence(0), |(part, _)| part.last);
        if covered < head
            && kept.back().is_some_and(|(part, _)| part.bytes < PART as u64)
            && let Some((last, _)) = kept.pop_back()
        {
            covered = Sequence(last.first.0.saturating_sub(1));
        }
        let has_changed = unmark.is_some() || before.head != head || kept.iter().any(|(_, anew)| *anew);
        let behind = kept.back().map(|(part, _)| part);
        let cutter = (covered < head).then(|| Cutter::new(origin(ground, id), behind, covered, head));
        let journal = Journal { head, parts: Vec::new() };
        Ok(Some(Current { id, journal, kept, cutter, has_changed, unmark }))
    }

    /// The last place of a conversation at the consistent point: its present head without what came later.
    async fn head_at_point(&mut self, ground: &Ground, id: ConversationId) -> Result<Sequence, BackupError> {
        let log = &*ground.core.ports.log;
        let head = log.head(&ground.scope, id).await?;
        loop {
            let events = log.read_tenant(&ground.scope, self.read_to, CHUNK).await?;
            for committed in &events {
                let first = self.later.entry(committed.event.conversation).or_insert(committed.event.sequence);
                *first = (*first).min(committed.event.sequence);
                self.read_to = committed.position;
            }
            if events.len() < CHUNK {
                break;
            }
        }
        Ok(self.later.get(&id).map_or(head, |first| head.min(Sequence(first.0.saturating_sub(1)))))
    }

    /// Makes the next file of the index ready; whether there are no more.
    pub(super) async fn index_some(
        &mut self,
        ground: &Ground,
        tally: &mut Tally,
        ready: &mut VecDeque<BackupEntry>,
    ) -> Result<bool, BackupError> {
        let (mut lines, mut first) = (Vec::new(), None);
        while lines.len() < PART {
            let Some(room) = self.next_room(ground).await? else { break };
            let id = room.conversation.id;
            let journal = Journal::load(&*ground.core.ports.state, &ground.scope, id).await.map_err(ours)?;
            // Without one it was begun after the consistent point.
            let Some(journal) = journal else { continue };
            first.get_or_insert(id);
            let line = IndexLine { conversation: room.conversation, head: journal.head, parts: journal.parts };
            serde_json::to_writer(&mut lines, &line)
                .map_err(|_| BackupError::Internal { text: "writing the index".to_owned() })?;
            lines.push(b'\n');
        }
        let Some(first) = first else { return Ok(true) };
        let path = format!("index/{first}.jsonl");
        tally.file(&path, lines.len() as u64, &described(&[&lines], ground.now).sha256);
        ready.push_back(whole(path, lines, ground.now));
        Ok(false)
    }
}

impl Current {
    async fn next(&mut self, ground: &Ground) -> Result<Option<(Part, BackupEntry)>, BackupError> {
        if let Some((part, anew)) = self.kept.pop_front() {
            let origin = origin(ground, self.id);
            if !anew {
                let entry = taken_over(self.id, &part, origin);
                return Ok(Some((part, entry)));
            }
            let pieces = origin.lines(part.first, part.last).await?;
            let made = described(&pieces, ground.now);
            // The same bytes are the same file. A clock that was set back must not make other bytes look like it.
            let after = part.modified.after(Duration::from_millis(1));
            let modified = if made.sha256 == part.sha256 { part.modified } else { ground.now.max(after) };
            let part = Part { bytes: made.bytes, sha256: made.sha256, modified, ..part };
            let entry = at_hand(self.id, &part, pieces);
            return Ok(Some((part, entry)));
        }
        let Some(cutter) = &mut self.cutter else { return Ok(None) };
        let Some((part, pieces)) = cutter.next(ground.now).await? else { return Ok(None) };
        let entry = at_hand(self.id, &part, pieces);
        Ok(Some((part, entry)))
    }

    /// Remembers what was made.
    async fn finish(self, state: Arc<dyn State>, scope: TenantScope) -> Result<(), BackupError> {
        let journal = || self.journal.write(self.id).map_err(ours);
        let mut writes = vec![journal()?];
        writes.extend(self.unmark.clone());
        match state.commit(&scope, writes).await {
            // It was marked again meanwhile; the mark stays for the next run.
            Err(StoreError::Conflict { .. }) => Ok(state.commit(&scope, vec![journal()?]).await?),
            done => Ok(done?),
        }
    }
}

fn origin(ground: &Ground, conversation: ConversationId) -> Origin {
    Origin { log: Arc::clone(&ground.core.ports.log), scope: ground.scope, conversation }
}

/// A part that is as it was; read only if the repository does not have it.
fn taken_over(id: ConversationId, part: &Part, origin: Origin) -> BackupEntry {
    let (path, expected) = (part.path(id), part.clone());
    let open = move || {
        async move {
            let pieces = origin.lines(expected.first, expected.last).await?;
            if described(&pieces, Timestamp::default()).sha256 != expected.sha256 {
                return Err(BackupError::Changed { path, text: "its events changed unnoticed".to_owned() });
            }
            Ok(flow(pieces))
        }
        .boxed()
    };
    entry(id, part, Box::new(open))
}

/// A part whose lines are at hand.
fn at_hand(id: ConversationId, part: &Part, pieces: Vec<Bytes>) -> BackupEntry {
    entry(id, part, Box::new(|| async { Ok(flow(pieces)) }.boxed()))
}

fn entry(id: ConversationId, part: &Part, open: OpenFile) -> BackupEntry {
    let content = BackupContent::Open(open);
    BackupEntry { path: part.path(id), size: part.bytes, modified: part.modified, content }
}

fn flow(pieces: Vec<Bytes>) -> ByteStream {
    stream::iter(pieces.into_iter().map(Ok)).boxed()
}
