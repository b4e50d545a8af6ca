//! Messages on their way to an agent: its trigger and its history, with what was not granted left out.

use uuid::Uuid;
use warbler_domain::{Body, ConversationKind, Grants, Party, Role, Submission, UserId};

use super::bindings::warbler::plugin::types as wit;
use crate::pseudonym::Pseudonyms;

/// The record that the guest gets. People are the same in the trigger, in its mentions and in the history.
pub(super) fn message(message: &Submission, grants: &Grants, pseudonyms: &Pseudonyms) -> wit::Message {
    let person = |user: UserId| text(if grants.sender_identity { user.as_uuid() } else { pseudonyms.of(user) });
    let Party { id, name, role } = &message.sender;
    wit::Message {
        id: text(message.id.as_uuid()),
        conversation: text(message.conversation.as_uuid()),
        kind: kind(message.kind),
        sequence: message.sequence.map(|sequence| sequence.0),
        sender: wit::Party {
            id: person(*id),
            name: if grants.sender_profile { name.clone() } else { String::new() },
            role: role_of(*role),
        },
        sent_at: message.sent_at.as_millis(),
        body: body(&message.body),
        reply_to: message.reply_to.map(|id| text(id.as_uuid())),
        mentions: message.mentions.iter().copied().map(person).collect(),
        edit: message.edit,
    }
}

fn text(id: Uuid) -> String {
    id.hyphenated().to_string()
}

fn body(body: &Body) -> wit::Body {
    match body {
        Body::Text { text } => wit::Body::Text(text.clone()),
        Body::File { attachment } => wit::Body::File(wit::Attachment {
            id: text(attachment.id.as_uuid()),
            name: attachment.name.clone(),
            media_type: attachment.media_type.clone(),
            size: attachment.size,
            sha256: attachment.sha256.clone(),
        }),
        Body::Custom { kind, json } => wit::Body::Custom(wit::CustomBody { kind: kind.clone(), json: json.clone() }),
    }
}

const fn kind(kind: ConversationKind) -> wit::ConversationKind {
    match kind {
        ConversationKind::Direct => wit::ConversationKind::Direct,
        ConversationKind::Group => wit::ConversationKind::Group,
        ConversationKind::Support => wit::ConversationKind::Support,
    }
}

const fn role_of(role: Role) -> wit::Role {
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
