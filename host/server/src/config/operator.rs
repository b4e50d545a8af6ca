//! The operator's token: where it comes from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::ConfigError;
use super::secret::{read_env, read_file};

/// Shortest token: 128 bits in hexadecimal digits.
const TOKEN_MIN: usize = 32;

/// Where the operator's token is: in a file, or in an environment variable. At least 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Operator {
    /// The file that holds the token. Nobody but its owner may be able to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// The environment variable that holds the token, instead of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_env: Option<String>,
}

impl Default for Operator {
    fn default() -> Self {
        Self { token_file: Some("operator.token".into()), token_env: None }
    }
}

impl Operator {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.token_env.is_none() && self.token_file.is_none() {
            return Err(ConfigError::Value { key: "operator", text: "neither token_file nor token_env is set".into() });
        }
        Ok(())
    }

    /// The operator's token. The environment wins over the file.
    ///
    /// # Errors
    /// It is not there, others may read it, or it is too short.
    pub(crate) fn token(&self) -> Result<Zeroizing<String>, ConfigError> {
        let (key, token) = match (&self.token_env, &self.token_file) {
            (Some(name), _) => ("operator.token_env", read_env("operator.token_env", name)?),
            (None, Some(path)) => ("operator.token_file", read_file("operator.token_file", path)?),
            (None, None) => ("operator", Zeroizing::default()),
        };
        if token.len() < TOKEN_MIN {
            return Err(ConfigError::Secret { key, text: format!("the token is shorter than {TOKEN_MIN} characters") });
        }
        Ok(token)
    }
}
