//! The configuration: where the server is, and how one signs in. The form that admins fill in is in
//! `manifest.json`; both say the same. Passwords are secrets, and no part of it.

use serde::Deserialize;
use sink_kit::{Endpoint, Prefix};
use warbler_sdk::Failure;

/// Where uploads stand until they are whole. No blob's name starts with it.
pub(crate) const UPLOADS: &str = ".uploads";

/// How one signs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// With `user` and the secret `password` (RFC 7617).
    #[default]
    Basic,
    /// With the secret `token` (RFC 6750).
    Bearer,
    /// Not at all.
    None,
}

/// The fields as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    endpoint: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    authentication: Authentication,
    #[serde(default)]
    user: String,
}

/// The configuration of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder on the server, which is there already.
    pub endpoint: Endpoint,
    /// Folders below it, made when they are needed.
    pub prefix: Prefix,
    /// How one signs in.
    pub authentication: Authentication,
    /// Who signs in.
    pub user: String,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A sentence that names the field and its limit.
    pub fn parse(config: &str) -> Result<Self, String> {
        let fields: Fields = warbler_sdk::config::parse(config)?;
        let basic = fields.authentication == Authentication::Basic;
        if basic && (fields.user.is_empty() || fields.user.len() > 255) {
            return Err("`user` must be 1 to 255 bytes, unless `authentication` is something else than `basic`".into());
        }
        // A colon ends the name of the user (RFC 7617, section 2).
        if fields.user.contains(':') || fields.user.chars().any(char::is_control) {
            return Err("`user` must not have a colon or control characters".into());
        }
        Ok(Self {
            endpoint: Endpoint::parse(&fields.endpoint)?,
            prefix: Prefix::parse(&fields.prefix)?,
            authentication: fields.authentication,
            user: fields.user,
        })
    }

    /// Whether a blob can have this name here.
    ///
    /// # Errors
    /// `Unsupported`, with what is wrong with it.
    pub fn check(&self, name: &str) -> Result<(), Failure> {
        sink_kit::check(name)?;
        if name.split('/').next() == Some(UPLOADS) {
            return Err(Failure::Unsupported(format!("the folder {UPLOADS:?} is kept for uploads on their way")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_mistake_is_named_with_its_field() {
        for (text, mistake) in [
            (r#"{"endpoint": "https://a/dav"}"#, "`user` must be 1 to 255"),
            (r#"{"endpoint": "https://a/dav", "user": "a:b"}"#, "`user` must not have a colon"),
            (r#"{"endpoint": "dav", "user": "a"}"#, "`endpoint` must be an address"),
            (r#"{"endpoint": "https://a", "user": "a", "prefix": "../x"}"#, "`prefix` must be segments"),
            (r#"{"endpoint": "https://a", "user": "a", "password": "x"}"#, "the configuration is not valid"),
        ] {
            let sentence = Config::parse(text).unwrap_err();
            assert!(sentence.starts_with(mistake), "{sentence}");
        }
        assert!(Config::parse(r#"{"endpoint": "https://a/dav", "authentication": "bearer"}"#).is_ok());
    }

    #[test]
    fn the_place_of_uploads_is_no_name() {
        let config = Config::parse(r#"{"endpoint": "https://a", "user": "a"}"#).unwrap();
        assert!(config.check(".uploads/x").is_err());
        assert!(config.check(".uploads").is_err());
        assert_eq!(config.check("a/.uploads"), Ok(()));
    }
}
