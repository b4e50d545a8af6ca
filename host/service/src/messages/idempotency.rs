//! Idempotency: digests that tell what was asked for, and the keys of messages that are held or were
//! rejected by a moderator, which the log does not know.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use warbler_domain::{ConversationId, Idempotency, MessageId, TenantScope, UserId};

use super::{NewBody, Sent};
use crate::core::Core;
use crate::{ServiceError, records};

/// What became of a held message, by its key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldKey {
    /// Digest of what was asked for.
    pub(crate) content: [u8; 16],
    /// The held message.
    pub(crate) id: MessageId,
    /// What the moderator said who rejected it.
    pub(crate) rejected: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The message to be edited, if it is an edit.
    pub(super) edit: Option<MessageId>,
    pub(super) body: &'a NewBody,
    pub(super) reply_to: Option<MessageId>,
    pub(super) mentions: &'a [UserId],
}

impl Asked<'_> {
    /// The digests of a request under the client's `key`.
    pub(super) fn digests(self, sender: UserId, key: &str) -> Idempotency {
        let mut content = Sha256::new();
        let mut put = |bytes: &[u8]| {
            content.update(bytes.len().to_le_bytes());
            content.update(bytes);
        };
        match self.body {
            NewBody::Text { text } => {
                put(b"text");
                put(text.as_bytes());
            }
            NewBody::File { attachment } => {
                put(b"file");
                put(attachment.as_bytes());
            }
            NewBody::Custom { kind, json } => {
                put(b"custom");
                put(kind.as_bytes());
                put(json.as_bytes());
            }
        }
        for id in [self.edit, self.reply_to] {
            put(id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        }
        for user in self.mentions {
            put(user.as_bytes());
        }
        Idempotency { key: key_of(sender, key), content: half(content) }
    }
}

/// The digest that tells senders and their keys apart.
fn key_of(sender: UserId, key: &str) -> [u8; 16] {
    half(Sha256::new().chain_update(sender.as_bytes()).chain_update(key.as_bytes()))
}

/// 128 bits of SHA-256: no two keys of one conversation ever meet.
fn half(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(digest.split_at(16).0);
    half
}

/// What became of an earlier request under the same key, if there was one.
pub(super) async fn repeated(
    core: &Core,
    scope: &TenantScope,
    conversation: ConversationId,
    asked: &Idempotency,
    key: &str,
) -> Result<Option<Sent>, ServiceError> {
    if let Some(event) = core.ports.log.find(scope, conversation, asked).await? {
        return Ok(Some(Sent::Committed(event)));
    }
    let place = records::held_key(conversation, asked.key);
    let found = records::get::<HeldKey>(&*core.ports.state, scope, &place, "held key").await?;
    let Some((held, _)) = found else { return Ok(None) };
    if held.content != asked.content {
        return Err(ServiceError::KeyReused);
    }
    match held.rejected {
        Some(text) => Err(ServiceError::MessageRejected { reason: crate::review::rejection(text), can_edit: true }),
        None => Ok(Some(Sent::Held { id: held.id, key: key.to_owned() })),
    }
}

/// Whether something was sent under a key, whatever it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing yet.
    No,
    /// It was, or a moderator has it.
    Yes,
}

/// Whether `sender` has sent anything under `key`.
pub(crate) async fn answered(
    core: &Core,
    scope: &TenantScope,
    conversation: ConversationId,
    sender: UserId,
    key: &str,
) -> Result<Answered, ServiceError> {
    // No content has this digest, so that whatever stands under the key is a reuse of it.
    let asked = Idempotency { key: key_of(sender, key), content: [0; 16] };
    match repeated(core, scope, conversation, &asked, key).await {
        Ok(None) => Ok(Answered::No),
        Ok(Some(_)) | Err(ServiceError::KeyReused | ServiceError::MessageRejected { .. }) => Ok(Answered::Yes),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn digests_differ_in_every_part_of_what_is_asked_for() {
        let text = |text: &str| NewBody::Text { text: text.into() };
        let (a, b) = (text("a"), text("b"));
        let json = NewBody::Custom { kind: "text".into(), json: "a".into() };
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(7));
        let plain = Asked { edit: None, body: &a, reply_to: None, mentions: &[] };
        let all = [
            plain,
            Asked { body: &b, ..plain },
            Asked { body: &json, ..plain },
            Asked { edit: Some(id), ..plain },
            Asked { reply_to: Some(id), ..plain },
            Asked { mentions: &[user(1)], ..plain },
        ];
        let digests: std::collections::HashSet<_> =
            all.iter().map(|asked| asked.digests(user(1), "k").content).collect();
        assert_eq!(digests.len(), all.len());
        assert_eq!(plain.digests(user(1), "k"), plain.digests(user(1), "k"));
    }

    #[test]
    fn keys_of_different_senders_never_meet() {
        assert_ne!(key_of(user(1), "k"), key_of(user(2), "k"));
        assert_ne!(key_of(user(1), "k"), key_of(user(1), "l"));
    }
}
