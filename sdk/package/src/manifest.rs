//! The manifest: what a package says about itself, in the section `warbler:manifest`.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Limits, PackageError, Permissions, PluginName, PushKind,
    limits::within,
    object::{from_json, object},
    text::shortened,
};

/// The custom section that holds the manifest.
pub const MANIFEST_SECTION: &str = "warbler:manifest";

/// The longest display text in bytes: a paragraph for a console, not a manual.
const DISPLAY_BYTES: u64 = 4 << 10;

/// The longest list in a manifest; a plugin that needs more hosts or secrets is several plugins.
const LIST_ENTRIES: usize = 64;

/// A point of the message path at which the host calls plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Decides about a message before the commit.
    ContentFilter,
    /// Answers in a conversation.
    Agent,
    /// Delivers notifications to receivers who are away.
    Push,
    /// Keeps encrypted backup blobs.
    BackupSink,
}

impl Hook {
    /// Every hook of the contract.
    pub const ALL: [Self; 4] = [Self::ContentFilter, Self::Agent, Self::Push, Self::BackupSink];

    /// The hook's name, which is also its interface's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContentFilter => "content-filter",
            Self::Agent => "agent",
            Self::Push => "push",
            Self::BackupSink => "backup-sink",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text for people: one for all, or one for each language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text, or texts by language tag")]
pub enum DisplayText {
    /// The same text in every language.
    Plain(String),
    /// Texts by language tag, such as `en` and `zh`.
    Languages(BTreeMap<String, String>),
}

impl DisplayText {
    /// The text in `language`, else in English, else in whichever comes first.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Languages(texts) => texts
                .get(language)
                .or_else(|| texts.get("en"))
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }
}

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Manifest of a Warbler plugin")]
pub struct Manifest {
    /// The plugin's name, the same in every version.
    pub name: PluginName,
    /// The version (semver 2.0, without build metadata).
    #[schemars(with = "String", length(max = 64), regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"))]
    pub version: Version,
    /// The hooks that the component exports; exactly these.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub hooks: Vec<Hook>,
    /// What the plugin asks for; nothing if absent.
    #[serde(default, deserialize_with = "object")]
    pub permissions: Permissions,
    /// The configuration's JSON Schema, of type `object`; without one there is nothing to configure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub config: Option<Value>,
    /// The kinds of push address that the plugin delivers to; for the hook `push`, which needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("uniqueItems" = true))]
    pub push_kinds: Vec<PushKind>,
    /// The oldest host that can run it; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$"))]
    pub min_host: Option<Version>,
    /// The name that people read; at most 4 KiB in each language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<DisplayText>,
    /// What the plugin does, for the console; at most 4 KiB in each language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<DisplayText>,
    /// A page about the plugin, `https` or `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub homepage: Option<String>,
}

impl Manifest {
    /// The manifest in `json`.
    ///
    /// # Errors
    /// `TooLarge` beyond `limits`; `ManifestInvalid` if it is not JSON of the schema, has an unknown
    /// key, or breaks a rule that a schema cannot say.
    pub fn parse(json: &[u8], limits: &Limits) -> Result<Self, PackageError> {
        within("the manifest", json.len(), limits.manifest_bytes)?;
        let manifest: Self = from_json(json).map_err(|error| PackageError::manifest(shortened(&error.to_string())))?;
        manifest.check(limits)?;
        Ok(manifest)
    }

    /// Whether the manifest keeps every rule, as `parse` checks it.
    ///
    /// # Errors
    /// `ManifestInvalid`, naming the field and the rule.
    pub fn check(&self, limits: &Limits) -> Result<(), PackageError> {
        self.check_version()?;
        check_list("hooks", &self.hooks)?;
        check_list("push_kinds", &self.push_kinds)?;
        if self.hooks.is_empty() {
            return Err(PackageError::manifest("`hooks` is empty"));
        }
        if self.hooks.contains(&Hook::Push) == self.push_kinds.is_empty() {
            return Err(PackageError::manifest("`push_kinds` belongs to the hook `push`, which needs at least one"));
        }
        self.check_permissions(limits)?;
        self.check_config()?;
        self.check_display()
    }

    /// The manifest as JSON, as it stands in the section.
    ///
    /// # Errors
    /// `ManifestInvalid` if the configuration's schema cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>, PackageError> {
        serde_json::to_vec(self).map_err(|error| PackageError::manifest(error.to_string()))
    }

    /// The configuration's JSON Schema; where there is none, one that allows only the empty object.
    #[must_use]
    pub fn config_schema(&self) -> Value {
        self.config.clone().unwrap_or_else(|| json!({"type": "object", "additionalProperties": false}))
    }

    /// The JSON Schema of manifests, committed as `manifest.schema.json`.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    fn check_version(&self) -> Result<(), PackageError> {
        // An OCI tag cannot hold `+`, and versions that differ only there have no order.
        if !self.version.build.is_empty() {
            return Err(PackageError::manifest("`version` has build metadata"));
        }
        let length = self.version.to_string().len();
        if length > 64 {
            return Err(PackageError::manifest(format!("`version` has {length} characters, the limit is 64")));
        }
        Ok(())
    }

    fn check_permissions(&self, limits: &Limits) -> Result<(), PackageError> {
        let permissions = &self.permissions;
        check_length("permissions.secrets", permissions.secrets.len())?;
        check_length("permissions.http", permissions.http.len())?;
        let quota = permissions.storage.map_or(1, |storage| storage.quota_bytes);
        let most = limits.storage_quota_bytes;
        if quota == 0 || quota > most {
            return Err(PackageError::manifest(format!(
                "`permissions.storage.quota_bytes` is {quota}, the limits are 1 and {most}"
            )));
        }
        Ok(())
    }

    fn check_config(&self) -> Result<(), PackageError> {
        let Some(config) = &self.config else {
            return Ok(());
        };
        if config.get("type").and_then(Value::as_str) != Some("object") {
            return Err(PackageError::manifest("`config` must be a JSON Schema with `\"type\": \"object\"`"));
        }
        // A schema that is fetched when it is used would change behind the signature.
        if let Some(reference) = outside_reference(config) {
            return Err(PackageError::manifest(format!(
                "`config` refers to {:?}, only references within it (`#…`) are allowed",
                shortened(reference)
            )));
        }
        Ok(())
    }

    fn check_display(&self) -> Result<(), PackageError> {
        for (field, text) in [("title", &self.title), ("description", &self.description)] {
            let longest = match text {
                None => 0,
                Some(DisplayText::Plain(text)) => text.len(),
                Some(DisplayText::Languages(texts)) => {
                    check_length(field, texts.len())?;
                    texts.values().map(String::len).max().unwrap_or(0)
                }
            };
            within("a display text in the manifest", longest, DISPLAY_BYTES)?;
        }
        let homepage = self.homepage.as_deref().unwrap_or("https://");
        let is_web = homepage.starts_with("https://") || homepage.starts_with("http://");
        let is_plain = homepage.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_web || !is_plain || homepage.len() > 2048 {
            return Err(PackageError::manifest(
                "`homepage` must be an https or http address of at most 2048 characters",
            ));
        }
        Ok(())
    }
}

fn check_list<T: PartialEq + fmt::Display>(field: &str, list: &[T]) -> Result<(), PackageError> {
    check_length(field, list.len())?;
    let repeated = list.iter().enumerate().find(|(at, entry)| list.iter().take(*at).any(|earlier| earlier == *entry));
    match repeated {
        Some((_, entry)) => Err(PackageError::manifest(format!("`{field}` names `{entry}` twice"))),
        None => Ok(()),
    }
}

fn check_length(field: &str, entries: usize) -> Result<(), PackageError> {
    if entries > LIST_ENTRIES {
        return Err(PackageError::manifest(format!("`{field}` has {entries} entries, the limit is {LIST_ENTRIES}")));
    }
    Ok(())
}

/// The first reference in `schema` that leads out of it. The JSON reader bounds the depth.
fn outside_reference(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(items) => items.iter().find_map(outside_reference),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| match value {
            Value::String(target) if key == "$ref" || key == "$dynamicRef" => {
                (!target.starts_with('#')).then_some(target.as_str())
            }
            nested => outside_reference(nested),
        }),
        _ => None,
    }
}
