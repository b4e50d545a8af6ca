//! Brings messages back into their old places.
//!
//! An event of a version goes where it was, if nothing stands there, or if what stands there is the same message
//! with its content removed. Whatever is newer stays: a message that is there, one that was edited since, another
//! event. What was erased (recalled, by the store's own record or that of any version) stays erased, and what
//! is older than the tenant brings back stays away. Done twice, it changes nothing the second time.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{
    Audience, BackupError, BackupProgress, BackupRepository, Body, ConversationId, Event, EventKind, Expect, Message,
    MessageId, Placed, Sequence, StateWrite, StoreError, TenantScope, Timestamp, UserId,
};

use super::collect::ours;
use super::layout::{IndexLine, Part, attachment_path};
use super::policy::BackupPolicy;
use super::read::{Erased, Events};
use super::{expiry, journal, read};
use crate::attachments::AttachmentRecord;
use crate::core::Core;
use crate::messages::may_see;
use crate::{ServiceError, records};

/// Events that are placed together: each time the disk is waited for.
const BATCH: usize = 256;

/// How often a change in between may undo a batch before one gives up.
const ATTEMPTS: usize = 8;

/// What came of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restored {
    /// Messages that came back.
    pub messages: u64,
    /// Other events that came back: who joined, what was renamed.
    pub others: u64,
    /// Messages that were there already, or newer.
    pub present: u64,
    /// Messages that were erased and stay so.
    pub erased: u64,
    /// Messages that are too old to come back.
    pub expired: u64,
    /// Messages that are not for who asked, or not theirs.
    pub withheld: u64,
    /// Files that came back.
    pub files: u64,
}

impl Restored {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.others += other.others;
        self.present += other.present;
        self.erased += other.erased;
        self.expired += other.expired;
        self.withheld += other.withheld;
        self.files += other.files;
    }
}

/// Whose messages may come back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// All of them.
    All,
    /// Those that this member may see.
    SeenBy(UserId),
    /// Those that this member wrote.
    WrittenBy(UserId),
}

impl Reach {
    fn covers(self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::SeenBy(user) => may_see(event, user),
            Self::WrittenBy(user) => event.actor == user && matches!(event.kind, EventKind::Posted { .. }),
        }
    }
}

/// A restore under way.
pub(super) struct Restore {
    pub(super) core: Arc<Core>,
    pub(super) scope: TenantScope,
    pub(super) repository: Arc<dyn BackupRepository>,
    pub(super) version: String,
    pub(super) reach: Reach,
    pub(super) policy: BackupPolicy,
    /// Erased by what any version says.
    pub(super) erased: Erased,
    /// What is older was erased because of its age.
    pub(super) erased_before: Option<Timestamp>,
    pub(super) now: Timestamp,
    /// Told what was read, and asked whether to go on.
    pub(super) progress: Arc<BackupProgress>,
}

/// What to do about one event.
enum Verdict {
    Place { event: Box<Event>, over: bool },
    Leave(fn(&mut Restored)),
}

impl Restore {
    /// Brings back what is missing of one conversation.
    pub(super) async fn conversation(&self, line: &IndexLine) -> Result<Restored, BackupError> {
        let id = line.conversation.id;
        let mut done = Restored::default();
        let Some(last) = line.parts.last() else { return Ok(done) };
        let is_empty = self.core.ports.log.head(&self.scope, id).await? < line.head;
        // The last place first, so that nobody else gets one in between.
        if is_empty {
            let mut events = self.events(id, last).await?;
            let mut newest = None;
            while let Some(event) = events.next().await? {
                newest = Some(event);
            }
            done.add(self.batch(id, newest.as_slice()).await?);
        }
        for part in &line.parts {
            let (mut events, mut batch) = (self.events(id, part).await?, Vec::with_capacity(BATCH));
            while let Some(event) = events.next().await? {
                batch.push(event);
                if batch.len() == BATCH {
                    done.add(self.batch(id, &batch).await?);
                    batch.clear();
                }
            }
            done.add(self.batch(id, &batch).await?);
        }
        if is_empty {
            // It was counted when it came first, and again among the others.
            done.present = done.present.saturating_sub(1);
        }
        Ok(done)
    }

    async fn events(&self, id: ConversationId, part: &Part) -> Result<Events, BackupError> {
        if self.progress.is_cancelled() {
            return Err(BackupError::Cancelled);
        }
        self.progress.add_file();
        self.progress.add_read(part.bytes);
        Events::open(&*self.repository, &self.version, id, part).await
    }

    /// Places some events, and again if something changed in between.
    async fn batch(&self, id: ConversationId, events: &[Event]) -> Result<Restored, BackupError> {
        for _ in 0..ATTEMPTS {
            match self.try_batch(id, events).await {
                Err(BackupError::Source(error)) if matches!(*error, StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
        Err(BackupError::Internal { text: "the conversation is being changed by others".to_owned() })
    }

    async fn try_batch(&self, id: ConversationId, events: &[Event]) -> Result<Restored, BackupError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Restored::default()) };
        let count = usize::try_from(last.sequence.0.saturating_sub(first.sequence.0) + 1).unwrap_or(BATCH);
        let before = Sequence(first.sequence.0.saturating_sub(1));
        let standing = self.core.ports.log.read_after(&self.scope, id, before, count).await?;
        let standing: HashMap<Sequence, Arc<Event>> = standing.into_iter().map(|e| (e.sequence, e)).collect();
        let (mut done, mut placed, mut writes) = (Restored::default(), Vec::new(), Vec::new());
        for event in events {
            match self.judge(event, standing.get(&event.sequence)).await? {
                Verdict::Leave(count) => count(&mut done),
                Verdict::Place { event, over } => {
                    self.prepare(&event, over, &mut writes, &mut done).await?;
                    placed.push(Placed { event: *event, over });
                }
            }
        }
        if !placed.is_empty() {
            writes.push(journal::mark(id, self.now).map_err(ours)?);
            self.core.ports.log.place(&self.scope, id, placed, writes).await?;
        }
        Ok(done)
    }

    async fn judge(&self, event: &Event, standing: Option<&Arc<Event>>) -> Result<Verdict, BackupError> {
        let over = standing.is_some();
        let EventKind::Posted { message } = &event.kind else { return self.judge_other(event, standing).await };
        if message.body.is_none() && over {
            return Ok(Verdict::Leave(|done| done.present += 1));
        }
        if let Some(standing) = standing {
            match &standing.kind {
                EventKind::Posted { message: there } if there.id == message.id => {
                    if there.body.is_some() {
                        return Ok(Verdict::Leave(|done| done.present += 1));
                    }
                    if there.removed_at.is_none() {
                        return Ok(Verdict::Leave(|done| done.erased += 1));
                    }
                }
                _ => return Ok(Verdict::Leave(|done| done.present += 1)),
            }
        }
        if !self.reach.covers(event) {
            return Ok(if over { Verdict::Leave(|done| done.withheld += 1) } else { emptied(event, self.now) });
        }
        if self.is_erased(message.id).await? {
            return Ok(if over { Verdict::Leave(|done| done.erased += 1) } else { recalled(event) });
        }
        if expiry::is_past(event, self.erased_before) {
            return Ok(if over { Verdict::Leave(|done| done.expired += 1) } else { recalled(event) });
        }
        if !self.policy.may_return(message.sent_at, self.now) {
            return Ok(if over { Verdict::Leave(|done| done.expired += 1) } else { emptied(event, self.now) });
        }
        let restored_at = message.body.is_some().then_some(self.now);
        let message = Message { restored_at, ..message.clone() };
        Ok(Verdict::Place { event: Box::new(with(event, message)), over })
    }

    /// Events that are no messages fill empty places, and edits come back with what they edited.
    async fn judge_other(&self, event: &Event, standing: Option<&Arc<Event>>) -> Result<Verdict, BackupError> {
        let mut event = event.clone();
        if let EventKind::Edited { message, .. } = &event.kind
            && (self.is_erased(*message).await? || expiry::is_past(&event, self.erased_before))
        {
            empty(&mut event, self.now);
        }
        let Some(standing) = standing else { return Ok(Verdict::Place { event: Box::new(event), over: false }) };
        let is_emptied = |kind: &EventKind| matches!(kind, EventKind::Edited { body, .. } if is_emptied_body(body));
        let is_same = matches!((&standing.kind, &event.kind),
            (EventKind::Edited { message: one, .. }, EventKind::Edited { message: other, .. }) if one == other);
        if is_same && is_emptied(&standing.kind) && !is_emptied(&event.kind) && self.reach.covers(&event) {
            return Ok(Verdict::Place { event: Box::new(event), over: true });
        }
        Ok(Verdict::Leave(|_| {}))
    }

    pub(super) async fn is_erased(&self, message: MessageId) -> Result<bool, BackupError> {
        let found = self.core.ports.state.get(&self.scope, &records::erased(message)).await?;
        Ok(found.is_some() || self.erased.contains(&message))
    }

    /// What has to be written together with a placed event, and the file that it carries.
    async fn prepare(
        &self,
        event: &Event,
        over: bool,
        writes: &mut Vec<StateWrite>,
        done: &mut Restored,
    ) -> Result<(), BackupError> {
        let EventKind::Posted { message } = &event.kind else {
            done.others += 1;
            return Ok(());
        };
        let key = records::amended(event.conversation, message.id);
        let state = &*self.core.ports.state;
        let guard = records::get::<u64>(state, &self.scope, &key, "guard of a message").await.map_err(ours)?;
        // Nobody can be changing a message whose place is free.
        if over || guard.is_some() {
            let (changes, expect) = guard.unwrap_or((0, Expect::Absent));
            writes.push(records::put(key, &(changes + 1), expect).map_err(ours)?);
        }
        if message.body.is_none() {
            return Ok(());
        }
        done.messages += 1;
        if let Some(Body::File { attachment }) = &message.body {
            if let Some(record) = self.file(attachment, event).await? {
                let key = records::attachment(attachment.id);
                writes.push(records::put(key, &record, Expect::Any).map_err(ours)?);
                done.files += 1;
            }
            if event.audience == Audience::Members {
                let key = records::sent_in(attachment.id, event.conversation, message.id);
                writes.push(records::put(key, &(), Expect::Any).map_err(ours)?);
            }
        }
        Ok(())
    }

    /// Brings a file's bytes back, if they are not there; its record, if that is to be written.
    async fn file(
        &self,
        attachment: &warbler_domain::Attachment,
        event: &Event,
    ) -> Result<Option<AttachmentRecord>, BackupError> {
        let (state, blobs) = (&*self.core.ports.state, &*self.core.ports.blobs);
        let key = records::attachment(attachment.id);
        let kept = records::get::<AttachmentRecord>(state, &self.scope, &key, "attachment").await.map_err(ours)?;
        if let Some((record, _)) = &kept
            && blobs.get(&self.scope, &record.digest).await?.is_some()
        {
            return Ok(None);
        }
        let path = attachment_path(&attachment.sha256);
        let found = self.repository.read(&self.version, &path).await?;
        let bytes = found.ok_or_else(|| BackupError::Damaged { text: format!("{path} is missing") })?;
        let (digest, _) = blobs.put(&self.scope, bytes, attachment.size).await.map_err(read::from_stream)?;
        if crate::authentication::hex(&digest) != attachment.sha256 {
            return Err(BackupError::Damaged { text: format!("{path} holds other bytes than its name says") });
        }
        let record =
            AttachmentRecord { attachment: attachment.clone(), owner: event.actor, digest, created_at: event.at };
        Ok(Some(kept.map_or(record, |(kept, _)| kept)))
    }
}

fn with(event: &Event, message: Message) -> Event {
    Event { kind: EventKind::Posted { message }, ..event.clone() }
}

/// The place of a message that does not come back: what stood there stays unknown, and may come back later.
fn emptied(event: &Event, now: Timestamp) -> Verdict {
    let mut event = event.clone();
    empty(&mut event, now);
    Verdict::Place { event: Box::new(event), over: false }
}

/// The place of a message that was erased, as a recall leaves it.
fn recalled(event: &Event) -> Verdict {
    let mut event = event.clone();
    empty(&mut event, Timestamp::default());
    if let EventKind::Posted { message } = &mut event.kind {
        message.removed_at = None;
    }
    Verdict::Place { event: Box::new(event), over: false }
}

/// What an edit holds whose content was removed.
fn is_emptied_body(body: &Body) -> bool {
    matches!(body, Body::Text { text } if text.is_empty())
}

/// Takes the content out of an event; whether there was any. The place, the sender and the time stay.
pub(super) fn empty(event: &mut Event, now: Timestamp) -> bool {
    match &mut event.kind {
        EventKind::Posted { message } if message.body.is_some() => {
            message.body = None;
            message.caution = None;
            message.mentions.clear();
            message.receipts.clear();
            message.removed_at = Some(now);
            message.restored_at = None;
            true
        }
        EventKind::Edited { body, caution, receipts, .. } if !is_emptied_body(body) => {
            // No message has an empty text, so that this is told apart; a reader sees only a taken place.
            *body = Body::Text { text: String::new() };
            *caution = None;
            receipts.clear();
            true
        }
        _ => false,
    }
}

/// What the service answers when a repository failed.
pub(super) fn refused(error: BackupError) -> ServiceError {
    match error {
        BackupError::NotFound { what } => ServiceError::NotFound { what },
        other => ServiceError::Backup(other),
    }
}
