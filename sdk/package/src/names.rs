//! Names: of plugins, of what they ask for, and patterns over plugin names.

use std::{fmt, str::FromStr};

use crate::{ValueError, text::written_as_text};

/// A plugin's name: 2 to 64 lower-case letters, digits and hyphens, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginName(String);

impl PluginName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if (2..=64).contains(&text.len()) && is_kebab(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new(
            "plugin name",
            "must be 2 to 64 lower-case letters, digits and hyphens, beginning with a letter",
        ))
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    PluginName,
    "PluginName",
    "2 to 64 lower-case letters, digits and hyphens, beginning with a letter.",
    "^[a-z][a-z0-9-]{1,63}$"
);

/// The name of a secret, a word list or a model profile: 1 to 64 ASCII letters, digits, `.`, `_`
/// and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(String);

impl ResourceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if begins && goes_on && text.len() <= 64 {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new(
            "resource name",
            "must be 1 to 64 ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
        ))
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    ResourceName,
    "ResourceName",
    "1 to 64 ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit.",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
);

/// A kind of push address, such as `web-push`, `apns` or `sms`: 1 to 64 lower-case letters, digits
/// and hyphens, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushKind(String);

impl PushKind {
    /// The kind as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PushKind {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.len() <= 64 && is_kebab(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new(
            "push kind",
            "must be 1 to 64 lower-case letters, digits and hyphens, beginning with a letter",
        ))
    }
}

impl fmt::Display for PushKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    PushKind,
    "PushKind",
    "A kind of push address: 1 to 64 lower-case letters, digits and hyphens, beginning with a letter.",
    "^[a-z][a-z0-9-]{0,63}$"
);

/// Plugin names that a publisher may sign: one name, the beginning of names as in `acme-*`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamePattern(String);

impl NamePattern {
    /// Whether `name` is among those meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == name, |beginning| name.starts_with(beginning))
    }
}

impl FromStr for NamePattern {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let beginning = text.strip_suffix('*').unwrap_or(text);
        let is_any = text == "*";
        if is_any || (text.len() <= 64 && is_kebab(beginning)) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("name pattern", "must be a plugin name, the beginning of one and `*`, or `*`"))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    NamePattern,
    "NamePattern",
    "A plugin name, the beginning of names as in `acme-*`, or `*`.",
    r"^(\*|[a-z][a-z0-9-]{0,62}(\*|[a-z0-9-])?)$"
);

/// Whether `text` is a lower-case letter and then lower-case letters, digits and hyphens.
fn is_kebab(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
