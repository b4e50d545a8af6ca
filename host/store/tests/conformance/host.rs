//! A store for one test, with two tenants, and words for what tests say often.

use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;
use warbler_domain::{
    Append, Appended, Audience, Blobs, Body, Committed, ConversationId, Event, EventKind, Expect, Feed, Idempotency,
    Message, MessageId, MessageLog, Sequence, State, StateKey, StateWrite, TenantId, TenantScope, Timestamp, UserId,
};
use warbler_store::{Location, MasterKey, Store, StoreOptions};

/// A store for one test.
pub(crate) struct Host {
    pub(crate) store: Arc<Store>,
    pub(crate) log: Arc<dyn MessageLog>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) feed: Arc<dyn Feed>,
    /// Two tenants that have keys.
    pub(crate) one: TenantScope,
    pub(crate) other: TenantScope,
    folder: Option<TempDir>,
}

pub(crate) fn master() -> MasterKey {
    MasterKey::from_bytes([42; 32])
}

pub(crate) fn tenant(number: u128) -> TenantScope {
    TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(number)))
}

impl Host {
    pub(crate) async fn memory() -> Self {
        Self::over(Store::open(&StoreOptions::new(Location::Memory, master())).unwrap(), None).await
    }

    pub(crate) async fn sled() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sled(folder.path().to_owned());
        Self::over(Store::open(&StoreOptions::new(location, master())).unwrap(), Some(folder)).await
    }

    pub(crate) async fn over(store: Arc<Store>, folder: Option<TempDir>) -> Self {
        let (one, other) = (tenant(1), tenant(2));
        for scope in [one, other] {
            store.create_tenant(scope.tenant()).await.unwrap();
        }
        let (log, state, blobs, feed) = (store.log(), store.state(), store.blobs(), store.feed());
        Self { store, log, state, blobs, feed, one, other, folder }
    }

    /// Closes the store and opens it again; nothing if it does not outlive that.
    pub(crate) async fn reopened(self) -> Option<Self> {
        self.store.close().await;
        let folder = self.folder?;
        let location = Location::Sled(folder.path().to_owned());
        Some(Self::over(Store::open(&StoreOptions::new(location, master())).unwrap(), Some(folder)).await)
    }

    pub(crate) async fn append(&self, append: Append) -> Committed {
        new(self.log.append(&self.one, append).await.unwrap())
    }

    /// All events of a conversation, oldest first.
    pub(crate) async fn all(&self, conversation: ConversationId) -> Vec<Arc<Event>> {
        self.log.read_after(&self.one, conversation, Sequence(0), usize::MAX).await.unwrap()
    }

    pub(crate) async fn value(&self, key: &StateKey) -> Option<Vec<u8>> {
        self.state.get(&self.one, key).await.unwrap().map(|found| found.value.to_vec())
    }
}

pub(crate) fn new(appended: Appended) -> Committed {
    match appended {
        Appended::New(committed) => committed,
        Appended::Repeated(event) => panic!("it was there before: {event:?}"),
    }
}

pub(crate) fn conversation(number: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(number))
}

/// A message of this text.
pub(crate) fn event(conversation: ConversationId, text: &str) -> Event {
    let user = UserId::from_uuid(Uuid::from_u128(77));
    let message = Message {
        id: MessageId::from_uuid(Uuid::from_u128(5)),
        sender: user,
        sent_at: Timestamp::from_millis(1_795_000_000_000),
        edited_at: None,
        body: Some(Body::Text { text: text.to_owned() }),
        reply_to: None,
        mentions: vec![user],
        caution: None,
        receipts: Vec::new(),
        removed_at: None,
        restored_at: None,
    };
    Event {
        conversation,
        sequence: Sequence(0),
        at: Timestamp::from_millis(1_795_000_000_001),
        actor: user,
        audience: Audience::Members,
        kind: EventKind::Posted { message },
    }
}

pub(crate) fn post(to: ConversationId, text: &str) -> Append {
    Append::event(event(to, text))
}

/// The text of a message.
pub(crate) fn text(event: &Event) -> &str {
    match &event.kind {
        EventKind::Posted { message } => message.body.as_ref().and_then(Body::text).unwrap(),
        other => panic!("no message: {other:?}"),
    }
}

pub(crate) fn texts(events: &[Arc<Event>]) -> Vec<&str> {
    events.iter().map(|event| text(event)).collect()
}

pub(crate) fn idempotency(key: u8, content: u8) -> Idempotency {
    Idempotency { key: [key; 16], content: [content; 16] }
}

pub(crate) fn key(text: &str) -> StateKey {
    StateKey::from_text(text.to_owned())
}

pub(crate) fn put(at: &str, value: &[u8], expect: Expect) -> StateWrite {
    StateWrite { key: key(at), value: Some(value.to_vec().into()), expect }
}

pub(crate) fn remove(at: &str, expect: Expect) -> StateWrite {
    StateWrite { key: key(at), value: None, expect }
}
