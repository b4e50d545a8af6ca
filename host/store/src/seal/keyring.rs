//! The keys of all tenants in memory, and the changes to them. Where the file of wrapped keys lies is
//! the backend's work.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use parking_lot::{Mutex, RwLock};
use warbler_domain::{StoreError, TenantId};
use zeroize::Zeroizing;

use super::cipher::{TenantKey, failed};
use super::master::MasterKey;
use super::wrapped::{self, Secret};
use crate::OpenError;

/// Where the wrapped keys are kept: apart from the data that they open, so that a key which was
/// destroyed does not live on in a log of old values.
pub(crate) trait KeyFile: Send + Sync {
    /// What was last replaced; nothing if there is no file yet.
    fn read(&self) -> std::io::Result<Option<Vec<u8>>>;
    /// Replaces all of it at once, durably, and overwrites what stood there before.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()>;
}

/// The keys of all tenants.
pub(crate) struct Keyring {
    keys: RwLock<HashMap<TenantId, Arc<TenantKey>>>,
    kept: Mutex<Kept>,
}

struct Kept {
    master: MasterKey,
    secrets: BTreeMap<TenantId, Secret>,
    file: Box<dyn KeyFile>,
}

impl Kept {
    /// Makes `secrets`, wrapped under `master`, what the file holds.
    fn write(&self, master: &MasterKey, secrets: &BTreeMap<TenantId, Secret>) -> Result<(), StoreError> {
        let bytes =
            wrapped::wrap(master, secrets).ok_or(aws_lc_rs::error::Unspecified).map_err(failed("wrapping keys"))?;
        self.file
            .replace(&bytes)
            .map_err(|source| StoreError::Io { doing: "writing the wrapped keys", source: Box::new(source) })
    }
}

impl Keyring {
    /// Opens the wrapped keys. `has_data` says whether there is anything that they would open: a
    /// missing file is then an error, not a new beginning.
    pub(crate) fn open(file: Box<dyn KeyFile>, master: MasterKey, has_data: bool) -> Result<Self, OpenError> {
        let bytes = file.read().map_err(|source| OpenError::Io { doing: "reading the wrapped keys", source })?;
        let secrets = match bytes {
            Some(bytes) => wrapped::unwrap(&master, &bytes)?,
            None if has_data => return Err(OpenError::KeysMissing),
            None => BTreeMap::new(),
        };
        let keys = secrets.iter().map(|(tenant, secret)| (*tenant, Arc::new(TenantKey::new(secret)))).collect();
        let keyring = Self { keys: RwLock::new(keys), kept: Mutex::new(Kept { master, secrets, file }) };
        // What belongs to the host itself is sealed like everything else.
        keyring.create(TenantId::OPERATOR).map_err(OpenError::Keys)?;
        Ok(keyring)
    }

    /// The tenant's key.
    pub(crate) fn get(&self, tenant: TenantId) -> Result<Arc<TenantKey>, StoreError> {
        self.keys.read().get(&tenant).cloned().ok_or(StoreError::NoKey)
    }

    /// Whether the tenant has a key.
    pub(crate) fn has(&self, tenant: TenantId) -> bool {
        self.keys.read().contains_key(&tenant)
    }

    /// Makes a key for a tenant that has none.
    pub(crate) fn create(&self, tenant: TenantId) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        if kept.secrets.contains_key(&tenant) {
            return Ok(());
        }
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(secret.as_mut_slice()).map_err(failed("reading randomness"))?;
        let mut secrets = kept.secrets.clone();
        let key = Arc::new(TenantKey::new(&secret));
        secrets.insert(tenant, secret);
        kept.write(&kept.master, &secrets)?;
        kept.secrets = secrets;
        self.keys.write().insert(tenant, key);
        Ok(())
    }

    /// Destroys a tenant's key, and with it everything that was sealed under it.
    pub(crate) fn destroy(&self, tenant: TenantId) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        let mut secrets = kept.secrets.clone();
        if secrets.remove(&tenant).is_none() {
            return Ok(());
        }
        kept.write(&kept.master, &secrets)?;
        kept.secrets = secrets;
        self.keys.write().remove(&tenant);
        Ok(())
    }

    /// Wraps all keys under another master key.
    pub(crate) fn rotate(&self, master: MasterKey) -> Result<(), StoreError> {
        let mut kept = self.kept.lock();
        kept.write(&master, &kept.secrets)?;
        kept.master = master;
        Ok(())
    }
}
