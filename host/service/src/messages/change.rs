//! Edits and recalls: changes of a message that stands in the log already.

use std::sync::Arc;

use warbler_domain::{
    Amend, Append, Audience, Body, ConversationId, Event, EventKind, Expect, Message, MessageId, Right, Sequence,
    StateWrite, TenantScope, Timestamp,
};

use super::commit::{Held, Prepared};
use super::idempotency::{Asked, repeated};
use super::judge::{Case, Fate, Outcome, judge};
use super::prepare::grants;
use super::{Edit, body, history, locate};
use crate::audit::{Actor, NewEntry};
use crate::conversations::Room;
use crate::core::Core;
use crate::review::{HeldEdit, HeldRecord};
use crate::{Caller, ServiceError, records};

/// How often another change may be faster before the caller is told.
const ATTEMPTS: usize = 8;

/// A message in the log, with what guards its changes.
pub(crate) struct EditTarget {
    event: Arc<Event>,
    guard: Guard,
}

struct Guard {
    changes: u64,
    expect: Expect,
}

impl EditTarget {
    /// The message, if it is there and `caller` may see it.
    async fn find(
        core: &Core,
        caller: &Caller,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Self, ServiceError> {
        let target = Self::load(core, caller.scope(), conversation, message).await?;
        target.filter(|target| history::may_see(&target.event, caller.user())).ok_or(ABSENT)
    }

    pub(crate) async fn load(
        core: &Core,
        scope: &TenantScope,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<Self>, ServiceError> {
        // The guard first: a change between the two reads is then found by the commit.
        let key = records::amended(conversation, message);
        let (changes, expect) = records::get_or_new(&*core.ports.state, scope, &key, "guard of a message").await?;
        let event = locate(core, scope, conversation, message).await?;
        Ok(event.map(|event| Self { event, guard: Guard { changes, expect } }))
    }

    pub(crate) fn message(&self) -> Result<&Message, ServiceError> {
        match &self.event.kind {
            EventKind::Posted { message } => Ok(message),
            _ => Err(ABSENT),
        }
    }

    fn guard_write(&self, message: MessageId) -> Result<StateWrite, ServiceError> {
        let key = records::amended(self.event.conversation, message);
        records::put(key, &(self.guard.changes + 1), self.guard.expect)
    }

    /// The append that gives the message a new body.
    pub(crate) fn edited(
        &self,
        at: Timestamp,
        new: &NewContent,
        grants: Vec<StateWrite>,
    ) -> Result<Append, ServiceError> {
        let message = self.message()?;
        let event = |kind| Event { at, kind, sequence: Sequence::default(), ..Event::clone(&self.event) };
        let mut amended = message.clone();
        amended.edited_at = Some(at);
        amended.body = Some(new.body.clone());
        amended.caution.clone_from(&new.caution);
        amended.receipts.extend(new.receipts.iter().cloned());
        let posted = Event { kind: EventKind::Posted { message: amended }, ..Event::clone(&self.event) };
        let mut writes = vec![self.guard_write(message.id)?];
        if let Some(Body::File { attachment }) = &message.body
            && self.event.audience == Audience::Members
        {
            // The file that it carried so far; `grants` may let it be seen again.
            let key = records::sent_in(attachment.id, self.event.conversation, message.id);
            if grants.iter().all(|grant| grant.key != key) {
                writes.push(records::delete(key, Expect::Any));
            }
        }
        writes.extend(grants);
        Ok(Append {
            event: event(EventKind::Edited {
                message: message.id,
                posted: self.event.sequence,
                body: new.body.clone(),
                caution: new.caution.clone(),
                receipts: new.receipts.clone(),
            }),
            idempotency: None,
            amend: Some(Amend { sequence: self.event.sequence, event: posted }),
            writes,
        })
    }
}

/// What an edit puts in the place of a message's content.
pub(crate) struct NewContent {
    pub(crate) body: Body,
    pub(crate) caution: Option<warbler_domain::Caution>,
    pub(crate) receipts: Vec<warbler_domain::Receipt>,
}

#[tracing::instrument(level = "debug", name = "pipeline.prepare_edit", skip_all, fields(conversation = %edit.conversation))]
pub(super) async fn edit(core: &Core, caller: &Caller, edit: Edit) -> Result<Prepared, ServiceError> {
    caller.live()?;
    let (scope, sender) = (caller.scope(), caller.user());
    let room = core.room_of(scope, sender, edit.conversation).await?;
    // Without a key of the client's the host makes one, which nobody can repeat.
    let key = edit.key.unwrap_or_else(|| core.ports.ids.next().to_string());
    body::check_key(core, &key)?;
    body::check(core, &edit.body)?;
    let asked = Asked { edit: Some(edit.message), body: &edit.body, reply_to: None, mentions: &[] };
    let asked = asked.digests(sender, &key);
    if let Some(sent) = repeated(core, scope, edit.conversation, &asked, &key).await? {
        return Ok(Prepared::repeated(sent));
    }
    let target = EditTarget::find(core, caller, edit.conversation, edit.message).await?;
    let message = target.message()?;
    if message.sender != sender {
        return Err(ServiceError::Forbidden { action: "edit what someone else wrote" });
    }
    if message.body.is_none() {
        return Err(RECALLED);
    }
    caller.person().messages.take()?;
    let at = core.now();
    caller.inner().touch(at);
    let (reply_to, mentions) = (message.reply_to, message.mentions.clone());
    let body = body::complete(core, caller, edit.body).await?;
    let case = Case { id: message.id, at, body, reply_to, mentions: mentions.clone(), edit: true };
    let outcome = judge(core, caller, &room, case).await?;
    if let Fate::Hold { reason, entry } = outcome.fate {
        let record = HeldRecord {
            id: MessageId::from_uuid(core.ports.ids.next()),
            conversation: edit.conversation,
            sender,
            held_at: at,
            reason,
            body: outcome.body,
            original: outcome.original,
            reply_to,
            mentions,
            caution: outcome.caution,
            receipts: outcome.receipts,
            key,
            idempotency: asked.into(),
            edit: Some(HeldEdit { message: message.id }),
            approval: None,
        };
        return Ok(Prepared::held(*scope, Held { record: Box::new(record), entry }));
    }
    let append = append(&room, &target, at, outcome)?;
    Ok(Prepared::append(*scope, Append { idempotency: Some(asked), ..append }))
}

fn append(room: &Room, target: &EditTarget, at: Timestamp, outcome: Outcome) -> Result<Append, ServiceError> {
    let is_discarded = matches!(outcome.fate, Fate::Discard);
    let is_public = !is_discarded && target.event.audience == Audience::Members;
    let grants =
        if is_public { grants(room.conversation.id, target.message()?.id, &outcome.body)? } else { Vec::new() };
    let new = NewContent { body: outcome.body, caution: outcome.caution, receipts: outcome.receipts };
    let mut append = target.edited(at, &new, grants)?;
    if is_discarded && target.event.audience == Audience::Members {
        // The others keep the message as it was; the sender alone learns of the edit.
        append.event.audience = Audience::Only(target.event.actor);
        append.amend = None;
        append.writes.clear();
    }
    Ok(append)
}

pub(super) async fn recall(
    core: &Core,
    caller: &Caller,
    conversation: ConversationId,
    message: MessageId,
) -> Result<(), ServiceError> {
    caller.live()?;
    core.room_of(caller.scope(), caller.user(), conversation).await?;
    for _ in 0..ATTEMPTS {
        let target = EditTarget::find(core, caller, conversation, message).await?;
        let posted = target.message()?;
        let is_own = posted.sender == caller.user();
        if !is_own && !caller.role().may(Right::Review) {
            return Err(ServiceError::Forbidden { action: "recall what someone else wrote" });
        }
        if posted.body.is_none() && posted.removed_at.is_none() {
            return Ok(());
        }
        let append = recalled(core, caller, &target, posted)?;
        if !is_own {
            let entry = NewEntry::new(Actor::User { id: caller.user() }, "message.recall")
                .subject("message", &message)
                .subject("conversation", &conversation);
            core.audit.record(caller.scope(), entry).await?;
        }
        match core.ports.log.append(caller.scope(), append).await {
            Ok(_) => {
                core.withdrawn.add(message);
                return Ok(());
            }
            Err(warbler_domain::StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict { what: "the message is being changed by others" })
}

fn recalled(core: &Core, caller: &Caller, target: &EditTarget, posted: &Message) -> Result<Append, ServiceError> {
    let mut amended = posted.clone();
    let body = amended.body.take();
    amended.caution = None;
    amended.mentions.clear();
    (amended.removed_at, amended.restored_at) = (None, None);
    // A backup that still has it must not bring it back.
    let erased = records::put(records::erased(posted.id), &core.now(), Expect::Any)?;
    let mut writes = vec![target.guard_write(posted.id)?, erased];
    if let Some(Body::File { attachment }) = body {
        let key = records::sent_in(attachment.id, target.event.conversation, posted.id);
        writes.push(records::delete(key, Expect::Any));
    }
    let original = Event { kind: EventKind::Posted { message: amended }, ..Event::clone(&target.event) };
    let event = Event {
        conversation: target.event.conversation,
        sequence: Sequence::default(),
        at: core.now(),
        actor: caller.user(),
        audience: target.event.audience,
        kind: EventKind::Recalled { message: posted.id, posted: target.event.sequence },
    };
    let amend = Some(Amend { sequence: target.event.sequence, event: original });
    Ok(Append { event, idempotency: None, amend, writes })
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "message" };
const RECALLED: ServiceError = ServiceError::Conflict { what: "the message was recalled" };
