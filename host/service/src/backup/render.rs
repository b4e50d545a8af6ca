//! Events as lines of JSON, cut into parts.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warbler_domain::{
    BackupError, ConversationId, EventLine, EventLines, MessageLog, Sequence, TenantScope, Timestamp,
};

use super::layout::{PART, Part};
use crate::authentication::hex;

/// Events read at a time.
const CHUNK: usize = 512;

/// Milliseconds of a day.
const DAY: u64 = 24 * 3600 * 1000;

/// Where a conversation's events come from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) log: Arc<dyn MessageLog>,
    pub(super) scope: TenantScope,
    pub(super) conversation: ConversationId,
}

impl Origin {
    /// The events from `first` to `last` as lines.
    pub(super) async fn lines(&self, first: Sequence, last: Sequence) -> Result<Vec<Bytes>, BackupError> {
        let (mut pieces, mut after) = (Vec::new(), Sequence(first.0.saturating_sub(1)));
        while let Some(lines) = self.next(&mut after, last).await? {
            pieces.push(Bytes::from(lines.text));
        }
        Ok(pieces)
    }

    /// Some lines behind `after`, at least one; nothing behind `last`.
    async fn next(&self, after: &mut Sequence, last: Sequence) -> Result<Option<EventLines>, BackupError> {
        if *after >= last {
            return Ok(None);
        }
        let left = usize::try_from(last.0 - after.0).unwrap_or(CHUNK).min(CHUNK);
        let lines = self.log.read_lines(&self.scope, self.conversation, *after, left).await?;
        *after = lines.lines.back().map_or(last, |line| line.sequence);
        Ok(Some(lines).filter(|lines| !lines.lines.is_empty()))
    }
}

/// Cuts events from one place on into parts.
pub(super) struct Cutter {
    origin: Origin,
    after: Sequence,
    last: Sequence,
    /// Lines that are in no part yet, and of their text so much that is in the next one.
    waiting: VecDeque<EventLine>,
    text: Bytes,
    taken: usize,
    month: Month,
    number: u32,
}

impl Cutter {
    /// The parts of the events after `after` up to `last`, behind the part `before`.
    pub(super) fn new(origin: Origin, before: Option<&Part>, after: Sequence, last: Sequence) -> Self {
        let month = before.map_or_else(Month::default, |part| Month::named(&part.month));
        let number = before.map_or(0, |part| part.number);
        Self { origin, after, last, waiting: VecDeque::new(), text: Bytes::new(), taken: 0, month, number }
    }

    /// The next part and its bytes; nothing behind the last one.
    pub(super) async fn next(&mut self, now: Timestamp) -> Result<Option<(Part, Vec<Bytes>)>, BackupError> {
        let mut span: Option<(Sequence, Sequence)> = None;
        let (mut pieces, mut length) = (Vec::new(), 0);
        while let Some(line) = self.front(&mut pieces).await? {
            let is_full = length + line.length > PART;
            let moves_on = self.month.moves_on(line.at);
            if span.is_some() && (is_full || moves_on) {
                break;
            }
            if moves_on {
                self.month = Month::of(line.at);
                self.number = 0;
            }
            length += line.length;
            span = Some((span.map_or(line.sequence, |(first, _)| first), line.sequence));
            self.taken += line.length;
            self.waiting.pop_front();
        }
        let Some((first, last)) = span else { return Ok(None) };
        self.take(&mut pieces);
        self.number = self.number.saturating_add(1);
        let part = Part { month: self.month.name.clone(), number: self.number, first, last, ..described(&pieces, now) };
        Ok(Some((part, pieces)))
    }

    /// The next line. If none waits, what is read next follows what was taken.
    async fn front(&mut self, pieces: &mut Vec<Bytes>) -> Result<Option<EventLine>, BackupError> {
        if self.waiting.is_empty() {
            self.take(pieces);
            if let Some(EventLines { text, lines }) = self.origin.next(&mut self.after, self.last).await? {
                self.text = Bytes::from(text);
                self.waiting = lines;
            }
        }
        Ok(self.waiting.front().copied())
    }

    /// Moves what was taken into the part.
    fn take(&mut self, pieces: &mut Vec<Bytes>) {
        let taken = std::mem::take(&mut self.taken);
        if taken > 0 {
            pieces.push(self.text.split_to(taken));
        }
    }
}

/// What the lines of a part say of it, its places aside.
pub(super) fn described(pieces: &[impl AsRef<[u8]>], modified: Timestamp) -> Part {
    let (mut bytes, mut digest) = (0, Sha256::new());
    for piece in pieces.iter().map(AsRef::as_ref) {
        bytes += piece.len() as u64;
        digest.update(piece);
    }
    Part {
        month: String::new(),
        number: 0,
        first: Sequence(0),
        last: Sequence(0),
        bytes,
        sha256: hex(&digest.finalize().into()),
        modified,
    }
}

/// A month, and the last day that was found to lie in it, so that few times have to be written out.
#[derive(Default)]
struct Month {
    name: String,
    day: u64,
}

impl Month {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), day: 0 }
    }

    fn of(at: Timestamp) -> Self {
        Self { name: at.to_string().chars().take(7).collect(), day: at.as_millis() / DAY }
    }

    /// Whether `at` lies in a later month.
    fn moves_on(&mut self, at: Timestamp) -> bool {
        let day = at.as_millis() / DAY;
        if day == self.day && !self.name.is_empty() {
            return false;
        }
        let other = Self::of(at);
        if other.name > self.name {
            return true;
        }
        self.day = day;
        false
    }
}
