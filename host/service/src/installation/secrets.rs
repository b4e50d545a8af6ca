//! Secrets that admins store for one installation. They are written and never read back by people; the
//! store seals them, and only the runtime asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use warbler_domain::{Expect, InstallationId, SecretSource, State, StateKey, StateWrite, StoreError, TenantScope};
use zeroize::{Zeroize, Zeroizing};

use crate::ServiceError;

/// Longest secret, in bytes: a private key in PEM fits.
pub(super) const SECRET: usize = 16 * 1024;

/// Most secrets of one installation, as a manifest may name.
const SECRETS: usize = 64;

const FAMILY: &str = "plugin-secret";

/// One installation's secrets.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) state: Arc<dyn State>,
    pub(super) scope: TenantScope,
    pub(super) installation: InstallationId,
}

#[derive(Serialize, Deserialize)]
struct Secret {
    name: String,
    value: String,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

#[async_trait]
impl SecretSource for Secrets {
    async fn get(&self, name: &str) -> Option<String> {
        match self.try_get(name).await {
            Ok(value) => value,
            Err(error) => {
                tracing::warn!(tenant = %self.scope.tenant(), %error, "a plugin's secret could not be read");
                None
            }
        }
    }
}

impl Secrets {
    async fn try_get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Some(kept) = self.state.get(&self.scope, &self.key(name)?).await? else {
            return Ok(None);
        };
        let mut secret = read(&kept.value)?;
        Ok(Some(std::mem::take(&mut secret.value)))
    }

    /// The names that have a value.
    pub(super) async fn names(&self) -> Result<BTreeSet<String>, StoreError> {
        let found = self.state.scan(&self.scope, &self.all(), None, SECRETS).await?;
        found.iter().map(|(_, kept)| Ok(read(&kept.value)?.name.clone())).collect()
    }

    /// The write that stores a secret.
    pub(super) fn put(&self, name: &str, value: &Zeroizing<String>) -> Result<StateWrite, ServiceError> {
        if value.is_empty() || value.len() > SECRET {
            return Err(ServiceError::length("value", SECRET));
        }
        let secret = Secret { name: name.to_owned(), value: String::clone(value) };
        let bytes = serde_json::to_vec(&secret).map_err(|_| ServiceError::Internal { what: "writing a secret" })?;
        Ok(StateWrite { key: self.key(name)?, value: Some(bytes.into()), expect: Expect::Any })
    }

    /// The write that removes a secret.
    pub(super) fn removal(&self, name: &str) -> Result<StateWrite, StoreError> {
        Ok(StateWrite { key: self.key(name)?, value: None, expect: Expect::Any })
    }

    /// The writes that remove all secrets.
    pub(super) async fn clearing(&self) -> Result<Vec<StateWrite>, StoreError> {
        let found = self.state.scan(&self.scope, &self.all(), None, SECRETS).await?;
        Ok(found.into_iter().map(|(key, _)| StateWrite { key, value: None, expect: Expect::Any }).collect())
    }

    fn key(&self, name: &str) -> Result<StateKey, StoreError> {
        let blind = self.state.blind(&self.scope, FAMILY, name.as_bytes())?;
        Ok(StateKey::new(FAMILY, &[&self.installation, &blind]))
    }

    fn all(&self) -> StateKey {
        StateKey::new(FAMILY, &[&self.installation, &""])
    }
}

fn read(bytes: &[u8]) -> Result<Secret, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "secret" })
}
