//! Messages and what happens to them, as clients see them: without receipts, and with a taken place where
//! something was not meant for them. Who may see what is the service's decision.

use serde::Serialize;
use utoipa::ToSchema;
use warbler_domain::{Caution, ConversationId, Event, EventKind, MessageId, Reason, Sequence, Timestamp, UserId};

use crate::wire::body::BodyView;

/// A message as a member of its conversation sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageView<'a> {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: MessageId,
    /// Its conversation.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// Its place in the conversation, from 1.
    #[schema(value_type = u64)]
    sequence: Sequence,
    /// Who wrote it.
    #[schema(value_type = String, format = "uuid")]
    sender: UserId,
    /// When the host took it.
    #[schema(value_type = String, format = "date-time")]
    sent_at: Timestamp,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    edited_at: Option<Timestamp>,
    /// Its content; null once it was recalled.
    body: Option<BodyView<'a>>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    reply_to: Option<MessageId>,
    /// Who is mentioned.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>)]
    mentions: &'a [UserId],
    /// What its readers should be warned of.
    #[serde(skip_serializing_if = "Option::is_none")]
    caution: Option<CautionView<'a>>,
    /// When its content was removed with the conversation's history.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    removed_at: Option<Timestamp>,
    /// When it came back from a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    restored_at: Option<Timestamp>,
}

/// A warning beside a message, or a reason, in two voices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CautionView<'a> {
    /// For programs.
    code: &'a str,
    /// For people.
    text: &'a str,
}

impl<'a> From<&'a Caution> for CautionView<'a> {
    fn from(caution: &'a Caution) -> Self {
        Self { code: &caution.code, text: &caution.text }
    }
}

impl<'a> From<&'a Reason> for CautionView<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self { code: &reason.code, text: &reason.text }
    }
}

impl<'a> MessageView<'a> {
    /// The message that `event` posted, if it posted one.
    pub(crate) fn posted(event: &'a Event) -> Option<Self> {
        let EventKind::Posted { message } = &event.kind else { return None };
        Some(Self {
            id: message.id,
            conversation: event.conversation,
            sequence: event.sequence,
            sender: message.sender,
            sent_at: message.sent_at,
            edited_at: message.edited_at,
            body: message.body.as_ref().map(BodyView::from),
            reply_to: message.reply_to,
            mentions: &message.mentions,
            caution: message.caution.as_ref().map(CautionView::from),
            removed_at: message.removed_at,
            restored_at: message.restored_at,
        })
    }
}

/// Something other than a new message that took a place in a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeView<'a> {
    /// Where.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// The place that it took; absent if it took none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    sequence: Option<Sequence>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    at: Option<Timestamp>,
    /// What happened.
    #[serde(flatten)]
    what: WhatChanged<'a>,
}

/// What happened, by `change`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(crate) enum WhatChanged<'a> {
    /// The conversation began.
    Created {
        /// Who began it.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
        /// What people call it.
        title: &'a str,
        /// Who was in it from the start.
        #[schema(value_type = Vec<String>)]
        members: &'a [UserId],
    },
    /// A message got a new content.
    Edited {
        /// Which message.
        #[schema(value_type = String, format = "uuid")]
        message: MessageId,
        /// The place of that message.
        #[schema(value_type = u64)]
        posted: Sequence,
        /// Who edited it.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
        /// Its new content.
        body: BodyView<'a>,
        /// What its readers should be warned of now.
        #[serde(skip_serializing_if = "Option::is_none")]
        caution: Option<CautionView<'a>>,
    },
    /// A message was taken back.
    Recalled {
        /// Which message.
        #[schema(value_type = String, format = "uuid")]
        message: MessageId,
        /// The place of that message.
        #[schema(value_type = u64)]
        posted: Sequence,
        /// Who took it back.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// Someone came in.
    Joined {
        /// Who.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
        /// Who let them in.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// Someone left or was taken out.
    Left {
        /// Who.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
        /// Who did it.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// The conversation has another title.
    Renamed {
        /// The new title.
        title: &'a str,
        /// Who gave it.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// A support conversation is in other hands. It takes no place.
    Support {
        /// `agent`, `waiting`, `person` or `closed`.
        state: &'a str,
        /// The person who has it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = "uuid")]
        person: Option<UserId>,
    },
    /// What was said up to a place was removed.
    Cleared {
        /// Up to which place, that one included.
        #[schema(value_type = u64)]
        up_to: Sequence,
        /// Who did it.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// Messages came back from a backup into their old places.
    Restored {
        /// How many.
        messages: u64,
        /// Who brought them back.
        #[schema(value_type = String, format = "uuid")]
        actor: UserId,
    },
    /// The place is taken by something that is not for this reader.
    Taken,
}

impl<'a> ChangeView<'a> {
    /// What happened in `event`, which is no new message.
    pub(crate) fn of(event: &'a Event) -> Self {
        let what = WhatChanged::of(event);
        Self { conversation: event.conversation, sequence: Some(event.sequence), at: Some(event.at), what }
    }

    /// A place that is taken by something that is not for the reader.
    pub(crate) const fn taken(conversation: ConversationId, sequence: Sequence) -> Self {
        Self { conversation, sequence: Some(sequence), at: None, what: WhatChanged::Taken }
    }

    /// A support conversation in other hands.
    pub(crate) const fn support(conversation: ConversationId, state: &'a str, person: Option<UserId>) -> Self {
        Self { conversation, sequence: None, at: None, what: WhatChanged::Support { state, person } }
    }
}

impl<'a> WhatChanged<'a> {
    fn of(event: &'a Event) -> Self {
        let actor = event.actor;
        match &event.kind {
            EventKind::Created { title, members, .. } => Self::Created { actor, title, members },
            EventKind::Edited { message, posted, body, caution, .. } => Self::Edited {
                message: *message,
                posted: *posted,
                actor,
                body: body.into(),
                caution: caution.as_ref().map(CautionView::from),
            },
            EventKind::Recalled { message, posted } => Self::Recalled { message: *message, posted: *posted, actor },
            EventKind::Joined { user } => Self::Joined { user: *user, actor },
            EventKind::Left { user } => Self::Left { user: *user, actor },
            EventKind::Renamed { title } => Self::Renamed { title, actor },
            EventKind::Cleared { up_to } => Self::Cleared { up_to: *up_to, actor },
            EventKind::Restored { messages } => Self::Restored { messages: *messages, actor },
            EventKind::Posted { .. } => Self::Taken,
        }
    }
}
