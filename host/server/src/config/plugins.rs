//! Plugins: where their compiled code is kept, and what they may reach at all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, range};

/// What holds for every plugin of every tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Plugins {
    /// The folder of compiled code; the folder "plugins" within the store's unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<PathBuf>,
    /// Private addresses that plugins may call all the same, if a tenant grants it: "ADDRESS:PORT". All others
    /// are refused, whatever a name resolves to.
    pub(crate) allow_private_http: BTreeSet<SocketAddr>,
    /// Folders of this machine that plugins may use, if a tenant grants it, by the names that tenants know them by.
    /// Each tenant has a folder of its own in each, named by its id. They have to be there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) folders: BTreeMap<String, PathBuf>,
    /// Most bytes that one tenant may keep in each of these folders; 0 for no limit.
    pub(crate) folder_bytes: u64,
    /// Certificate authorities that plugins' requests trust beside the public ones: a file of PEM certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust_file: Option<PathBuf>,
    /// Instances of all plugins together, idle ones included.
    pub(crate) instances: u32,
    /// The greatest memory that any one instance can be granted, in bytes.
    pub(crate) memory_bytes: u64,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            cache: None,
            allow_private_http: BTreeSet::new(),
            folders: BTreeMap::new(),
            folder_bytes: 0,
            trust_file: None,
            instances: 1_000,
            memory_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Whether tenants can name a folder or a relay so: as all resources of a host that they are granted by name.
pub(super) fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(known)
}

impl Plugins {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // Each instance takes up to four mappings, of which Linux gives a process 65,530 unless told otherwise.
        range("plugins.instances", self.instances.into(), 1, 15_000)?;
        range("plugins.memory_bytes", self.memory_bytes, 1024 * 1024, 1 << 30)?;
        match self.folders.keys().find(|name| !is_name(name)) {
            None => Ok(()),
            Some(name) => {
                let text = format!("the name {name:?} must be 1 to 64 characters of a-z, 0-9 and `-`");
                Err(ConfigError::Value { key: "plugins.folders", text })
            }
        }
    }
}
