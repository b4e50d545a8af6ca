//! Tests at the level of raw records and files: what moving, changing and cutting them does, what a
//! failing disk does, and what readers see while a group is under way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod disk;
mod moved;
mod receipts;
mod under_way;

pub(crate) use receipts::receipt;

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;
use warbler_domain::{
    Append, Audience, ConversationId, Event, EventKind, Expect, Idempotency, Sequence, StateKey, StateWrite, TenantId,
    TenantScope, Timestamp, UserId,
};

use crate::backend::memory::{MemoryBlobs, MemoryKeys};
use crate::backend::{BlobFiles, Change, Changes, Records};
use crate::seal::KeyFile;
use crate::store::Backend;
use crate::{Durability, MasterKey, Store};

const ONE: TenantScope = TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(1)));
const OTHER: TenantScope = TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(2)));

/// Keys that outlive a store.
#[derive(Clone, Default)]
struct SharedKeys(Arc<MemoryKeys>);

impl KeyFile for SharedKeys {
    fn read(&self) -> std::io::Result<Option<Vec<u8>>> {
        self.0.read()
    }

    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.replace(bytes)
    }
}

/// A store over these records, with keys for both tenants.
async fn store(records: Arc<dyn Records>, files: Arc<dyn BlobFiles>, keys: SharedKeys) -> Arc<Store> {
    let backend = Backend { records, files, keys: Box::new(keys) };
    let store = Store::over(backend, MasterKey::from_bytes([1; 32]), Durability::Synced).unwrap();
    for scope in [ONE, OTHER] {
        store.create_tenant(scope.tenant()).await.unwrap();
    }
    store
}

async fn over(records: Arc<dyn Records>) -> Arc<Store> {
    store(records, Arc::new(MemoryBlobs::default()), SharedKeys::default()).await
}

fn conversation(number: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(number))
}

fn titled(to: u128, title: &str) -> Event {
    Event {
        conversation: conversation(to),
        sequence: Sequence(0),
        at: Timestamp::from_millis(1),
        actor: UserId::from_uuid(Uuid::from_u128(3)),
        audience: Audience::Members,
        kind: EventKind::Renamed { title: title.to_owned() },
    }
}

fn title(event: &Event) -> &str {
    match &event.kind {
        EventKind::Renamed { title } => title,
        other => panic!("{other:?}"),
    }
}

fn post(to: u128, title: &str) -> Append {
    Append::event(titled(to, title))
}

fn idempotency(key: u8) -> Idempotency {
    Idempotency { key: [key; 16], content: [7; 16] }
}

fn key(text: &str) -> StateKey {
    StateKey::from_text(text.to_owned())
}

fn put(at: &str, value: &str) -> StateWrite {
    StateWrite { key: key(at), value: Some(Bytes::copy_from_slice(value.as_bytes())), expect: Expect::Any }
}

fn remove(at: &str) -> StateWrite {
    StateWrite { key: key(at), value: None, expect: Expect::Any }
}

/// Writes a raw record past the store.
fn overwrite(records: &dyn Records, at: Vec<u8>, value: Option<Bytes>) {
    let before = records.get(&at).unwrap();
    records.apply(&Changes::from([(at, Change { value, before })])).unwrap();
}
