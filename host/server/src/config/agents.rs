//! Agents: what they may reach on this machine and on its network, and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, range};

/// What holds for the agents of every tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Agents {
    /// Programs that tenants' admins may have started as tool servers, by their whole paths. They run as the host
    /// does, with arguments and an environment of an admin's choice: a shell or an interpreter does not belong here.
    pub(crate) tool_programs: Vec<String>,
    /// Private places on the network that tool servers may have all the same: "HOST:PORT". Others are refused.
    pub(crate) tool_hosts: Vec<String>,
    /// The largest document of a knowledge base, in bytes.
    pub(crate) document_bytes: u64,
    /// Replies of one tenant that may be under way at a time, those that wait for their turn included.
    pub(crate) replies_at_once: u64,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            tool_programs: Vec::new(),
            tool_hosts: Vec::new(),
            document_bytes: 20 * 1024 * 1024,
            replies_at_once: 1_024,
        }
    }
}

impl Agents {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        range("agents.document_bytes", self.document_bytes, 1, 1 << 30)?;
        range("agents.replies_at_once", self.replies_at_once, 1, 100_000)
    }
}
