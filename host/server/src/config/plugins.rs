//! Plugins: where their compiled code is kept, and what they may reach at all.

use std::collections::BTreeSet;
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
    /// Instances of all plugins together, idle ones included.
    pub(crate) instances: u32,
    /// The greatest memory that any one instance can be granted, in bytes.
    pub(crate) memory_bytes: u64,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { cache: None, allow_private_http: BTreeSet::new(), instances: 1_000, memory_bytes: 256 * 1024 * 1024 }
    }
}

impl Plugins {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // Each instance takes up to four mappings, of which Linux gives a process 65,530 unless told otherwise.
        range("plugins.instances", self.instances.into(), 1, 15_000)?;
        range("plugins.memory_bytes", self.memory_bytes, 1024 * 1024, 1 << 30)
    }
}
