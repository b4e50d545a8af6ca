//! What readers see: what is on disk, and nothing of the group that is being written. The database
//! shows a change as soon as it is made, which is before it survives a power cut; so while a group
//! is under way, its changes are hidden behind what stood there before.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use warbler_domain::StoreError;

use crate::backend::{Changes, Record, Records, Sheaf};
use crate::layout::KeyRange;

/// The records, as readers may see them.
pub(crate) struct View(RwLock<Inner>);

struct Inner {
    /// Nothing once the store is closed.
    records: Option<Arc<dyn Records>>,
    /// The group that is being written.
    under_way: Option<Arc<Changes>>,
}

/// The records at one moment.
pub(crate) struct Snapshot<'a> {
    records: &'a dyn Records,
    under_way: Option<&'a Changes>,
}

impl View {
    pub(crate) fn new(records: Arc<dyn Records>) -> Self {
        Self(RwLock::new(Inner { records: Some(records), under_way: None }))
    }

    /// Reads at one moment. Nothing is committed meanwhile, so this must be short.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let inner = self.0.read();
        let records = inner.records.as_deref().ok_or(StoreError::Closed)?;
        read(&Snapshot { records, under_way: inner.under_way.as_deref() })
    }

    /// Hides what a group is about to change.
    pub(super) fn begin(&self, changes: Arc<Changes>) {
        self.0.write().under_way = Some(changes);
    }

    /// Shows what the group changed.
    pub(super) fn end(&self) {
        self.0.write().under_way = None;
    }

    /// Lets go of the records.
    pub(super) fn close(&self) {
        self.0.write().records = None;
    }
}

impl Snapshot<'_> {
    /// The value under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.under_way.and_then(|changes| changes.get(key)) {
            Some(change) => Ok(change.before.clone()),
            None => self.records.get(key),
        }
    }

    /// At most `limit` records of a range.
    pub(crate) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<Record>, StoreError> {
        let Some(changes) = self.under_way else { return self.records.range(range, &|_| false, limit) };
        let mut found = self.records.range(range, &|key| changes.contains_key(key), limit)?;
        let settled = found.len();
        if range.from < range.to {
            let hidden = changes.range(range.from.clone()..range.to.clone());
            found.extend(hidden.filter_map(|(key, change)| Some((key.clone(), change.before.clone()?))));
        }
        if found.len() > settled {
            found.sort_unstable_by(
                |(left, _), (right, _)| {
                    if range.newest_first { right.cmp(left) } else { left.cmp(right) }
                },
            );
            found.truncate(limit);
        }
        Ok(found)
    }

    /// The same, in one piece of memory, oldest first.
    pub(crate) fn gather(&self, range: &KeyRange, limit: usize) -> Result<Sheaf, StoreError> {
        match self.under_way {
            None => self.records.gather(range, limit),
            Some(_) => Ok(Sheaf::of(&self.range(range, limit)?)),
        }
    }
}
