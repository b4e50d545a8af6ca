//! Records in an ordered map.

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::RwLock;
use warbler_domain::StoreError;

use crate::backend::{Changes, Record, Records};
use crate::layout::KeyRange;

/// Records in an ordered map.
#[derive(Default)]
pub(crate) struct MemoryRecords(RwLock<BTreeMap<Vec<u8>, Bytes>>);

impl Records for MemoryRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.read().get(key).cloned())
    }

    fn range(&self, range: &KeyRange, skip: &dyn Fn(&[u8]) -> bool, limit: usize) -> Result<Vec<Record>, StoreError> {
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        let records = self.0.read();
        let found = records.range(range.from.clone()..range.to.clone());
        let take = |(key, value): (&Vec<u8>, &Bytes)| (key.clone(), value.clone());
        let kept = |(key, _): &(&Vec<u8>, &Bytes)| !skip(key);
        Ok(if range.newest_first {
            found.rev().filter(kept).take(limit).map(take).collect()
        } else {
            found.filter(kept).take(limit).map(take).collect()
        })
    }

    fn apply(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut records = self.0.write();
        for (key, change) in changes {
            match &change.value {
                Some(value) => records.insert(key.clone(), value.clone()),
                None => records.remove(key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
