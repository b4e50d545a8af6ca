//! Attachments: files that people upload, and that those may read who can see a message which carries
//! them. The bytes lie in the blobs, by their digest.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{Attachment, AttachmentId, ByteStream, ConversationId, Expect, StoreError, Timestamp, UserId};

use crate::core::Core;
use crate::{Caller, ServiceError, records};

/// Longest name of a file, in bytes, as on common file systems.
const NAME: usize = 255;

/// Longest media type, in bytes: two names of 127 (RFC 6838, 4.2) and the slash.
const MEDIA_TYPE: usize = 255;

/// A file that is about to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// The name that its sender gives it, 1 to 255 bytes, without slashes.
    pub name: String,
    /// Its media type, as its sender says (RFC 6838), without parameters.
    pub media_type: String,
}

/// A file as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AttachmentRecord {
    pub(crate) attachment: Attachment,
    pub(crate) owner: UserId,
    pub(crate) digest: [u8; 32],
    pub(crate) created_at: Timestamp,
}

/// The files of a tenant.
#[derive(Clone)]
pub struct Attachments {
    core: Arc<Core>,
}

impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attachments")
    }
}

impl Attachments {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Keeps a file. Until a message carries it, its owner alone can read it.
    ///
    /// # Errors
    /// `Invalid`, `TooLarge` past the limit (nothing is kept), `RateLimited`, `SessionEnded`, or the
    /// store failed, the stream included.
    pub async fn put(
        &self,
        caller: &Caller,
        new: NewAttachment,
        bytes: ByteStream,
    ) -> Result<Attachment, ServiceError> {
        caller.live()?;
        check(&new)?;
        caller.person().messages.take()?;
        caller.inner().touch(self.core.now());
        let limit = self.core.options.attachment.0;
        let (digest, size) = match self.core.ports.blobs.put(caller.scope(), bytes, limit).await {
            Ok(kept) => kept,
            Err(StoreError::TooLarge { .. }) => return Err(ServiceError::TooLarge { what: "the file", limit }),
            Err(error) => return Err(error.into()),
        };
        let attachment = Attachment {
            id: AttachmentId::from_uuid(self.core.ports.ids.next()),
            name: new.name,
            media_type: new.media_type.to_ascii_lowercase(),
            size,
            sha256: crate::authentication::hex(&digest),
        };
        let record = AttachmentRecord { attachment, owner: caller.user(), digest, created_at: self.core.now() };
        let write = records::put(records::attachment(record.attachment.id), &record, Expect::Absent)?;
        self.core.ports.state.commit(caller.scope(), vec![write]).await?;
        Ok(record.attachment)
    }

    /// A file and its bytes, for its owner and for members of a conversation that it was sent in.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, id: AttachmentId) -> Result<(Attachment, ByteStream), ServiceError> {
        caller.live()?;
        let state = &*self.core.ports.state;
        let key = records::attachment(id);
        let found = records::get::<AttachmentRecord>(state, caller.scope(), &key, "attachment").await?;
        let (record, _) = found.ok_or(ABSENT)?;
        if record.owner != caller.user() && !self.was_sent_to(caller, id).await? {
            return Err(ABSENT);
        }
        let bytes = self.core.ports.blobs.get(caller.scope(), &record.digest).await?.ok_or(ABSENT)?;
        Ok((record.attachment, bytes))
    }

    async fn was_sent_to(&self, caller: &Caller, id: AttachmentId) -> Result<bool, ServiceError> {
        let prefix = records::under("sent-in", &[&id]);
        for (key, _) in records::scan_all(&*self.core.ports.state, caller.scope(), &prefix, usize::MAX).await? {
            let Some(conversation) = conversation_in(key.as_str()) else { continue };
            let room = self.core.room(caller.scope(), conversation).await?;
            if room.is_some_and(|room| room.has(caller.user())) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The conversation in `sent-in/ATTACHMENT/CONVERSATION/MESSAGE`.
fn conversation_in(key: &str) -> Option<ConversationId> {
    key.split('/').nth(2)?.parse().ok()
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "attachment" };

fn check(new: &NewAttachment) -> Result<(), ServiceError> {
    if new.name.trim().is_empty() || new.name.len() > NAME {
        return Err(ServiceError::length("name", NAME));
    }
    if new.name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Err(ServiceError::invalid("name", "must not have slashes or control characters"));
    }
    // RFC 6838, 4.2: restricted names on both sides of the slash.
    let is_name = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(is_plain)
    };
    let parts = new.media_type.split_once('/');
    if new.media_type.len() > MEDIA_TYPE || !parts.is_some_and(|(kind, sub)| is_name(kind) && is_name(sub)) {
        return Err(ServiceError::invalid("media_type", "must be a media type such as image/png"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_media_types_are_held_to_their_forms() {
        let new = |name: &str, media_type: &str| NewAttachment { name: name.into(), media_type: media_type.into() };
        check(&new("报告.pdf", "application/vnd.ms-excel+x")).unwrap();
        for (name, media_type) in [
            ("", "a/b"),
            (" ", "a/b"),
            ("../x", "a/b"),
            ("a\\b", "a/b"),
            ("a\nb", "a/b"),
            (&"n".repeat(256), "a/b"),
            ("a", ""),
            ("a", "text"),
            ("a", "text/"),
            ("a", "/plain"),
            ("a", "text/plain; charset=x"),
            ("a", "te xt/plain"),
        ] {
            assert!(check(&new(name, media_type)).is_err(), "{name:?} {media_type:?}");
        }
    }
}
