//! Whom an operator trusts to publish plugins, and how a tenant narrows it. Checking signatures
//! against it is `verify`'s work.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Expiry, KeyId, NamePattern, PublicKey, RevocationList, object::object};

/// Someone whose signature is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// The name that people know the publisher by.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// When the key ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// The plugins that the publisher may sign; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugins: Option<BTreeSet<NamePattern>>,
    /// Whether this is a developer's local key, trusted for one tenant and announced as such.
    #[serde(default)]
    pub development: bool,
}

impl Publisher {
    /// A publisher without expiry, trusted for every plugin.
    #[must_use]
    pub fn new(name: impl Into<String>, key: PublicKey) -> Self {
        Self { name: name.into(), key, expires: None, plugins: None, development: false }
    }

    /// Whether the publisher may sign the plugin called `name`.
    #[must_use]
    pub fn may_sign(&self, name: &str) -> bool {
        self.plugins.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

/// Whose signatures a package needs. At least one trusted signature is needed in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// That of any trusted publisher.
    #[default]
    AnyOf,
    /// Those of all these keys, each of a trusted publisher.
    AllOf(BTreeSet<KeyId>),
}

impl Requirement {
    /// What satisfies both.
    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::AnyOf, other) => other.clone(),
            (Self::AllOf(keys), Self::AnyOf) => Self::AllOf(keys.clone()),
            (Self::AllOf(ours), Self::AllOf(theirs)) => Self::AllOf(ours | theirs),
        }
    }
}

/// Whom to trust. By default nobody, so that every package is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrustPolicy {
    /// The trusted publishers.
    pub publishers: Vec<Publisher>,
    /// Whose signatures a package needs.
    pub require: Requirement,
    /// What is refused all the same.
    #[serde(deserialize_with = "object")]
    pub revoked: RevocationList,
}

/// How a tenant narrows the operator's policy. By default not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Narrowing {
    /// The only keys that remain trusted; all of the operator's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishers: Option<BTreeSet<KeyId>>,
    /// Whose signatures a package needs beside what the operator asks for.
    pub require: Requirement,
    /// What the tenant refuses beside what the operator revoked.
    #[serde(deserialize_with = "object")]
    pub revoked: RevocationList,
}

impl TrustPolicy {
    /// This policy as `tenant` narrows it. Nothing that was refused before is accepted after.
    #[must_use]
    pub fn narrowed_by(&self, tenant: &Narrowing) -> Self {
        let remains = |publisher: &&Publisher| {
            let keys = tenant.publishers.as_ref();
            keys.is_none_or(|keys| keys.contains(&publisher.key.id()))
        };
        let mut revoked = self.revoked.clone();
        revoked.add(&tenant.revoked);
        Self {
            publishers: self.publishers.iter().filter(remains).cloned().collect(),
            require: self.require.and(&tenant.require),
            revoked,
        }
    }

    /// This policy with a developer's local key, meant for one tenant. Where all of a set of keys are
    /// required, its signature counts for none of them.
    #[must_use]
    pub fn with_development_key(mut self, name: impl Into<String>, key: PublicKey) -> Self {
        self.publishers.push(Publisher { development: true, ..Publisher::new(name, key) });
        self
    }
}
