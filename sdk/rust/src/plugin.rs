//! The hooks, as traits.

use crate::{BlobInfo, Decision, Failure, Message, Notification, Outcome, Turn};

/// What every plugin is: made once per instance, from the tenant's configuration.
pub trait Plugin: Sized + 'static {
    /// Makes the plugin. `config` is a JSON object that satisfies the manifest's schema; work that
    /// every call needs (compiling patterns, sorting words) belongs here.
    ///
    /// # Errors
    /// A sentence for the admin. It keeps the new configuration from going live.
    fn init(config: &str) -> Result<Self, String>;
}

/// Before the commit: decides what happens to a message.
pub trait ContentFilter: Plugin {
    /// Judges `message`. The same message must get the same answer.
    ///
    /// # Errors
    /// The work could not be done; the tenant's failure policy decides what becomes of the message.
    fn check(&self, message: &Message) -> Result<Decision, Failure>;
}

/// After the commit: answers as a member of the conversation.
pub trait Agent: Plugin {
    /// Answers `trigger`. What is said through `turn` is filtered like any message.
    ///
    /// # Errors
    /// The work could not be done; the host apologises once and hands off to people.
    fn reply(&self, trigger: &Message, turn: &dyn Turn) -> Result<(), Failure>;
}

/// After the commit, for receivers who are away.
pub trait Push: Plugin {
    /// Delivers at most 100 notifications, and gives one outcome for each, in order.
    ///
    /// # Errors
    /// None of them could be delivered.
    fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure>;
}

/// Keeps opaque, already encrypted blobs.
pub trait BackupSink: Plugin {
    /// Keeps `bytes`, at most 32 MiB, under `name`. `Ok` means that a later `get` from anywhere
    /// returns them. Writing the same name and bytes again is no error.
    ///
    /// # Errors
    /// They are not kept.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure>;

    /// At most `length` bytes of a blob from `offset`; `None` if there is no such blob.
    ///
    /// # Errors
    /// It cannot be told or read.
    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure>;

    /// Blobs whose names start with `prefix`, in order, after `after`, at most 1,000.
    ///
    /// # Errors
    /// They cannot be listed.
    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure>;

    /// Removes a blob. `Ok` also if there was none.
    ///
    /// # Errors
    /// It may still be there.
    fn delete(&self, name: &str) -> Result<(), Failure>;
}
