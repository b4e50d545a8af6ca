//! The trusted comment of a package's signature: which package it is that was signed.

use std::{fmt, str::FromStr};

use semver::Version;

use crate::{Digest, Expiry, PluginName, ValueError};

/// `name=… version=… sha256=…` and, if the signature ends, `expires=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedComment {
    /// The plugin's name.
    pub name: PluginName,
    /// The plugin's version.
    pub version: Version,
    /// The digest of the package.
    pub digest: Digest,
    /// When the signature ends; never if absent.
    pub expires: Option<Expiry>,
}

impl fmt::Display for TrustedComment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, digest, expires } = self;
        write!(f, "name={name} version={version} sha256={digest}")?;
        match expires {
            Some(expires) => write!(f, " expires={expires}"),
            None => Ok(()),
        }
    }
}

impl FromStr for TrustedComment {
    type Err = ValueError;

    /// Reads fields `key=value` between white space. Unknown keys are left to later versions.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fields = Fields(text);
        for field in text.split_ascii_whitespace() {
            if !field.contains('=') {
                return Err(refused("has a word that is not `key=value`"));
            }
        }
        let version = fields.required("version")?;
        Ok(Self {
            name: fields.required("name")?.parse()?,
            version: Version::parse(version).map_err(|error| refused(format!("has an invalid version: {error}")))?,
            digest: fields.required("sha256")?.parse()?,
            expires: fields.one("expires")?.map(str::parse).transpose()?,
        })
    }
}

struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The value of `key`, if it is there; twice is an error, since readers could choose differently.
    fn one(&self, key: &str) -> Result<Option<&'a str>, ValueError> {
        let mut values = self
            .0
            .split_ascii_whitespace()
            .filter_map(|field| field.split_once('='))
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() {
            return Err(refused(format!("has `{key}` twice")));
        }
        Ok(value)
    }

    fn required(&self, key: &str) -> Result<&'a str, ValueError> {
        self.one(key)?.ok_or_else(|| refused(format!("has no `{key}`")))
    }
}

fn refused(reason: impl Into<String>) -> ValueError {
    ValueError::new("trusted comment", reason)
}
