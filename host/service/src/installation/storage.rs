//! The private key-value store of one installation: sealed with the tenant's key, and within its quota.
//!
//! Keys are the plugin's own words, so that the store's keys are keyed digests of them, and each value
//! carries its key. The bytes in use are counted in a record that changes together with the value.

mod kept;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use warbler_domain::{
    Expect, InstallationId, PluginStorage, State, StateKey, StateWrite, StorageError, StoreError, TenantScope,
};

pub(crate) use kept::KeptValue;

/// Longest key, in bytes.
const KEY: usize = 256;

/// Longest value, in bytes: what fits into one record of the store beside its sealing.
const VALUE: usize = 64 * 1024;

/// How often two writes at once may get in each other's way before the plugin is told.
const ATTEMPTS: usize = 32;

/// Records read at a time.
const PAGE: usize = 256;

const FAMILY: &str = "plugin-store";
const USED: &str = "plugin-store-used";

/// One installation's store.
pub(super) struct Storage {
    pub(super) state: Arc<dyn State>,
    pub(super) scope: TenantScope,
    pub(super) installation: InstallationId,
}

/// What a value may take the place of.
#[derive(Clone, Copy)]
enum Over {
    /// Whatever there is, within a quota in bytes.
    Anything { quota: u64 },
    /// Nothing: what is there stays. It was within its quota once.
    Nothing,
}

#[derive(Serialize, Deserialize)]
struct Used {
    bytes: u64,
}

#[async_trait]
impl PluginStorage for Storage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        check("the key", key.len(), KEY)?;
        let kept = self.state.get(&self.scope, &self.key(key)?).await.map_err(|error| unavailable(&error))?;
        kept.map(|kept| unpack(&kept.value).map(|(_, value)| value)).transpose()
    }

    async fn set(&self, key: &str, value: Bytes, quota: u64) -> Result<(), StorageError> {
        check("the key", key.len(), KEY)?;
        check("the value", value.len(), VALUE)?;
        self.change(key, Some(pack(key, &value)), Over::Anything { quota }).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        check("the key", key.len(), KEY)?;
        self.change(key, None, Over::Anything { quota: u64::MAX }).await.map(drop)
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StorageError> {
        let mut keys = Vec::new();
        let mut at = None;
        loop {
            let found = self.state.scan(&self.scope, &all(self.installation), at.as_ref(), PAGE).await;
            let found = found.map_err(|error| unavailable(&error))?;
            for (_, kept) in &found {
                let (key, _) = unpack(&kept.value)?;
                if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                    keys.push(key);
                }
            }
            match found.last() {
                Some((last, _)) if found.len() == PAGE => at = Some(last.clone()),
                _ => break,
            }
        }
        keys.sort_unstable();
        keys.truncate(limit);
        Ok(keys)
    }
}

impl Storage {
    /// Changes a value; whether it did.
    async fn change(&self, key: &str, value: Option<Bytes>, over: Over) -> Result<bool, StorageError> {
        let (place, used_place) = (self.key(key)?, StateKey::new(USED, &[&self.installation]));
        for _ in 0..ATTEMPTS {
            let old = self.state.get(&self.scope, &place).await.map_err(|error| unavailable(&error))?;
            let is_left = match over {
                Over::Anything { .. } => old.is_none() && value.is_none(),
                Over::Nothing => old.is_some(),
            };
            if is_left {
                return Ok(false);
            }
            let used = self.state.get(&self.scope, &used_place).await.map_err(|error| unavailable(&error))?;
            let before = used.as_ref().map_or(Ok(0), |used| {
                serde_json::from_slice(&used.value).map(|Used { bytes }| bytes).map_err(|_| StorageError::Unavailable)
            })?;
            let size = |bytes: &Bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let freed = old.as_ref().map_or(0, |old| size(&old.value));
            let bytes = before.saturating_sub(freed).saturating_add(value.as_ref().map_or(0, size));
            if let Over::Anything { quota } = over
                && value.is_some()
                && bytes > quota
            {
                return Err(StorageError::OverQuota { limit: quota });
            }
            let expected = |kept: Option<u64>| kept.map_or(Expect::Absent, Expect::Version);
            let count = serde_json::to_vec(&Used { bytes }).map_err(|_| StorageError::Unavailable)?;
            let writes = vec![
                StateWrite { key: place.clone(), value: value.clone(), expect: expected(old.map(|old| old.version)) },
                StateWrite {
                    key: used_place.clone(),
                    value: Some(count.into()),
                    expect: expected(used.map(|used| used.version)),
                },
            ];
            match self.state.commit(&self.scope, writes).await {
                Ok(()) => return Ok(true),
                // Another instance of the same plugin wrote in between: look again.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Err(StorageError::Unavailable)
    }

    fn key(&self, key: &str) -> Result<StateKey, StorageError> {
        let blind = self.state.blind(&self.scope, FAMILY, key.as_bytes()).map_err(|error| unavailable(&error))?;
        Ok(StateKey::new(FAMILY, &[&self.installation, &blind]))
    }
}

/// Removes everything that an installation has stored.
pub(super) async fn clear(
    state: &Arc<dyn State>,
    scope: &TenantScope,
    installation: InstallationId,
) -> Result<(), StoreError> {
    loop {
        let found = state.scan(scope, &all(installation), None, PAGE).await?;
        let is_last = found.len() < PAGE;
        let gone = |key| StateWrite { key, value: None, expect: Expect::Any };
        let mut writes: Vec<_> = found.into_iter().map(|(key, _)| gone(key)).collect();
        if is_last {
            writes.push(gone(StateKey::new(USED, &[&installation])));
        }
        state.commit(scope, writes).await?;
        if is_last {
            return Ok(());
        }
    }
}

fn all(installation: InstallationId) -> StateKey {
    StateKey::new(FAMILY, &[&installation, &""])
}

/// The key's length in two bytes (big-endian), the key, the value.
fn pack(key: &str, value: &[u8]) -> Bytes {
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length, key.as_bytes(), value].concat().into()
}

fn unpack(packed: &Bytes) -> Result<(String, Bytes), StorageError> {
    let (length, rest) = packed.split_first_chunk::<2>().ok_or(StorageError::Unavailable)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let key = rest.get(..length).and_then(|key| std::str::from_utf8(key).ok()).ok_or(StorageError::Unavailable)?;
    Ok((key.to_owned(), packed.slice(2 + length..)))
}

fn check(what: &'static str, length: usize, limit: usize) -> Result<(), StorageError> {
    if length > limit { Err(StorageError::TooLong { what, limit }) } else { Ok(()) }
}

fn unavailable(error: &StoreError) -> StorageError {
    tracing::warn!(%error, "a plugin's storage did not answer");
    StorageError::Unavailable
}
