//! What a message may carry: limits, and files that must be the sender's own.

use warbler_domain::{Body, UserId};

use super::NewBody;
use crate::attachments::AttachmentRecord;
use crate::conversations::Room;
use crate::core::Core;
use crate::{Caller, ServiceError, records};

/// Longest name of a message type of a tenant's own.
const KIND: usize = 64;

/// Refuses a body that is empty, too large or malformed. Costs no look-up.
pub(super) fn check(core: &Core, body: &NewBody) -> Result<(), ServiceError> {
    let limits = &core.options.messages;
    match body {
        NewBody::Text { text } if text.len() > limits.text.as_usize() => {
            Err(ServiceError::TooLarge { what: "the text", limit: limits.text.0 })
        }
        NewBody::Text { text } if text.trim().is_empty() => {
            Err(ServiceError::invalid("body.text", "must not be empty"))
        }
        NewBody::Text { .. } | NewBody::File { .. } => Ok(()),
        NewBody::Custom { json, .. } if json.len() > limits.custom.as_usize() => {
            Err(ServiceError::TooLarge { what: "the custom content", limit: limits.custom.0 })
        }
        NewBody::Custom { kind, json } => check_custom(kind, json),
    }
}

fn check_custom(kind: &str, json: &str) -> Result<(), ServiceError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if kind.is_empty() || kind.len() > KIND || !kind.bytes().all(is_plain) {
        let problem = "must have 1 to 64 letters, digits, dots, hyphens and underscores";
        return Err(ServiceError::invalid("body.kind", problem));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(json)
        .map(drop)
        .map_err(|error| ServiceError::invalid("body.json", format!("is not JSON: {error}")))
}

/// The body as it is kept, with what the host knows of the file.
pub(super) async fn complete(core: &Core, caller: &Caller, body: NewBody) -> Result<Body, ServiceError> {
    match body {
        NewBody::Text { text } => Ok(Body::Text { text }),
        NewBody::Custom { kind, json } => Ok(Body::Custom { kind, json }),
        NewBody::File { attachment } => {
            let key = records::attachment(attachment);
            let state = &*core.ports.state;
            let found = records::get::<AttachmentRecord>(state, caller.scope(), &key, "attachment").await?;
            let own = found.map(|(record, _)| record).filter(|record| record.owner == caller.user());
            // That it is another's and that there is none are the same answer.
            let record = own.ok_or(ServiceError::NotFound { what: "attachment" })?;
            Ok(Body::File { attachment: record.attachment })
        }
    }
}

/// Refuses mentions of people who are not in the conversation, and leaves each of them once.
pub(super) fn check_mentions(core: &Core, room: &Room, mentions: &mut Vec<UserId>) -> Result<(), ServiceError> {
    if mentions.is_empty() {
        return Ok(());
    }
    let most = core.options.messages.mentions;
    if mentions.len() > most {
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let problem = format!("must be at most {most}");
        return Err(ServiceError::Invalid { field: "mentions", problem, limit: Some(limit) });
    }
    mentions.sort_unstable();
    mentions.dedup();
    if mentions.iter().all(|user| room.has(*user)) {
        Ok(())
    } else {
        Err(ServiceError::invalid("mentions", "must be in the conversation"))
    }
}

/// Refuses a client's key that is empty or too long.
pub(super) fn check_key(core: &Core, key: &str) -> Result<(), ServiceError> {
    let limit = core.options.messages.key;
    if key.is_empty() || key.len() > limit { Err(ServiceError::length("key", limit)) } else { Ok(()) }
}
