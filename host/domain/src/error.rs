//! What can go wrong, split by phase: loading a plugin, calling a hook, keeping data.

use std::time::Duration;

use crate::ByteSize;

/// An error from below, kept for the log.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error's words, and after them those of each of its causes, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What a plugin itself said when it could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Try again later.
    #[error("the plugin asks to try again in {after:?}")]
    Unavailable {
        /// Not before this time has passed.
        after: Duration,
    },
    /// A person has to act.
    #[error("the plugin is misconfigured: {text}")]
    Misconfigured {
        /// The plugin's words.
        text: String,
    },
    /// This input cannot be served.
    #[error("the plugin does not support this: {text}")]
    Unsupported {
        /// The plugin's words.
        text: String,
    },
}

/// Why a call of a hook gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The deadline passed, waiting in line included.
    #[error("the deadline of {limit:?} passed")]
    Overrun {
        /// The deadline.
        limit: Duration,
    },
    /// Too many calls were waiting.
    #[error("more than {limit} calls were waiting")]
    Busy {
        /// How many may wait.
        limit: usize,
    },
    /// The instance trapped, and was thrown away.
    #[error("the plugin trapped: {text}")]
    Trapped {
        /// What happened, in a line.
        text: String,
    },
    /// It asked for more memory than it may have.
    #[error("the plugin asked for more than {limit} of memory")]
    OutOfMemory {
        /// The limit.
        limit: ByteSize,
    },
    /// What it returned cannot be used.
    #[error("the plugin's answer is not valid: {text}")]
    InvalidAnswer {
        /// What is wrong with it.
        text: String,
    },
    /// It said that it could not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No instance could be made.
    #[error("no instance could be made")]
    NoInstance(#[source] Source),
}

impl HookError {
    /// A stable code for receipts, metrics and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Overrun { .. } => "overrun",
            Self::Busy { .. } => "busy",
            Self::Trapped { .. } => "trapped",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::InvalidAnswer { .. } => "invalid-answer",
            Self::Refused(Refusal::Unavailable { .. }) => "unavailable",
            Self::Refused(Refusal::Misconfigured { .. }) => "misconfigured",
            Self::Refused(Refusal::Unsupported { .. }) => "unsupported",
            Self::NoInstance(_) => "no-instance",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Overrun { .. } | Self::Busy { .. } | Self::NoInstance(_) | Self::Refused(Refusal::Unavailable { .. })
        )
    }
}

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It does not compile.
    #[error("the component does not compile: {text}")]
    Compile {
        /// Why, in a line.
        text: String,
    },
    /// It imports what it was not granted, or what this host does not have.
    #[error("the component's imports cannot be satisfied: {text}")]
    Link {
        /// Which import.
        text: String,
    },
    /// It exports no hook.
    #[error("the component exports no hook that this host knows")]
    NoHook,
    /// The trial instance could not be made.
    #[error("no instance could be made: {text}")]
    Instantiate {
        /// Why, in a line.
        text: String,
    },
    /// Its `init` refused the configuration.
    #[error("the plugin refuses its configuration: {text}")]
    InitRefused {
        /// The plugin's words.
        text: String,
    },
    /// Its `init` failed.
    #[error("the plugin's init failed")]
    InitFailed(#[source] HookError),
    /// The compiled code could not be kept or read.
    #[error("the compiled code could not be kept or read")]
    Cache(#[source] Source),
}

impl LoadError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Compile { .. } => "does-not-compile",
            Self::Link { .. } => "imports-not-satisfied",
            Self::NoHook => "no-hook",
            Self::Instantiate { .. } => "does-not-start",
            Self::InitRefused { .. } => "configuration-refused",
            Self::InitFailed(_) => "init-failed",
            Self::Cache(_) => "cache-failed",
        }
    }

    /// Whether loading again may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Cache(_))
    }
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another state than expected.
    #[error("{key:?} changed meanwhile")]
    Conflict {
        /// Which key.
        key: crate::StateKey,
    },
    /// An idempotency key was used before, for something else.
    #[error("the key was used before for another content")]
    KeyReused,
    /// More bytes than allowed.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// What was to be changed is not there.
    #[error("there is no {what}")]
    Missing {
        /// What kind of thing.
        what: &'static str,
    },
    /// The tenant's key is not there: the tenant was removed, or never made.
    #[error("there is no key for this tenant")]
    NoKey,
    /// Stored bytes do not open or do not parse: they were changed, moved, or written by a later version.
    #[error("stored {what} does not open")]
    Corrupt {
        /// What kind of thing.
        what: &'static str,
    },
    /// The store is closing or closed.
    #[error("the store is closed")]
    Closed,
    /// The disk or the network failed.
    #[error("the store failed while {doing}")]
    Io {
        /// What it was doing.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Source,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Io { .. })
    }

    /// Whether the cause is a disk that is full.
    #[must_use]
    pub fn is_out_of_room(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
