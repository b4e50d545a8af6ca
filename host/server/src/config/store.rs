//! Where everything is kept, and how safely.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Store {
    /// Embedded, in a folder.
    Sled(PathBuf),
    /// Nowhere.
    Memory,
}

impl Default for Store {
    fn default() -> Self {
        Self::Sled("data".into())
    }
}

impl Store {
    /// The folder, if it has one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Sled(folder) => Some(folder),
            Self::Memory => None,
        }
    }

    pub(super) fn folder_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Sled(folder) => Some(folder),
            Self::Memory => None,
        }
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("memory", "") => Ok(Self::Memory),
            ("sled", folder) if !folder.is_empty() => Ok(Self::Sled(folder.into())),
            ("jetstream", _) => Err("this version has no jetstream store yet: use \"sled:FOLDER\"".into()),
            _ => Err(format!("{text:?} is no store: use \"sled:FOLDER\", or \"memory\" for trials")),
        }
    }
}

impl TryFrom<String> for Store {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Store> for String {
    fn from(store: Store) -> Self {
        match store {
            Store::Sled(folder) => format!("sled:{}", folder.display()),
            Store::Memory => "memory".into(),
        }
    }
}

impl JsonSchema for Store {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Store".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(sled:.+|memory)$" })
    }
}

/// What a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Durability {
    /// Nothing that was acknowledged.
    #[default]
    Always,
    /// The last half second.
    Relaxed,
}
