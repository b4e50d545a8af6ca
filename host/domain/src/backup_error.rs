//! Why a backup, a restore or a check failed.

use std::sync::Arc;

use crate::{HookError, StoreError, Timestamp};

/// Why a backup, a restore or a check failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The sink did not do what it was asked for.
    #[error("the sink failed while {doing}")]
    Sink {
        /// What it was asked for.
        doing: &'static str,
        /// Why.
        #[source]
        source: Arc<HookError>,
    },
    /// The sink answered something that cannot be.
    #[error("the sink is not to be trusted: {text}")]
    Untrue {
        /// What it said.
        text: String,
    },
    /// The tenant has no backup sink that runs.
    #[error("no backup sink runs for this tenant")]
    NoSink,
    /// There is no repository in the sink.
    #[error("there is no repository in the sink")]
    NoRepository,
    /// There is a repository in the sink already.
    #[error("there is a repository in the sink already")]
    Exists,
    /// The key or passphrase does not open the repository.
    #[error("the key does not open the repository")]
    WrongKey,
    /// There is no such thing in the repository.
    #[error("the repository has no such {what}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
    },
    /// Something in the repository is not what it should be.
    #[error("the repository is damaged: {text}")]
    Damaged {
        /// What was found.
        text: String,
    },
    /// What was to be backed up could not be read.
    #[error("the tenant's data could not be read")]
    Source(#[source] Arc<StoreError>),
    /// What was to be backed up changed in a way that it should not have.
    #[error("{path} is not what was announced: {text}")]
    Changed {
        /// Which file.
        path: String,
        /// What is different.
        text: String,
    },
    /// Someone else works on the repository.
    #[error("{holder} works on the repository until {until}")]
    Held {
        /// Who.
        holder: String,
        /// Until when, unless they go on.
        until: Timestamp,
    },
    /// Another host, or a copy of this one, wrote to the repository.
    #[error("the host {holder} wrote to the repository meanwhile: adopt it, or give that host another sink")]
    Foreign {
        /// Which.
        holder: String,
    },
    /// It was asked to end.
    #[error("it was cancelled")]
    Cancelled,
    /// The host failed.
    #[error("the host failed: {text}")]
    Internal {
        /// What failed.
        text: String,
    },
}

impl BackupError {
    /// Its words, and after them those of its cause.
    #[must_use]
    pub fn with_cause(&self) -> String {
        let cause = std::error::Error::source(self).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{self}{cause}")
    }

    /// The code of a failure of the sink.
    pub const SINK_FAILED: &str = "sink-failed";

    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sink { .. } => Self::SINK_FAILED,
            Self::Untrue { .. } => "sink-untrue",
            Self::NoSink => "no-sink",
            Self::NoRepository => "no-repository",
            Self::Exists => "repository-exists",
            Self::WrongKey => "wrong-key",
            Self::NotFound { .. } => "not-found",
            Self::Damaged { .. } => "damaged",
            Self::Source(_) | Self::Changed { .. } => "source-failed",
            Self::Held { .. } => "held",
            Self::Foreign { .. } => "foreign-host",
            Self::Cancelled => "cancelled",
            Self::Internal { .. } => "internal",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sink { source, .. } => source.is_transient(),
            Self::Source(error) => error.is_transient(),
            Self::Held { .. } | Self::Changed { .. } => true,
            _ => false,
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Source(Arc::new(error))
    }
}
