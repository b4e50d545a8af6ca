//! What plugins store, in a backup: each value beside its own key, for the store's names of them mean nothing to another
//! host.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use warbler_domain::{InstallationId, State, StorageError, StoreError, TenantScope};

use super::{FAMILY, Over, Storage, all, pack, unpack};

/// A value in a backup: text if it is text, so that a person can read it.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptValue {
    /// The plugin's own word for it.
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl KeptValue {
    /// A record as it stands in a version; nothing if it cannot be read.
    pub(crate) fn line(record: &[u8]) -> Option<serde_json::Value> {
        let (key, value) = unpack(&Bytes::copy_from_slice(record)).ok()?;
        let text = std::str::from_utf8(&value).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(&value));
        serde_json::to_value(Self { key, text, base64 }).ok()
    }

    /// A line of a version, and whose it is; nothing if it is none.
    pub(crate) fn read(key: &str, value: serde_json::Value) -> Option<(InstallationId, Self)> {
        let installation = key.strip_prefix(FAMILY)?.strip_prefix('/')?.split('/').next()?.parse().ok()?;
        Some((installation, serde_json::from_value(value).ok()?))
    }

    /// Stores it for an installation, unless it has a value there; whether it was stored.
    pub(crate) async fn put(
        self,
        state: &Arc<dyn State>,
        scope: &TenantScope,
        installation: InstallationId,
    ) -> Result<bool, StorageError> {
        let storage = Storage { state: Arc::clone(state), scope: *scope, installation };
        let value = self.value().ok_or(StorageError::Unavailable)?;
        storage.change(&self.key, Some(pack(&self.key, &value)), Over::Nothing).await
    }

    /// Whether the installation has just this value.
    pub(crate) async fn stands(
        &self,
        state: &Arc<dyn State>,
        scope: &TenantScope,
        installation: InstallationId,
    ) -> Result<bool, StorageError> {
        use warbler_domain::PluginStorage as _;
        let storage = Storage { state: Arc::clone(state), scope: *scope, installation };
        Ok(storage.get(&self.key).await? == self.value())
    }

    fn value(&self) -> Option<Bytes> {
        match (&self.text, &self.base64) {
            (Some(text), None) => Some(Bytes::copy_from_slice(text.as_bytes())),
            (None, Some(base64)) => STANDARD.decode(base64).ok().map(Bytes::from),
            _ => None,
        }
    }

    /// Whether an installation has stored nothing.
    pub(crate) async fn is_none(
        state: &dyn State,
        scope: &TenantScope,
        installation: InstallationId,
    ) -> Result<bool, StoreError> {
        Ok(state.scan(scope, &all(installation), None, 1).await?.is_empty())
    }
}
