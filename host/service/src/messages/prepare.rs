//! The first step of a send.

use warbler_domain::{
    Append, Audience, Body, Caution, ConversationId, Event, EventKind, Expect, Message, MessageId, Receipt, Sequence,
    StateWrite,
};

use super::commit::{Held, Prepared};
use super::idempotency::{Asked, repeated};
use super::judge::{Case, Fate, judge};
use super::{Send, body, locate};
use crate::core::Core;
use crate::review::{HeldEdit, HeldRecord};
use crate::{Caller, ServiceError, records};

/// What the host itself adds to a message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addition {
    /// Its identifier, if people know it by that already.
    pub(crate) id: Option<MessageId>,
    /// What receivers are warned of, unless a filter warns them of something else.
    pub(crate) caution: Option<Caution>,
    /// What the host found in it.
    pub(crate) receipts: Vec<Receipt>,
}

#[tracing::instrument(level = "debug", name = "pipeline.prepare", skip_all, fields(conversation = %send.conversation))]
pub(crate) async fn send(
    core: &Core,
    caller: &Caller,
    send: Send,
    addition: Addition,
) -> Result<Prepared, ServiceError> {
    caller.live()?;
    let (scope, sender) = (caller.scope(), caller.user());
    let room = core.room_of(scope, sender, send.conversation).await?;
    body::check_key(core, &send.key)?;
    body::check(core, &send.body)?;
    let mut mentions = send.mentions;
    body::check_mentions(core, &room, &mut mentions)?;
    let asked =
        Asked { edit: None, body: &send.body, reply_to: send.reply_to, mentions: &mentions }.digests(sender, &send.key);
    if let Some(sent) = repeated(core, scope, send.conversation, &asked, &send.key).await? {
        core.meters.repeated.increment(1);
        return Ok(Prepared::repeated(sent));
    }
    caller.person().messages.take()?;
    let at = core.now();
    caller.inner().touch(at);
    check_answered(core, caller, send.conversation, send.reply_to).await?;
    let id = addition.id.unwrap_or_else(|| MessageId::from_uuid(core.ports.ids.next()));
    let body = body::complete(core, caller, send.body).await?;
    let case = Case { id, at, body, reply_to: send.reply_to, mentions: mentions.clone(), edit: false };
    let mut outcome = judge(core, caller, &room, case).await?;
    outcome.add(addition);
    if let Fate::Hold { reason, entry } = outcome.fate {
        let record = HeldRecord {
            id,
            conversation: send.conversation,
            sender,
            held_at: at,
            reason,
            body: outcome.body,
            original: outcome.original,
            reply_to: send.reply_to,
            mentions,
            caution: outcome.caution,
            receipts: outcome.receipts,
            key: send.key,
            idempotency: asked.into(),
            edit: None::<HeldEdit>,
            approval: None,
        };
        return Ok(Prepared::held(*scope, Held { record: Box::new(record), entry }));
    }
    let discarded = matches!(outcome.fate, Fate::Discard);
    let audience = if discarded { Audience::Only(sender) } else { Audience::Members };
    let writes = if discarded { Vec::new() } else { grants(send.conversation, id, &outcome.body)? };
    let message = Message {
        id,
        sender,
        sent_at: at,
        edited_at: None,
        body: Some(outcome.body),
        reply_to: send.reply_to,
        mentions,
        caution: outcome.caution,
        receipts: outcome.receipts,
        removed_at: None,
        restored_at: None,
    };
    let event = Event {
        conversation: send.conversation,
        sequence: Sequence::default(),
        at,
        actor: sender,
        audience,
        kind: EventKind::Posted { message },
    };
    Ok(Prepared::append(*scope, Append { event, idempotency: Some(asked), amend: None, writes }))
}

/// Whether the message that is answered, if any, is there, and one that the sender may see.
async fn check_answered(
    core: &Core,
    caller: &Caller,
    conversation: ConversationId,
    answered: Option<MessageId>,
) -> Result<(), ServiceError> {
    let Some(answered) = answered else { return Ok(()) };
    let found = locate(core, caller.scope(), conversation, answered).await?;
    if found.is_some_and(|event| super::history::may_see(&event, caller.user())) {
        return Ok(());
    }
    Err(ServiceError::NotFound { what: "message to reply to" })
}

/// Lets the members of the conversation see the file that a message carries.
pub(crate) fn grants(
    conversation: ConversationId,
    message: MessageId,
    body: &Body,
) -> Result<Vec<StateWrite>, ServiceError> {
    let Body::File { attachment } = body else { return Ok(Vec::new()) };
    let key = records::sent_in(attachment.id, conversation, message);
    Ok(vec![records::put(key, &(), Expect::Any)?])
}
