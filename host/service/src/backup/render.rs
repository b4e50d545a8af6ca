//! Events as lines of JSON, cut into parts.

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

/// About how long the line of an event is, in bytes.
const LINE: usize = 512;

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
    pub(super) async fn lines(&self, first: Sequence, last: Sequence) -> Result<Vec<u8>, BackupError> {
        let (mut lines, mut after) = (EventLines::default(), Sequence(first.0.saturating_sub(1)));
        while after < last {
            lines.lines.clear();
            self.read(after, last, &mut lines).await?;
            let Some(end) = lines.lines.back() else { break };
            after = end.sequence;
        }
        Ok(lines.text)
    }

    async fn read(&self, after: Sequence, last: Sequence, lines: &mut EventLines) -> Result<(), BackupError> {
        let left = usize::try_from(last.0 - after.0).unwrap_or(CHUNK).min(CHUNK);
        Ok(self.log.read_lines(&self.scope, self.conversation, after, left, lines).await?)
    }
}

/// Cuts events from one place on into parts.
pub(super) struct Cutter {
    origin: Origin,
    /// What was read and is not in a part yet, in order.
    waiting: EventLines,
    after: Sequence,
    last: Sequence,
    month: Month,
    number: u32,
}

impl Cutter {
    /// The parts of the events after `after` up to `last`, behind the part `before`.
    pub(super) fn new(origin: Origin, before: Option<&Part>, after: Sequence, last: Sequence) -> Self {
        let month = before.map_or_else(Month::default, |part| Month::named(&part.month));
        let number = before.map_or(0, |part| part.number);
        let mut cutter = Self { origin, waiting: EventLines::default(), after, last, month, number };
        cutter.waiting.text = Vec::with_capacity(cutter.expected(0));
        cutter
    }

    /// The next part and its bytes; nothing behind the last one.
    pub(super) async fn next(&mut self, now: Timestamp) -> Result<Option<(Part, Bytes)>, BackupError> {
        let mut span: Option<(Sequence, Sequence)> = None;
        // Of what waits, so much is in the part.
        let mut length = 0;
        while let Some(line) = self.front().await? {
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
            self.waiting.lines.pop_front();
        }
        let Some((first, last)) = span else { return Ok(None) };
        let mut rest = Vec::with_capacity(self.expected(length));
        rest.extend_from_slice(self.waiting.text.get(length..).unwrap_or_default());
        let mut lines = std::mem::replace(&mut self.waiting.text, rest);
        lines.truncate(length);
        self.number = self.number.saturating_add(1);
        let part = Part { month: self.month.name.clone(), number: self.number, first, last, ..described(&lines, now) };
        Ok(Some((part, Bytes::from(lines))))
    }

    /// The next line, which is read if none waits.
    async fn front(&mut self) -> Result<Option<EventLine>, BackupError> {
        if self.waiting.lines.is_empty() && self.after < self.last {
            self.origin.read(self.after, self.last, &mut self.waiting).await?;
            self.after = self.waiting.lines.back().map_or(self.last, |line| line.sequence);
        }
        Ok(self.waiting.lines.front().copied())
    }

    /// About how much comes to wait for the next part once `taken` bytes are gone: a part and what is read beyond it,
    /// unless there are too few events left.
    fn expected(&self, taken: usize) -> usize {
        let waits = self.waiting.text.len().saturating_sub(taken);
        let left = usize::try_from(self.last.0.saturating_sub(self.after.0)).unwrap_or(PART);
        left.saturating_mul(LINE).saturating_add(waits).min(PART + CHUNK * LINE)
    }
}

/// What the lines of a part say of it, its places aside.
pub(super) fn described(lines: &[u8], modified: Timestamp) -> Part {
    Part {
        month: String::new(),
        number: 0,
        first: Sequence(0),
        last: Sequence(0),
        bytes: lines.len() as u64,
        sha256: hex(&Sha256::digest(lines).into()),
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
