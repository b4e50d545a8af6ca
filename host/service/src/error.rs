//! What the service answers when it does not do what was asked. Status codes are the HTTP crate's business.

use std::time::Duration;

use warbler_domain::{BackupError, Reason, StoreError};

use crate::PluginError;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its owner signed out.
    SignedOut,
    /// No person did anything for longer than the tenant allows.
    Idle,
    /// Someone ended it: its owner from another device, an admin, or a changed password.
    Revoked,
    /// It reached its greatest age.
    Expired,
}

impl EndReason {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed-out",
            Self::Idle => "idle",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The reason with this word; an unknown one counts as revoked.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "signed-out" => Self::SignedOut,
            "idle" => Self::Idle,
            "expired" => Self::Expired,
            _ => Self::Revoked,
        }
    }
}

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No valid token, or the name and password do not belong together.
    #[error("not signed in, or the tenant, name or password is wrong")]
    Unauthenticated,
    /// The session was valid once.
    #[error("the session is over: {}", reason.as_str())]
    SessionEnded {
        /// Why.
        reason: EndReason,
    },
    /// The caller's role does not carry the right.
    #[error("this account may not {action}")]
    Forbidden {
        /// What it may not do.
        action: &'static str,
    },
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no such {what}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
    },
    /// A field of the request cannot be used.
    #[error("{field} {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, as the end of a sentence that begins with the field.
        problem: String,
        /// The limit that it passed, if it is one.
        limit: Option<u64>,
    },
    /// Something else stands there already, or changed meanwhile.
    #[error("{what}")]
    Conflict {
        /// What stands in the way.
        what: &'static str,
    },
    /// The idempotency key was used before for something else.
    #[error("the key was used before for another content")]
    KeyReused,
    /// Too much in too short a time.
    #[error("too many {what}: try again in {retry_after:?}")]
    RateLimited {
        /// Of what.
        what: &'static str,
        /// Not before this time has passed.
        retry_after: Duration,
    },
    /// A filter rejected the message.
    #[error("the message was rejected: {}", reason.text)]
    MessageRejected {
        /// Why.
        reason: Reason,
        /// Whether the sender is invited to edit it and send again.
        can_edit: bool,
    },
    /// More bytes than allowed.
    #[error("{what} is longer than {limit} bytes")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The host is closing, or too busy.
    #[error("the host cannot serve this now: {what}")]
    Unavailable {
        /// Why.
        what: &'static str,
    },
    /// A plugin was refused; live traffic is as it was.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A backup, a restore or a check failed.
    #[error(transparent)]
    Backup(BackupError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// Something that should hold does not; the log has the details.
    #[error("the host failed: {what}")]
    Internal {
        /// What failed.
        what: &'static str,
    },
}

impl ServiceError {
    /// A stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::SessionEnded { .. } => "session-ended",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::Conflict { .. } => "conflict",
            Self::KeyReused => "key-reused",
            Self::RateLimited { .. } => "rate-limited",
            Self::MessageRejected { .. } => "message-rejected",
            Self::TooLarge { .. } => "too-large",
            Self::Unavailable { .. } | Self::Store(_) => "unavailable",
            Self::Plugin(error) => error.code(),
            Self::Backup(error) => error.code(),
            Self::Internal { .. } => "internal",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } => true,
            Self::Plugin(error) => error.is_transient(),
            Self::Store(error) => error.is_transient(),
            Self::Backup(error) => error.is_transient(),
            _ => false,
        }
    }

    /// A field that cannot be used, without a limit to name.
    #[must_use]
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into(), limit: None }
    }

    /// A text that has more than `limit` bytes or is empty.
    pub(crate) fn length(field: &'static str, limit: usize) -> Self {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Self::Invalid { field, problem: format!("must have 1 to {limit} bytes"), limit: Some(limit) }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::KeyReused => Self::KeyReused,
            StoreError::Conflict { .. } => Self::Conflict { what: "it changed meanwhile" },
            StoreError::NoKey => Self::NotFound { what: "tenant" },
            StoreError::Closed => Self::Unavailable { what: "it is closing" },
            other => Self::Store(other),
        }
    }
}
