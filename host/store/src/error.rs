//! Why a store does not open. What fails later is `warbler_domain::StoreError`.

use std::path::PathBuf;

use warbler_domain::StoreError;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The place is written in no known way.
    #[error("unknown store {text:?}: write memory, or sled: and a folder")]
    BadLocation {
        /// What was written.
        text: String,
    },
    /// Another process has it open.
    #[error("the store in {path} is open in another process")]
    Locked {
        /// Which folder.
        path: PathBuf,
    },
    /// The database does not open.
    #[error("the database in {path} does not open: {text}")]
    Corrupt {
        /// Which folder.
        path: PathBuf,
        /// What the database said.
        text: String,
    },
    /// The end of the log is gone: the disk lost or damaged what it had promised to keep.
    #[error(
        "the database in {path} ends at group {found}, though {kept} were synced: messages that were acknowledged \
         are lost; restore a backup, or delete the file {mark} to go on without them"
    )]
    Lost {
        /// Which folder.
        path: PathBuf,
        /// Groups that were on disk once.
        kept: u64,
        /// Groups that are there.
        found: u64,
        /// The file that says so.
        mark: PathBuf,
    },
    /// It was written by a later version.
    #[error("the store has layout {found}, and this version knows {known} at most")]
    Newer {
        /// What was found.
        found: u8,
        /// What this version knows.
        known: u8,
    },
    /// The wrapped keys were wrapped under another master key.
    #[error("the store was sealed under another master key")]
    WrongMasterKey,
    /// There is data and no file of wrapped keys.
    #[error("the store holds data, but its file of wrapped keys is missing")]
    KeysMissing,
    /// The file of wrapped keys was changed, or cut off.
    #[error("the file of wrapped keys does not open: it was changed or cut off")]
    BadKeyFile,
    /// The keys could not be made.
    #[error("the host's own key could not be made")]
    Keys(#[source] StoreError),
    /// The disk failed.
    #[error("the disk failed while {doing}")]
    Io {
        /// What it was doing.
        doing: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database failed.
    #[error("the database failed while opening")]
    Records(#[source] StoreError),
}

impl OpenError {
    /// Whether opening again may succeed without anyone doing something.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Io { .. })
    }
}
