//! Review: messages that filters held, and the moderators who decide about them. One decision wins, and
//! making it again changes nothing.
//!
//! An approval is first recorded with the held message and in the audit log, then carried out through
//! the message log; one that was cut short in between is finished by approving again.

mod record;

use std::fmt;
use std::sync::Arc;

use warbler_domain::{
    Append, Appended, Audience, Event, EventKind, Expect, Message, MessageId, Reason, Right, Sequence, Signal,
    StateWrite, StoreError, TenantScope,
};

pub use record::HeldMessage;
use record::{Approval, Decided};
pub(crate) use record::{HeldEdit, HeldRecord};

use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::messages::{EditTarget, HeldKey, NewContent, grants};
use crate::{Caller, ServiceError, records};

/// Most held messages of one page.
const PAGE: usize = 100;

/// How often another moderator may be faster before the caller is told.
const ATTEMPTS: usize = 4;

/// Longest reason of a moderator, in bytes.
const REASON: usize = 500;

/// The held messages of a tenant.
#[derive(Clone)]
pub struct Review {
    core: Arc<Core>,
}

impl fmt::Debug for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Review")
    }
}

/// What a sender is told whose message a moderator rejected.
pub(crate) fn rejection(text: String) -> Reason {
    Reason { code: "rejected-by-moderator".to_owned(), text }
}

impl Review {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Messages that wait for a decision, the oldest first, after `after`, at most `limit` (1 to 100).
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(
        &self,
        caller: &Caller,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<HeldMessage>, ServiceError> {
        caller.require(Right::Review)?;
        let (prefix, after) = (records::under("held", &[]), after.map(records::held));
        let limit = limit.clamp(1, PAGE);
        let found = self.core.ports.state.scan(caller.scope(), &prefix, after.as_ref(), limit).await?;
        found.iter().map(|(_, kept)| records::decode::<HeldRecord>(kept, "held message").map(Into::into)).collect()
    }

    /// One message that waits for a decision. That it was read is recorded.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, id: MessageId) -> Result<HeldMessage, ServiceError> {
        caller.require(Right::Review)?;
        let (record, _) = self.waiting(caller.scope(), id).await?.ok_or(ABSENT)?;
        self.core.audit.record(caller.scope(), entry(caller, "review.read", &record)).await?;
        Ok(record.into())
    }

    /// Lets a held message through: it is committed as from its sender. Gives the event.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` if it was rejected, or can no longer be delivered;
    /// `SessionEnded`, or the store failed.
    pub async fn approve(&self, caller: &Caller, id: MessageId) -> Result<Arc<Event>, ServiceError> {
        caller.require(Right::Review)?;
        let scope = caller.scope();
        let Some(record) = self.record_approval(caller, id).await? else {
            return self.approved(scope, id).await;
        };
        let event = self.carry_out(scope, &record).await?;
        self.tell(scope, &record, None).await;
        Ok(event)
    }

    /// Sets down that the message goes through; nothing if it was decided before.
    async fn record_approval(&self, caller: &Caller, id: MessageId) -> Result<Option<HeldRecord>, ServiceError> {
        let scope = caller.scope();
        for _ in 0..ATTEMPTS {
            let Some((mut record, expect)) = self.waiting(scope, id).await? else { return Ok(None) };
            let room = self.core.room(scope, record.conversation).await?;
            if !room.is_some_and(|room| room.has(record.sender)) {
                return Err(ServiceError::Conflict { what: "the sender has left the conversation" });
            }
            if record.approval.is_some() {
                return Ok(Some(record));
            }
            record.approval = Some(Approval { by: caller.user(), at: self.core.now() });
            let write = records::put(records::held(id), &record, expect)?;
            match self.core.audit.commit(scope, vec![write], entry(caller, "review.approve", &record)).await {
                Ok(_) => return Ok(Some(record)),
                // Someone else decided at the same time; the next round sees what.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::Conflict { what: "the message is being decided by others" })
    }

    /// Rejects a held message; its sender is told `reason`, which may be empty.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid` if the reason is too long, `Conflict` if it was approved,
    /// `SessionEnded`, or the store failed.
    pub async fn reject(&self, caller: &Caller, id: MessageId, reason: &str) -> Result<(), ServiceError> {
        caller.require(Right::Review)?;
        if reason.len() > REASON {
            return Err(ServiceError::length("reason", REASON));
        }
        let scope = caller.scope();
        let Some((record, expect)) = self.waiting(scope, id).await? else {
            return self.rejected(scope, id).await;
        };
        if record.approval.is_some() {
            return Err(APPROVED);
        }
        let text = if reason.is_empty() { "a moderator rejected the message" } else { reason };
        let key = HeldKey { content: record.idempotency.content, id, rejected: Some(text.to_owned()) };
        let decided = Decided { approved: false, conversation: record.conversation, idempotency: None };
        let writes = vec![
            records::delete(records::held(id), expect),
            records::put(records::decided(id), &decided, Expect::Absent)?,
            records::put(records::held_key(record.conversation, record.idempotency.key), &key, Expect::Any)?,
        ];
        match self.core.audit.commit(scope, writes, entry(caller, "review.reject", &record)).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => return self.rejected(scope, id).await,
            Err(error) => return Err(error.into()),
        }
        self.tell(scope, &record, Some(text.to_owned())).await;
        Ok(())
    }

    async fn waiting(&self, scope: &TenantScope, id: MessageId) -> Result<Option<(HeldRecord, Expect)>, ServiceError> {
        records::get(&*self.core.ports.state, scope, &records::held(id), "held message").await
    }

    async fn decided(&self, scope: &TenantScope, id: MessageId) -> Result<Decided, ServiceError> {
        let found = records::get(&*self.core.ports.state, scope, &records::decided(id), "decision").await?;
        if let Some((decided, _)) = found {
            return Ok(decided);
        }
        match self.waiting(scope, id).await? {
            // Another moderator's approval is on its way: nothing else changes what waits.
            Some(_) => Err(APPROVED),
            None => Err(ABSENT),
        }
    }

    /// The event of a message that was approved before.
    async fn approved(&self, scope: &TenantScope, id: MessageId) -> Result<Arc<Event>, ServiceError> {
        let decided = self.decided(scope, id).await?;
        let idempotency = decided.idempotency.filter(|_| decided.approved).ok_or(REJECTED)?;
        let found = self.core.ports.log.find(scope, decided.conversation, &idempotency.into()).await?;
        found.ok_or(ServiceError::Internal { what: "an approved message is not in the log" })
    }

    async fn rejected(&self, scope: &TenantScope, id: MessageId) -> Result<(), ServiceError> {
        if self.decided(scope, id).await?.approved { Err(APPROVED) } else { Ok(()) }
    }

    /// Commits an approved message, and with it the end of its being held.
    async fn carry_out(&self, scope: &TenantScope, record: &HeldRecord) -> Result<Arc<Event>, ServiceError> {
        let decided =
            Decided { approved: true, conversation: record.conversation, idempotency: Some(record.idempotency) };
        let mut writes = vec![
            records::delete(records::held(record.id), Expect::Any),
            records::put(records::decided(record.id), &decided, Expect::Any)?,
            // From now on the log knows the sender's key.
            records::delete(records::held_key(record.conversation, record.idempotency.key), Expect::Any),
        ];
        let mut append = match record.edit {
            Some(edit) => self.edit(scope, record, edit).await?,
            None => self.post(record)?,
        };
        writes.append(&mut append.writes);
        let append = Append { idempotency: Some(record.idempotency.into()), writes, ..append };
        match self.core.ports.log.append(scope, append).await? {
            Appended::New(committed) => {
                self.core.meters.committed.increment(1);
                Ok(committed.event)
            }
            Appended::Repeated(event) => Ok(event),
        }
    }

    fn post(&self, record: &HeldRecord) -> Result<Append, ServiceError> {
        let at = self.core.now();
        let message = Message {
            // A new one, since identifiers tell when a message came into the log.
            id: MessageId::from_uuid(self.core.ports.ids.next()),
            sender: record.sender,
            sent_at: record.held_at,
            edited_at: None,
            body: Some(record.body.clone()),
            reply_to: record.reply_to,
            mentions: record.mentions.clone(),
            caution: record.caution.clone(),
            receipts: record.receipts.clone(),
            removed_at: None,
            restored_at: None,
        };
        let writes: Vec<StateWrite> = grants(record.conversation, message.id, &record.body)?;
        let event = Event {
            conversation: record.conversation,
            sequence: Sequence::default(),
            at,
            actor: record.sender,
            audience: Audience::Members,
            kind: EventKind::Posted { message },
        };
        Ok(Append { writes, ..Append::event(event) })
    }

    async fn edit(&self, scope: &TenantScope, record: &HeldRecord, edit: HeldEdit) -> Result<Append, ServiceError> {
        let gone = ServiceError::Conflict { what: "the message to be edited was recalled" };
        let target = EditTarget::load(&self.core, scope, record.conversation, edit.message).await?;
        let Some(target) = target.filter(|target| target.message().is_ok_and(|message| message.body.is_some())) else {
            return Err(gone);
        };
        let new = NewContent {
            body: record.body.clone(),
            caution: record.caution.clone(),
            receipts: record.receipts.clone(),
        };
        let grants = grants(record.conversation, edit.message, &record.body)?;
        target.edited(self.core.now(), &new, grants)
    }

    /// Tells the sender. That they are away is no error: a repeated send tells them, too.
    async fn tell(&self, scope: &TenantScope, record: &HeldRecord, rejected: Option<String>) {
        let signal = Signal::Decided {
            sender: record.sender,
            conversation: record.conversation,
            key: record.key.clone(),
            approved: rejected.is_none(),
            reason: rejected,
        };
        if let Err(error) = self.core.ports.feed.publish(scope, signal).await {
            tracing::warn!(%error, "a sender was not told of a decision");
        }
    }
}

fn entry(caller: &Caller, action: &str, record: &HeldRecord) -> NewEntry {
    NewEntry::new(Actor::User { id: caller.user() }, action)
        .subject("message", &record.id)
        .subject("conversation", &record.conversation)
        .subject("user", &record.sender)
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "held message" };
const APPROVED: ServiceError = ServiceError::Conflict { what: "the message was approved" };
const REJECTED: ServiceError = ServiceError::Conflict { what: "the message was rejected" };
