//! The master key: where it comes from. What it seals is the store's business.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warbler_store::{BadMasterKey, MasterKey};
use zeroize::Zeroizing;

use super::error::ConfigError;
use super::secret::{read_env, read_file};

/// Where the master key is: in a file, or in an environment variable. 32 bytes, as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// The file that holds the master key. Nobody but its owner may be able to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_file: Option<PathBuf>,
    /// The environment variable that holds the master key, instead of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_env: Option<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { master_file: Some("master.key".into()), master_env: None }
    }
}

impl Keys {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.master_env.is_none() && self.master_file.is_none() {
            return Err(ConfigError::Value { key: "keys", text: "neither master_file nor master_env is set".into() });
        }
        Ok(())
    }

    /// The master key. The environment wins over the file.
    ///
    /// # Errors
    /// It is not there, others may read it, or it is not 32 bytes of hexadecimal digits.
    pub(crate) fn master(&self) -> Result<MasterKey, ConfigError> {
        let (key, text) = match (&self.master_env, &self.master_file) {
            (Some(name), _) => ("keys.master_env", read_env("keys.master_env", name)?),
            (None, Some(path)) => ("keys.master_file", read_file("keys.master_file", path)?),
            (None, None) => ("keys", Zeroizing::default()),
        };
        text.parse().map_err(|error: BadMasterKey| ConfigError::Secret { key, text: error.to_string() })
    }
}
