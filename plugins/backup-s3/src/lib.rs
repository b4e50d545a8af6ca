//! Keeps backups in any S3-compatible store. What the host gives it is encrypted already; this
//! plugin signs requests, splits what is large, and tells what a store's errors mean.

mod config;
mod fault;
mod list;
mod sign;
mod store;
mod upload;
mod xml;

pub use config::{Config, Style};
pub use sign::{Keys, Moment, Signing, payload_hash};

use warbler_sdk::{BackupSink, BlobInfo, Failure, Plugin, secrets, system};

use store::Store;

/// The plugin: where the store is.
pub struct BackupS3 {
    config: Config,
}

impl BackupS3 {
    /// The store, with the keys as they are at this moment: an admin may change them at any time.
    fn store(&self) -> Result<Store<'_>, Failure> {
        let needed = |name: &str| {
            let set = secrets::get(name).map(|secret| secret.trim().to_owned()).filter(|secret| !secret.is_empty());
            set.ok_or_else(|| Failure::Misconfigured(format!("the secret `{name}` is not set")))
        };
        let session = secrets::get("session-token").filter(|token| !token.trim().is_empty());
        let keys = Keys::new(needed("access-key-id")?, needed("secret-access-key")?, session);
        Ok(Store::new(&self.config, keys))
    }
}

impl Plugin for BackupS3 {
    fn init(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::parse(config)? })
    }
}

impl BackupSink for BackupS3 {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        sink_kit::check(name)?;
        self.store()?.put(name, bytes)
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        sink_kit::check(name)?;
        self.store()?.get(name, offset, length)
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        self.store()?.list(prefix, after)
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        sink_kit::check(name)?;
        self.store()?.delete(name)
    }
}

/// The moment at which a request is signed.
fn now() -> Moment {
    Moment::from_millis(system::now())
}

warbler_sdk::export!(BackupS3: BackupSink);
