//! What the library's errors mean to those who asked for a backup.

use std::sync::Arc;

use parking_lot::Mutex;
use rustic_core::{ErrorKind, RusticError};
use tokio::task::JoinError;
use warbler_domain::BackupError;

/// The first failure of an operation. The library passes errors on as text, or only warns of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<BackupError>>>);

impl Fault {
    /// Takes note of a failure, and gives it as the library's own.
    pub(crate) fn raise(&self, error: BackupError) -> Box<RusticError> {
        let passed_on = RusticError::with_source(ErrorKind::Backend, "the sink or the source failed", error.clone());
        self.0.lock().get_or_insert(error);
        passed_on
    }

    /// Whether anything failed.
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        self.0.lock().clone().map_or(Ok(()), Err)
    }

    /// What an error of the library means: the failure that led to it, if it was one of ours.
    pub(crate) fn explain(&self, error: &RusticError) -> BackupError {
        if let Err(ours) = self.check() {
            return ours;
        }
        if error.is_incorrect_password() {
            return BackupError::WrongKey;
        }
        BackupError::Damaged { text: one_line(&error.display_log()) }
    }
}

/// A text without line ends and not too long for a log.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

/// A thread that panicked: the library does so on some kinds of damage.
pub(crate) fn panicked(error: &JoinError) -> BackupError {
    tracing::error!(%error, "a thread that worked on a repository ended early");
    BackupError::Damaged { text: "reading it failed in an unforeseen way".to_owned() }
}

pub(crate) fn internal(text: &str) -> BackupError {
    BackupError::Internal { text: text.to_owned() }
}
