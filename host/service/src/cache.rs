//! In-memory projections of records: bounded, spread over shards, and safe against a load that a change
//! overtakes. What is in them, and what a change means, is their owners' business.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::ServiceError;

/// Enough that two cores seldom meet in one of them.
const SHARDS: usize = 16;

/// Records by key.
pub(crate) struct Cache<K, T> {
    shards: Vec<RwLock<Shard<K, T>>>,
    hasher: RandomState,
    capacity: usize,
}

struct Shard<K, T> {
    entries: HashMap<K, Arc<T>>,
    /// Counts changes, so that a load which began before one does not bring back what was.
    changes: u64,
}

impl<K: Hash + Eq + Clone, T> Cache<K, T> {
    /// A cache of about `entries` entries. Those in use elsewhere are never evicted.
    pub(crate) fn new(entries: usize) -> Self {
        let shard = || RwLock::new(Shard { entries: HashMap::new(), changes: 0 });
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher: RandomState::new(),
            capacity: (entries / SHARDS).max(1),
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)] // Taken modulo the number of shards.
    fn shard(&self, key: &K) -> &RwLock<Shard<K, T>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    /// What is there.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<T>> {
        self.shard(key).read().entries.get(key).cloned()
    }

    /// What is there, or what `load` finds. A load that was overtaken by a change is made again.
    // A plain closure, since the futures of async closures are not known to be `Send` for every lifetime.
    pub(crate) async fn get_or_load<F, Loading>(&self, key: &K, load: F) -> Result<Option<Arc<T>>, ServiceError>
    where
        F: Fn() -> Loading,
        Loading: Future<Output = Result<Option<T>, ServiceError>>,
    {
        loop {
            let changes = {
                let shard = self.shard(key).read();
                if let Some(found) = shard.entries.get(key) {
                    return Ok(Some(Arc::clone(found)));
                }
                shard.changes
            };
            let Some(loaded) = load().await? else { return Ok(None) };
            let mut shard = self.shard(key).write();
            if let Some(found) = shard.entries.get(key) {
                return Ok(Some(Arc::clone(found)));
            }
            if shard.changes == changes {
                let loaded = Arc::new(loaded);
                shard.make_room(self.capacity);
                shard.entries.insert(key.clone(), Arc::clone(&loaded));
                return Ok(Some(loaded));
            }
        }
    }

    /// Puts `value` there if `is_newer` says so of what is there already.
    pub(crate) fn put(&self, key: &K, value: T, is_newer: impl FnOnce(&T) -> bool) {
        let mut shard = self.shard(key).write();
        shard.changes = shard.changes.wrapping_add(1);
        if shard.entries.get(key).is_some_and(|present| !is_newer(present)) {
            return;
        }
        shard.make_room(self.capacity);
        shard.entries.insert(key.clone(), Arc::new(value));
    }

    /// Tells that the record changed: what is there is handed to `apply`, and loads under way are void.
    pub(crate) fn changed(&self, key: &K, apply: impl FnOnce(&T)) {
        let mut shard = self.shard(key).write();
        shard.changes = shard.changes.wrapping_add(1);
        if let Some(present) = shard.entries.get(key) {
            apply(present);
        }
    }

    /// Takes it out; loads under way are void.
    pub(crate) fn remove(&self, key: &K) -> Option<Arc<T>> {
        let mut shard = self.shard(key).write();
        shard.changes = shard.changes.wrapping_add(1);
        shard.entries.remove(key)
    }

    /// Takes out what `keep` does not want, and gives it back.
    pub(crate) fn retain(&self, keep: impl Fn(&K, &T) -> bool) -> Vec<Arc<T>> {
        let mut gone = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.write();
            shard.changes = shard.changes.wrapping_add(1);
            gone.extend(shard.entries.extract_if(|key, value| !keep(key, value)).map(|(_, value)| value));
        }
        gone
    }

    /// Everything that is there now.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.shards.iter().flat_map(|shard| shard.read().entries.values().cloned().collect::<Vec<_>>()).collect()
    }
}

impl<K: Hash + Eq + Clone, T> Shard<K, T> {
    /// Evicts an entry that nobody else holds, if the shard is full. Which one is left to the map's
    /// order, which is random: as good as any other without counting uses.
    fn make_room(&mut self, capacity: usize) {
        if self.entries.len() < capacity {
            return;
        }
        // A few tries: a shard full of entries in use may grow rather than be searched every time.
        let idle = self.entries.iter().take(32).find(|(_, value)| Arc::strong_count(value) == 1);
        if let Some(key) = idle.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_load_that_a_change_overtakes_is_made_again() {
        let cache = Cache::<u8, &str>::new(64);
        let loads = std::cell::Cell::new(0);
        let found = cache.get_or_load(&1, || async {
            loads.set(loads.get() + 1);
            if loads.get() == 1 {
                cache.changed(&1, |_| {});
                return Ok(Some("old"));
            }
            Ok(Some("new"))
        });
        assert_eq!(*found.await.unwrap().unwrap(), "new");
        assert_eq!(cache.get(&1).as_deref(), Some(&"new"));
    }

    #[test]
    fn a_full_cache_evicts_only_what_nobody_holds() {
        let cache = Cache::<u32, u32>::new(SHARDS * 2);
        cache.put(&0, 0, |_| true);
        let held = cache.get(&0);
        for key in 1..2_000 {
            cache.put(&key, key, |_| true);
        }
        assert!(cache.all().len() <= SHARDS * 2);
        assert_eq!(cache.get(&0), held);
    }

    #[test]
    fn an_older_value_does_not_replace_a_newer_one() {
        let cache = Cache::<u8, u8>::new(64);
        cache.put(&1, 2, |_| true);
        cache.put(&1, 1, |present| *present < 1);
        assert_eq!(cache.get(&1).as_deref(), Some(&2));
    }
}
