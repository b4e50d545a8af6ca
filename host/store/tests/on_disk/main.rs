//! What only a store on a disk can promise: keys, damage, crashes, power cuts, syncs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod crash;
mod damage;
mod keys;
mod power_cut;
mod syncs;
mod writer;

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;
use warbler_domain::{
    Append, Audience, ConversationId, Event, EventKind, Expect, Sequence, StateKey, StateWrite, TenantId, TenantScope,
    Timestamp, UserId,
};
use warbler_store::{Location, MasterKey, OpenError, Store, StoreOptions};

pub(crate) const ONE: TenantScope = TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(1)));

pub(crate) fn open_with(folder: &Path, master: u8) -> Result<Arc<Store>, OpenError> {
    Store::open(&StoreOptions::new(Location::Sled(folder.to_owned()), MasterKey::from_bytes([master; 32])))
}

pub(crate) fn open(folder: &Path) -> Arc<Store> {
    open_with(folder, 42).unwrap()
}

/// Why it does not open.
pub(crate) fn refusal(folder: &Path, master: u8) -> OpenError {
    match open_with(folder, master) {
        Ok(_) => panic!("it opens"),
        Err(error) => error,
    }
}

pub(crate) fn conversation(number: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn titled(to: u128, title: &str) -> Append {
    Append::event(Event {
        conversation: conversation(to),
        sequence: Sequence(0),
        at: Timestamp::from_millis(1),
        actor: UserId::from_uuid(Uuid::from_u128(3)),
        audience: Audience::Members,
        kind: EventKind::Renamed { title: title.to_owned() },
    })
}

pub(crate) fn title(event: &Event) -> &str {
    match &event.kind {
        EventKind::Renamed { title } => title,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn put(at: &str, value: &[u8]) -> StateWrite {
    StateWrite { key: StateKey::from_text(at.to_owned()), value: Some(value.to_vec().into()), expect: Expect::Any }
}
