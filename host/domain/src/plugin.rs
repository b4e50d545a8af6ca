//! Plugins as the service sees them: what it takes to load one, and what it is lent.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Agent, BackupSink, ContentFilter, Grants, HookKind, HookLimits, InstallationId, LoadError, PushProvider, TenantId,
};

/// How instances are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// Kept warm between calls, one call at a time each.
    #[default]
    Warm,
    /// A fresh one for every call.
    Fresh,
}

/// How loud a line of a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For its author.
    Debug,
    /// For whoever looks.
    Info,
    /// Something is off.
    Warn,
    /// Something is wrong.
    Error,
}

/// Takes a plugin's log lines.
pub trait PluginLog: Send + Sync {
    /// Keeps one line. Must not block.
    fn write(&self, level: LogLevel, text: &str);
}

/// Why a plugin's storage refused a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The quota would be passed.
    #[error("the storage quota of {limit} bytes would be passed")]
    OverQuota {
        /// The quota, in bytes.
        limit: u64,
    },
    /// A key or value is too long.
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The store did not answer.
    #[error("the store is unavailable")]
    Unavailable,
}

/// One installation's private key-value store.
#[async_trait]
pub trait PluginStorage: Send + Sync {
    /// The value under `key`.
    ///
    /// # Errors
    /// The store did not answer.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StorageError>;
    /// Puts `value` under `key`, within `quota` bytes of keys and values.
    ///
    /// # Errors
    /// Over quota, too long, or the store did not answer.
    async fn set(&self, key: &str, value: Bytes, quota: u64) -> Result<(), StorageError>;
    /// Removes `key`, if it is there.
    ///
    /// # Errors
    /// The store did not answer.
    async fn delete(&self, key: &str) -> Result<(), StorageError>;
    /// Keys that start with `prefix`, in order, after `after`.
    ///
    /// # Errors
    /// The store did not answer.
    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StorageError>;
}

/// Secrets that an admin stored for one installation.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret called `name`.
    async fn get(&self, name: &str) -> Option<String>;
}

/// What the service lends to one installation.
#[derive(Clone)]
pub struct PluginPorts {
    /// Its storage.
    pub storage: Arc<dyn PluginStorage>,
    /// Its secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// Its log.
    pub log: Arc<dyn PluginLog>,
}

/// Everything that it takes to load a plugin for one installation.
#[derive(Clone)]
pub struct LoadRequest {
    /// Whose.
    pub tenant: TenantId,
    /// Which installation.
    pub installation: InstallationId,
    /// The component's bytes, already verified.
    pub component: Bytes,
    /// SHA-256 of the package.
    pub digest: [u8; 32],
    /// The tenant's configuration: a JSON object.
    pub config: String,
    /// What it may reach.
    pub grants: Grants,
    /// Limits of one call of its first hook, in the order of [`HookKind`]. Its other hooks keep the
    /// defaults of [`HookLimits::of`] for time, and this memory.
    pub limits: HookLimits,
    /// How instances are used.
    pub instances: Instances,
    /// What it is lent.
    pub ports: PluginPorts,
}

/// Counters of one loaded plugin, since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PluginStats {
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Instances made.
    pub instances_made: u64,
    /// Instances kept at this moment.
    pub instances_idle: u64,
}

/// A plugin that is ready to be called, for one installation.
pub trait LoadedPlugin: Send + Sync {
    /// The hooks that its component exports.
    fn hooks(&self) -> &[HookKind];
    /// Its content filter, if it exports one.
    fn content_filter(&self) -> Option<Arc<dyn ContentFilter>>;
    /// Its agent, if it exports one.
    fn agent(&self) -> Option<Arc<dyn Agent>> {
        None
    }
    /// Its push provider, if it exports one.
    fn push_provider(&self) -> Option<Arc<dyn PushProvider>> {
        None
    }
    /// Its backup sink, if it exports one.
    fn backup_sink(&self) -> Option<Arc<dyn BackupSink>> {
        None
    }
    /// Its counters.
    fn stats(&self) -> PluginStats;
}

/// Makes plugins callable.
#[async_trait]
pub trait PluginRuntime: Send + Sync {
    /// Compiles (or finds in its cache), links what was granted, makes a trial instance and calls its
    /// `init`. Live traffic is not touched.
    ///
    /// # Errors
    /// Any step failed; the error says which.
    async fn load(&self, request: LoadRequest) -> Result<Arc<dyn LoadedPlugin>, LoadError>;
}
