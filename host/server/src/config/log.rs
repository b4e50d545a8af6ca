//! The host's own log: its shape and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ConfigError;

/// The host's own log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// "text" for people, "json" for programs: one object per line.
    pub(crate) format: Format,
    /// "error", "warn", "info", "debug" or "trace"; or by room, as in `info,warbler_service=debug`.
    pub(crate) level: String,
}

/// The shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: Format::default(), level: "info".into() }
    }
}

impl Log {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.filter().map(drop)
    }

    /// What passes.
    ///
    /// # Errors
    /// The level is none.
    pub(crate) fn filter(&self) -> Result<tracing_subscriber::EnvFilter, ConfigError> {
        // The library that speaks to tool servers logs what they say, and what they are asked.
        tracing_subscriber::EnvFilter::try_new(format!("{},rmcp=warn", self.level))
            .map_err(|error| ConfigError::Value { key: "log.level", text: format!("{:?}: {error}", self.level) })
    }
}
