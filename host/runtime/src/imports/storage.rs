//! `storage`: the installation's private key-value store, within its quota.

use bytes::Bytes;
use warbler_domain::StorageError;

use crate::bindings::warbler::plugin::storage::Host;
use crate::failure::HostFault;
use crate::state::GuestState;

/// Most keys in one answer, whatever was asked for.
const KEYS: usize = 1_000;

impl Host for GuestState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.waits();
        let value = self.lent.storage.get(&key).await.map_err(fault)?;
        Ok(value.map(Vec::from))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        self.waits();
        let quota = self.lent.grants.storage_quota.unwrap_or_default();
        match self.lent.storage.set(&key, Bytes::from(value), quota).await {
            Ok(()) => Ok(Ok(())),
            Err(error @ (StorageError::OverQuota { .. } | StorageError::TooLong { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(fault(error)),
        }
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        self.waits();
        self.lent.storage.delete(&key).await.map_err(fault)
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> wasmtime::Result<Vec<String>> {
        self.waits();
        let limit = usize::try_from(limit).unwrap_or(KEYS).min(KEYS);
        self.lent.storage.keys(&prefix, after.as_deref(), limit).await.map_err(fault)
    }
}

/// A store that does not answer ends the call: the contract has no word for it, and the guest must not
/// take it for a key that is not there.
fn fault(error: StorageError) -> wasmtime::Error {
    match error {
        StorageError::Unavailable => wasmtime::Error::new(HostFault::StoreUnavailable),
        error => wasmtime::Error::new(error),
    }
}
