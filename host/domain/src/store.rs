//! The ports behind which everything is kept: the message log, state, and blobs.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{ConversationId, Event, Position, Sequence, StoreError, TenantId, TenantScope, Timestamp};

/// A client's name for something it sends, so that sending again does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Tells senders and keys apart: a digest of both.
    pub key: [u8; 16],
    /// Digest of what was asked for; the same key with another content is an error.
    pub content: [u8; 16],
}

/// A change of an event that was committed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Amend {
    /// Which place of the same conversation.
    pub sequence: Sequence,
    /// What stands there from now on.
    pub event: Event,
}

/// One thing to commit to a conversation's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// What happened; its `sequence` is set by the log.
    pub event: Event,
    /// The client's key, if it sent one.
    pub idempotency: Option<Idempotency>,
    /// A change of an earlier event of the same conversation, committed together with this one.
    pub amend: Option<Amend>,
    /// State that changes together with this event, or not at all.
    pub writes: Vec<StateWrite>,
}

impl Append {
    /// Just this event.
    #[must_use]
    pub const fn event(event: Event) -> Self {
        Self { event, idempotency: None, amend: None, writes: Vec::new() }
    }
}

/// An event that is on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Whose.
    pub tenant: TenantId,
    /// Its place in the tenant's log.
    pub position: Position,
    /// What happened, with its place in the conversation.
    pub event: Arc<Event>,
}

/// What came of an append.
#[derive(Debug, Clone, PartialEq)]
pub enum Appended {
    /// It is on disk.
    New(Committed),
    /// The same key with the same content was committed before; this is what stands there.
    Repeated(Arc<Event>),
}

/// An event that goes to its own place in a conversation's log, out of the usual order.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The event, with its sequence.
    pub event: Event,
    /// Whether it takes the place of what stands there; otherwise the place must be free.
    pub over: bool,
}

/// Events as lines of JSON, each as `serde_json` writes an [`Event`], with its line end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventLines {
    /// The lines.
    pub text: Vec<u8>,
    /// What need not be read out of them again, in their order.
    pub lines: VecDeque<EventLine>,
}

/// A line of [`EventLines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLine {
    /// The event's place.
    pub sequence: Sequence,
    /// When it happened.
    pub at: Timestamp,
    /// The line's length in bytes, its end included.
    pub length: usize,
}

/// The durable log of every conversation.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// Commits one event. When this returns `Ok`, it survives a power cut.
    ///
    /// # Errors
    /// `KeyReused` if the key was used for another content, `Conflict` if one of the writes met
    /// another state than it expected, or the store failed.
    async fn append(&self, scope: &TenantScope, append: Append) -> Result<Appended, StoreError>;
    /// What was committed under an idempotency key, if anything.
    ///
    /// # Errors
    /// `KeyReused` if it was used for another content, or the store failed.
    async fn find(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        idempotency: &Idempotency,
    ) -> Result<Option<Arc<Event>>, StoreError>;
    /// The last place taken; 0 if there is none.
    ///
    /// # Errors
    /// The store failed.
    async fn head(&self, scope: &TenantScope, conversation: ConversationId) -> Result<Sequence, StoreError>;
    /// Events after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed, or a stored event does not open.
    async fn read_after(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError>;
    /// The same events as [`read_after`](Self::read_after) gives, as lines, without the work of reading and writing them.
    ///
    /// # Errors
    /// The store failed, or a stored event does not open.
    async fn read_lines(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<EventLines, StoreError>;
    /// Events before `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed, or a stored event does not open.
    async fn read_before(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError>;
    /// The tenant's events of all conversations after `after`, in the order of commits, at most `limit`.
    ///
    /// # Errors
    /// The store failed, or a stored event does not open.
    async fn read_tenant(
        &self,
        scope: &TenantScope,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Committed>, StoreError>;
    /// The last position of the tenant's log; 0 if there is none.
    ///
    /// # Errors
    /// The store failed.
    async fn tenant_head(&self, scope: &TenantScope) -> Result<Position, StoreError>;
    /// Puts events of one conversation into their own places, together with `writes`, all or nothing: what was
    /// removed goes this way, and what comes back from a backup. Later events get places after the last one. What
    /// is placed has no position in the tenant's log and no follower hears of it, so that nobody acts on it again.
    ///
    /// # Errors
    /// `Conflict` if a place is not free that should be, or a write met another state than it expected; `Missing`
    /// if there is nothing to take the place of; or the store failed.
    async fn place(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        placed: Vec<Placed>,
        writes: Vec<StateWrite>,
    ) -> Result<(), StoreError>;
    /// Every event of every tenant from now on, in the order of commits within a conversation, in the
    /// batches in which they were committed. Nothing is skipped: a slow reader makes writers wait, so a
    /// reader must not wait for an append of its own before it takes the next batch.
    fn follow(&self) -> BoxStream<'static, Arc<[Committed]>>;
}

/// A name in a tenant's state: a family and a path of opaque parts, never personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey(String);

impl StateKey {
    /// The key `family/part/part…`. Parts must be identifiers, numbers or digests.
    #[must_use]
    pub fn new(family: &'static str, parts: &[&dyn fmt::Display]) -> Self {
        use fmt::Write as _;
        let mut key = String::from(family);
        for part in parts {
            // Writing to a string does not fail.
            let _ = write!(key, "/{part}");
        }
        Self(key)
    }

    /// The key with this text, as a scan returned it.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The whole key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The family, under which sealing derives its key.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// What follows the last slash.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value and its version, which changes with every write.
#[derive(Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// Its version, from 1.
    pub version: u64,
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are secrets until someone says otherwise.
        write!(f, "Versioned({} bytes, version {})", self.value.len(), self.version)
    }
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// Nothing.
    Absent,
    /// Just this version.
    Version(u64),
}

/// One write to state.
#[derive(Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// Where.
    pub key: StateKey,
    /// The new value, or nothing to delete it.
    pub value: Option<Bytes>,
    /// What must be there.
    pub expect: Expect,
}

impl fmt::Debug for StateWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.value.is_some() { "put" } else { "delete" };
        write!(f, "StateWrite({what} {:?}, expecting {:?})", self.key, self.expect)
    }
}

/// A change that a watcher sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub key: StateKey,
    /// The new value; nothing if it was deleted.
    pub value: Option<Versioned>,
}

/// Small records with compare-and-swap.
#[async_trait]
pub trait State: Send + Sync {
    /// The value under `key`.
    ///
    /// # Errors
    /// The store failed, or the value does not open.
    async fn get(&self, scope: &TenantScope, key: &StateKey) -> Result<Option<Versioned>, StoreError>;
    /// Commits all writes or none. When this returns `Ok`, they survive a power cut.
    ///
    /// # Errors
    /// `Conflict` naming the key that held something else than expected, or the store failed.
    async fn commit(&self, scope: &TenantScope, writes: Vec<StateWrite>) -> Result<(), StoreError>;
    /// Values whose key is `prefix` or continues it after a slash, in order, after the key `after`, at
    /// most `limit`.
    ///
    /// # Errors
    /// The store failed, or a value does not open.
    async fn scan(
        &self,
        scope: &TenantScope,
        prefix: &StateKey,
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, Versioned)>, StoreError>;
    /// Changes of keys that are `prefix` or continue it after a slash, from now on, in every tenant.
    fn watch(&self, prefix: &StateKey) -> BoxStream<'static, StateChange>;
    /// A keyed digest of `value` for use in keys, so that names and addresses can be looked up without
    /// being readable: the same for the same tenant, family and value, and nothing else.
    ///
    /// # Errors
    /// The tenant's key is missing.
    fn blind(&self, scope: &TenantScope, family: &'static str, value: &[u8]) -> Result<String, StoreError>;
}

/// Bytes as they come.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// Files, by digest.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps a stream of at most `limit` bytes, and gives its SHA-256 and length. When this returns
    /// `Ok`, it survives a power cut. Putting the same bytes again is no error.
    ///
    /// # Errors
    /// `TooLarge` past the limit (nothing is kept), or the store failed.
    async fn put(&self, scope: &TenantScope, bytes: ByteStream, limit: u64) -> Result<([u8; 32], u64), StoreError>;
    /// The bytes with this digest, if they are kept for this tenant.
    ///
    /// # Errors
    /// The store failed; bytes that do not open end the stream with an error.
    async fn get(&self, scope: &TenantScope, digest: &[u8; 32]) -> Result<Option<ByteStream>, StoreError>;
    /// Forgets them, if they are there.
    ///
    /// # Errors
    /// The store failed.
    async fn delete(&self, scope: &TenantScope, digest: &[u8; 32]) -> Result<(), StoreError>;
}

/// The keys under which each tenant's data is sealed.
#[async_trait]
pub trait TenantKeys: Send + Sync {
    /// Makes a key for a new tenant. Making it again leaves the first one in place.
    ///
    /// # Errors
    /// The store failed.
    async fn create(&self, tenant: TenantId) -> Result<(), StoreError>;
    /// Destroys a tenant's key: nothing of what was sealed under it opens ever again.
    ///
    /// # Errors
    /// The store failed.
    async fn destroy(&self, tenant: TenantId) -> Result<(), StoreError>;
}
