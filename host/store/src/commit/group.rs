//! What is committed together: changes, the answers that wait for them, and the news they make.

use std::collections::btree_map::Entry;

use bytes::Bytes;
use warbler_domain::{Appended, Committed, StateChange, StoreError, TenantId};

use super::queue::Reply;
use crate::backend::{Change, Changes, Records};

/// An answer that waits until the group is on disk.
pub(super) enum Answer {
    Appended(Reply<Appended>, Result<Appended, StoreError>),
    Committed(Reply<()>, Result<(), StoreError>),
    Purged(Reply<bool>, Result<bool, StoreError>),
}

impl Answer {
    /// Answers; if the group failed, with that.
    pub(super) fn send(self, failed: Option<StoreError>) {
        // Those who no longer wait for the answer need none.
        match self {
            Self::Appended(reply, result) => drop(reply.send(failed.map_or(result, Err))),
            Self::Committed(reply, result) => drop(reply.send(failed.map_or(result, Err))),
            Self::Purged(reply, result) => drop(reply.send(failed.map_or(result, Err))),
        }
    }
}

/// One change of one request, before it joins the group.
pub(super) struct Step {
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Bytes>,
    /// What stands there now, this request's own steps left aside.
    pub(super) before: Option<Bytes>,
}

/// What is committed together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) changes: Changes,
    pub(super) committed: Vec<Committed>,
    /// Tenants whose records this group deletes.
    pub(super) purged: Vec<TenantId>,
    pub(super) news: Vec<StateChange>,
    pub(super) answers: Vec<Answer>,
    pub(super) writes: usize,
    pub(super) bytes: usize,
}

impl Group {
    /// The value under a key, as it will be after this group as it is so far.
    pub(super) fn get(&self, records: &dyn Records, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.value.clone()),
            None => records.get(key),
        }
    }

    /// Takes in all changes of one request.
    pub(super) fn take(&mut self, steps: impl IntoIterator<Item = Step>) {
        for step in steps {
            self.bytes += step.key.len() + step.value.as_ref().map_or(0, Bytes::len);
            match self.changes.entry(step.key) {
                // What stood there before the group is already known.
                Entry::Occupied(mut change) => change.get_mut().value = step.value,
                Entry::Vacant(place) => {
                    place.insert(Change { value: step.value, before: step.before });
                }
            }
        }
    }
}
