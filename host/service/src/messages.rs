//! Messages: the one way that everything said in a conversation takes, from a client's request to the
//! log. Edits take it, too.
//!
//! A send has two steps. [`Messages::prepare`] checks the request, finds out whether it is a repetition,
//! and asks the filters; [`Messages::commit`] hands the outcome to the log on its first poll, so that a
//! connection which polls its commits in the order of its sends has them committed in that order, however
//! many are on their way.

mod body;
mod change;
mod commit;
mod history;
mod idempotency;
mod judge;
mod locate;
mod marks;
mod prepare;

use std::fmt;
use std::sync::Arc;

use warbler_domain::{AttachmentId, ConversationId, Event, MessageId, Sequence, UserId};

pub(crate) use change::{EditTarget, NewContent};
pub use commit::Prepared;
pub(crate) use commit::commit;
pub use history::{History, HistoryQuery, Shown};
pub(crate) use history::{may_see, show};
pub(crate) use idempotency::HeldKey;
pub(crate) use idempotency::{Answered, answered};
pub(crate) use locate::locate;
pub(crate) use prepare::{Addition, grants, send as prepare_with};

use crate::core::Core;
use crate::{Caller, ServiceError};

/// What a message carries, as its sender gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewBody {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// A file that the sender has uploaded.
    File {
        /// Which.
        attachment: AttachmentId,
    },
    /// A message type of the tenant's own.
    Custom {
        /// Its name: 1 to 64 of `a-z`, `A-Z`, `0-9`, `.`, `-` and `_`.
        kind: String,
        /// Its content: a JSON document.
        json: String,
    },
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Where.
    pub conversation: ConversationId,
    /// The client's own name for it: sending again under the same key does nothing.
    pub key: String,
    /// Its content.
    pub body: NewBody,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Who is mentioned; they must be in the conversation.
    pub mentions: Vec<UserId>,
}

/// A new body for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub conversation: ConversationId,
    /// Which message; its sender alone may edit it.
    pub message: MessageId,
    /// The client's own name for this edit; without one, repeating it edits again.
    pub key: Option<String>,
    /// The new content.
    pub body: NewBody,
}

/// What became of a message or an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// It is in the log. A discarded message looks the same to its sender.
    Committed(Arc<Event>),
    /// A moderator has to decide.
    Held {
        /// What moderators know it by. Once it is approved, the message gets an identifier of its own.
        id: MessageId,
        /// The client's key.
        key: String,
    },
}

/// The messages of a tenant.
#[derive(Clone)]
pub struct Messages {
    core: Arc<Core>,
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl Messages {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Checks a message, finds out whether it is a repetition, and asks the filters.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `TooLarge`, `KeyReused`, `RateLimited`, `MessageRejected`, `SessionEnded`,
    /// or the store failed.
    pub async fn prepare(&self, caller: &Caller, send: Send) -> Result<Prepared, ServiceError> {
        prepare::send(&self.core, caller, send, Addition::default()).await
    }

    /// The same for an edit.
    ///
    /// # Errors
    /// As for [`prepare`](Self::prepare); `Forbidden` if it is someone else's message, `Conflict` if it
    /// was recalled.
    pub async fn prepare_edit(&self, caller: &Caller, edit: Edit) -> Result<Prepared, ServiceError> {
        change::edit(&self.core, caller, edit).await
    }

    /// Commits what was prepared. The first poll puts it into the log's line; when this returns `Ok`, it
    /// survives a power cut.
    ///
    /// # Errors
    /// `KeyReused`, `Conflict` if an edited message changed meanwhile, or the store failed.
    pub async fn commit(&self, prepared: Prepared) -> Result<Sent, ServiceError> {
        commit::commit(&self.core, prepared).await
    }

    /// Sends a message.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare) and [`commit`](Self::commit).
    pub async fn send(&self, caller: &Caller, send: Send) -> Result<Sent, ServiceError> {
        let prepared = self.prepare(caller, send).await?;
        self.commit(prepared).await
    }

    /// Gives a message a new body.
    ///
    /// # Errors
    /// Those of [`prepare_edit`](Self::prepare_edit) and [`commit`](Self::commit).
    pub async fn edit(&self, caller: &Caller, edit: Edit) -> Result<Sent, ServiceError> {
        let prepared = self.prepare_edit(caller, edit).await?;
        self.commit(prepared).await
    }

    /// Takes a message back. Its sender may, and a moderator who is in the conversation. What is recalled
    /// already stays so.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict`, `SessionEnded`, or the store failed.
    pub async fn recall(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), ServiceError> {
        change::recall(&self.core, caller, conversation, message).await
    }

    /// A page of a conversation's events as the caller may see them, oldest first.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `SessionEnded`, or the store failed.
    pub async fn history(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<History, ServiceError> {
        history::page(&self.core, caller, conversation, query).await
    }

    /// Marks a conversation as read up to `sequence`, and gives the mark that stands: it never goes back,
    /// nor beyond the last event.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn read(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        sequence: Sequence,
    ) -> Result<Sequence, ServiceError> {
        marks::read(&self.core, caller, conversation, sequence).await
    }

    /// How far each member has read; who has read nothing is left out.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn reads(
        &self,
        caller: &Caller,
        conversation: ConversationId,
    ) -> Result<Vec<(UserId, Sequence)>, ServiceError> {
        marks::reads(&self.core, caller, conversation).await
    }

    /// Tells the others that the caller is typing.
    ///
    /// # Errors
    /// `NotFound`, `RateLimited`, `SessionEnded`, or the store failed.
    pub async fn typing(&self, caller: &Caller, conversation: ConversationId) -> Result<(), ServiceError> {
        marks::typing(&self.core, caller, conversation).await
    }
}
