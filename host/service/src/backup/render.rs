//! Events as lines of JSON, cut into parts.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warbler_domain::{BackupError, ConversationId, Event, MessageLog, Sequence, TenantScope, Timestamp};

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
        let mut lines = Vec::new();
        let mut after = Sequence(first.0.saturating_sub(1));
        while after < last {
            let events = self.read(after, last).await?;
            let Some(end) = events.last() else { break };
            after = end.sequence;
            events.iter().try_for_each(|event| push(&mut lines, event))?;
        }
        Ok(lines)
    }

    async fn read(&self, after: Sequence, last: Sequence) -> Result<Vec<Arc<Event>>, BackupError> {
        let left = usize::try_from(last.0 - after.0).unwrap_or(CHUNK).min(CHUNK);
        Ok(self.log.read_after(&self.scope, self.conversation, after, left).await?)
    }
}

/// Cuts events from one place on into parts.
pub(super) struct Cutter {
    origin: Origin,
    /// What was read and is not in a part yet, in order.
    waiting: std::collections::VecDeque<Arc<Event>>,
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
        Self { origin, waiting: std::collections::VecDeque::new(), after, last, month, number }
    }

    /// About how long the next part becomes: full, unless there are too few events left.
    fn expected(&self) -> usize {
        let left = self.waiting.len() as u64 + self.last.0.saturating_sub(self.after.0);
        usize::try_from(left).unwrap_or(PART).saturating_mul(LINE).min(PART) + LINE
    }

    /// The next part and its bytes; nothing behind the last one.
    pub(super) async fn next(&mut self, now: Timestamp) -> Result<Option<(Part, Bytes)>, BackupError> {
        let mut lines = Vec::with_capacity(self.expected());
        let mut span: Option<(Sequence, Sequence)> = None;
        while lines.len() < PART {
            if self.waiting.is_empty() && self.after < self.last {
                self.waiting = self.origin.read(self.after, self.last).await?.into();
                self.after = self.waiting.back().map_or(self.last, |event| event.sequence);
            }
            let Some(event) = self.waiting.front() else { break };
            if self.month.moves_on(event.at) {
                if span.is_some() {
                    break;
                }
                self.month = Month::of(event.at);
                self.number = 0;
            }
            push(&mut lines, event)?;
            span = Some((span.map_or(event.sequence, |(first, _)| first), event.sequence));
            self.waiting.pop_front();
        }
        let Some((first, last)) = span else { return Ok(None) };
        self.number = self.number.saturating_add(1);
        let part = Part { month: self.month.name.clone(), number: self.number, first, last, ..described(&lines, now) };
        Ok(Some((part, Bytes::from(lines))))
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

fn push(lines: &mut Vec<u8>, event: &Event) -> Result<(), BackupError> {
    serde_json::to_writer(&mut *lines, event)
        .map_err(|_| BackupError::Internal { text: "an event cannot be written".to_owned() })?;
    lines.push(b'\n');
    Ok(())
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
