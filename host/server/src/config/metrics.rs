//! Metrics: who may read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Metrics for Prometheus, at /metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Whether programs on the same machine may read them without the operator's token. Switch it off
    /// behind a proxy on the same machine, which would lend its own address to everybody.
    pub(crate) loopback: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { loopback: true }
    }
}
