//! Stored bytes: how events, idempotency entries and records of state look before they are sealed.
//! What was written by one version is read by every later one.

mod event;
mod origins;
mod receipts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use warbler_domain::{ConversationId, Event, EventLines, Idempotency, Sequence, StoreError, TenantId, Versioned};

pub(crate) use event::{Encoded, encode_event};
pub(crate) use origins::{Named, Names, Origins};
pub(crate) use receipts::{Origin, OriginId};

use crate::backend::{Record, Sheaf};
use crate::layout::{self, Kind};
use crate::seal::{Draft, Subkey, TenantKey};

/// Longest value of state: a word list of a hundred thousand words.
const STATE_LIMIT: u64 = 4 * 1024 * 1024;

/// Longest state key: a family and some identifiers.
const STATE_KEY_LIMIT: u64 = 512;

/// Reads the record under a raw key.
pub(crate) type ReadRecord<'a> = dyn Fn(&[u8]) -> Result<Option<Bytes>, StoreError> + 'a;

/// Opens one tenant's events.
pub(crate) struct Opener<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a TenantKey,
    pub(crate) origins: &'a Origins,
    pub(crate) read: &'a ReadRecord<'a>,
}

impl Opener<'_> {
    /// Opens and decodes the event at a raw key.
    pub(crate) fn event(
        &self,
        subkey: &Subkey,
        place: &[u8],
        conversation: ConversationId,
        sealed: &[u8],
    ) -> Result<Arc<Event>, StoreError> {
        let sequence = sequence_of(place)?;
        let plain = subkey.open(place, 0, sealed, "event")?;
        event::decode_event(conversation, sequence, &plain, &|id| self.origin(id)).map(Arc::new)
    }

    /// Opens and decodes events of one conversation.
    pub(crate) fn events(
        &self,
        conversation: ConversationId,
        records: &[Record],
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let subkey = self.key.subkey(Kind::Event, conversation.as_bytes())?;
        records.iter().map(|(place, sealed)| self.event(&subkey, place, conversation, sealed)).collect()
    }

    /// Opens events of one conversation where they stand, and writes them as lines.
    pub(crate) fn lines(&self, conversation: ConversationId, mut records: Sheaf) -> Result<EventLines, StoreError> {
        let subkey = self.key.subkey(Kind::Event, conversation.as_bytes())?;
        let mut lines = EventLines { text: Vec::with_capacity(records.len()), ..EventLines::default() };
        records.each(|place, sealed| {
            let sequence = sequence_of(place)?;
            let plain = subkey.open_in_place(place, 0, sealed, "event")?;
            event::add_line(&mut lines, conversation, sequence, plain, &|id| self.origin(id))
        })?;
        Ok(lines)
    }

    fn origin(&self, id: OriginId) -> Result<Arc<Origin>, StoreError> {
        self.origins.get(self.tenant, id, || {
            let place = layout::origin(self.tenant, id);
            let sealed = (self.read)(&place)?.ok_or(receipts::CORRUPT)?;
            Origin::read(&origin_subkey(self.key)?.open(&place, 0, &sealed, "receipt")?)
        })
    }
}

fn sequence_of(place: &[u8]) -> Result<Sequence, StoreError> {
    layout::last_number(place).map(Sequence).ok_or(StoreError::Corrupt { what: "event" })
}

/// The key that origins of receipts are sealed with.
pub(crate) fn origin_subkey(key: &TenantKey) -> Result<Subkey, StoreError> {
    key.subkey(Kind::Origin, &[])
}

/// What stands under an idempotency key: the place, and a keyed digest that binds it to the key and the
/// content. Short, since there is one for every message, and the database keeps values of up to 22
/// bytes within their page.
pub(crate) fn idempotency_entry(
    key: &TenantKey,
    place: &[u8],
    asked: &Idempotency,
    sequence: Sequence,
) -> Result<[u8; 22], StoreError> {
    let mut bound = Vec::with_capacity(place.len() + 24);
    bound.extend_from_slice(place);
    bound.extend_from_slice(&asked.content);
    bound.extend_from_slice(&sequence.0.to_be_bytes());
    let digest = key.blind("idempotency", &bound)?;
    let mut entry = [0; 22];
    let bytes = sequence.0.to_be_bytes().into_iter().chain(digest);
    entry.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Ok(entry)
}

/// Reads what stands under an idempotency key; the place, if the content is the same.
pub(crate) fn read_idempotency(
    key: &TenantKey,
    place: &[u8],
    asked: &Idempotency,
    entry: &[u8],
) -> Result<Sequence, StoreError> {
    let sequence = entry.first_chunk::<8>().ok_or(StoreError::Corrupt { what: "idempotency key" })?;
    let sequence = Sequence(u64::from_be_bytes(*sequence));
    let expected = idempotency_entry(key, place, asked, sequence)?;
    // A digest cannot tell another content from an entry that was tampered with; both are refused.
    verify_slices_are_equal(&expected, entry).map_err(|_| StoreError::KeyReused)?;
    Ok(sequence)
}

/// Checks the sizes of a write.
pub(crate) fn check_write(write: &warbler_domain::StateWrite) -> Result<(), StoreError> {
    if write.key.as_str().len() as u64 > STATE_KEY_LIMIT {
        return Err(StoreError::TooLarge { limit: STATE_KEY_LIMIT });
    }
    match &write.value {
        Some(value) if value.len() as u64 > STATE_LIMIT => Err(StoreError::TooLarge { limit: STATE_LIMIT }),
        _ => Ok(()),
    }
}

/// Seals a value of state, with its version before it.
pub(crate) fn seal_state(subkey: &Subkey, key: &[u8], version: u64, draft: Draft) -> Result<Bytes, StoreError> {
    let sealed = subkey.seal(key, version, draft)?;
    let mut record = Vec::with_capacity(8 + sealed.len());
    record.extend_from_slice(&version.to_be_bytes());
    record.extend_from_slice(&sealed);
    Ok(Bytes::from(record))
}

/// The version of a record of state.
pub(crate) fn state_version(record: &[u8]) -> Result<u64, StoreError> {
    let version = record.first_chunk::<8>().ok_or(StoreError::Corrupt { what: "state" })?;
    Ok(u64::from_be_bytes(*version))
}

/// Opens a record of state.
pub(crate) fn open_state(subkey: &Subkey, key: &[u8], record: &[u8]) -> Result<Versioned, StoreError> {
    let version = state_version(record)?;
    let sealed = record.get(8..).unwrap_or_default();
    Ok(Versioned { value: Bytes::from(subkey.open(key, version, sealed, "state")?), version })
}
