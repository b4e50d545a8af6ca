//! Mail, as plugins see it: letters, and the relays that the operator named, which take them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::TenantId;

/// A letter to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// One address: `somebody@example.com`.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same as HTML, for programs that show it.
    pub html: Option<String>,
    /// What tells it from others: the beginning of its `Message-ID`. The same letter sent again has the same.
    pub id: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A letter may hold a one-time code, and says who its reader is.
        f.debug_struct("Letter").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known of a letter that a relay took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its `Message-ID`, with the brackets.
    pub message_id: String,
    /// The relay's words.
    pub answer: String,
}

/// Why a relay did not take a letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// It is no letter: an address that is none, a line break in the subject, more than a limit allows.
    #[error("{field} {problem}")]
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such mailbox, and there will be none.
    #[error("there is no such mailbox: {answer}")]
    UnknownMailbox {
        /// The relay's words.
        answer: String,
    },
    /// The relay refuses the letter for good.
    #[error("the relay refuses the letter: {answer}")]
    Refused {
        /// The relay's words.
        answer: String,
    },
    /// The relay is away, or has enough for now.
    #[error("the relay does not take letters now: {why}")]
    Unavailable {
        /// How long to wait before the letter is sent again.
        after: Duration,
        /// What happened, or the relay's words.
        why: String,
    },
    /// The operator has to act: the relay refuses the host itself.
    #[error("the relay cannot be used: {why}")]
    Misconfigured {
        /// What is wrong, or the relay's words.
        why: String,
    },
}

impl MailError {
    /// Whether the same letter may be taken later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// A relay, for the letters of one tenant.
#[async_trait]
pub trait MailRelay: Send + Sync {
    /// Hands a letter to the relay. `Ok` means that the relay answers for it from now on, and not that anybody
    /// has read it. Dropping the future gives the letter up: it may have been taken all the same.
    ///
    /// # Errors
    /// It was not taken; after `Unavailable` it may have been, which the letter's identifier tells its reader's
    /// program.
    async fn send(&self, letter: Letter) -> Result<Posted, MailError>;
}

/// The relays that the operator named.
pub trait MailRelays: Send + Sync {
    /// The relay called `name`; nothing if the operator named none so, or not for this tenant.
    fn open(&self, tenant: TenantId, name: &str) -> Option<Arc<dyn MailRelay>>;
}

/// An operator who named no relays.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMail;

impl MailRelays for NoMail {
    fn open(&self, _: TenantId, _: &str) -> Option<Arc<dyn MailRelay>> {
        None
    }
}
