//! Messages on their way into a guest: the domain's record as the contract's, with what was not
//! granted left out. Strings are lent, not copied.

use uuid::Uuid;
use uuid::fmt::Hyphenated;
use warbler_domain::{Attachment, Body, ConversationKind, Grants, Role, Submission, UserId};

use crate::bindings::exports::warbler::plugin::content_filter::Message;
use crate::bindings::warbler::plugin::types as wit;
use crate::pseudonym::Pseudonyms;

/// The text of an identifier: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
#[derive(Clone, Copy)]
struct IdText([u8; Hyphenated::LENGTH]);

impl IdText {
    fn new(id: Uuid) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        id.hyphenated().encode_lower(&mut text);
        Self(text)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The identifiers of one message as texts, as far as the grants allow.
pub(crate) struct Texts {
    id: IdText,
    conversation: IdText,
    sender: IdText,
    reply_to: Option<IdText>,
    attachment: Option<IdText>,
    mentions: Vec<IdText>,
}

impl Texts {
    pub(crate) fn new(message: &Submission, grants: &Grants, pseudonyms: &Pseudonyms) -> Self {
        let person =
            |user: UserId| IdText::new(if grants.sender_identity { user.as_uuid() } else { pseudonyms.of(user) });
        let attachment = match &message.body {
            Body::File { attachment } => Some(IdText::new(attachment.id.as_uuid())),
            Body::Text { .. } | Body::Custom { .. } => None,
        };
        Self {
            id: IdText::new(message.id.as_uuid()),
            conversation: IdText::new(message.conversation.as_uuid()),
            sender: person(message.sender.id),
            reply_to: message.reply_to.map(|id| IdText::new(id.as_uuid())),
            attachment,
            mentions: message.mentions.iter().copied().map(person).collect(),
        }
    }

    /// The mentions, in the shape that [`Texts::message`] borrows.
    pub(crate) fn mentions(&self) -> Vec<&str> {
        self.mentions.iter().map(IdText::as_str).collect()
    }

    /// The record that the guest gets.
    pub(crate) fn message<'a>(
        &'a self,
        message: &'a Submission,
        mentions: &'a [&'a str],
        grants: &Grants,
    ) -> Message<'a> {
        let name = if grants.sender_profile { message.sender.name.as_str() } else { "" };
        Message {
            id: self.id.as_str(),
            conversation: self.conversation.as_str(),
            kind: kind(message.kind),
            sequence: message.sequence.map(|sequence| sequence.0),
            sender: wit::Party { id: self.sender.as_str(), name, role: role(message.sender.role) },
            sent_at: message.sent_at.as_millis(),
            body: self.body(&message.body),
            reply_to: self.reply_to.as_ref().map(IdText::as_str),
            mentions,
            edit: message.edit,
        }
    }

    fn body<'a>(&'a self, body: &'a Body) -> wit::BodyParam<'a> {
        match body {
            Body::Text { text } => wit::BodyParam::Text(text),
            Body::File { attachment } => wit::BodyParam::File(self.file(attachment)),
            Body::Custom { kind, json } => wit::BodyParam::Custom(wit::CustomBodyParam { kind, json }),
        }
    }

    fn file<'a>(&'a self, attachment: &'a Attachment) -> wit::AttachmentParam<'a> {
        wit::AttachmentParam {
            id: self.attachment.as_ref().map_or("", IdText::as_str),
            name: &attachment.name,
            media_type: &attachment.media_type,
            size: attachment.size,
            sha256: &attachment.sha256,
        }
    }
}

const fn kind(kind: ConversationKind) -> wit::ConversationKind {
    match kind {
        ConversationKind::Direct => wit::ConversationKind::Direct,
        ConversationKind::Group => wit::ConversationKind::Group,
        ConversationKind::Support => wit::ConversationKind::Support,
    }
}

const fn role(role: Role) -> wit::Role {
    match role {
        Role::Owner => wit::Role::Owner,
        Role::Admin => wit::Role::Admin,
        Role::Moderator => wit::Role::Moderator,
        // The contract knows no auditors: in a conversation they are members like any other.
        Role::Member | Role::Auditor => wit::Role::Member,
        Role::Guest => wit::Role::Guest,
        Role::Agent => wit::Role::Agent,
    }
}
