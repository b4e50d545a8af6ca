//! What a package asks for, and what an admin grants. Enforcing grants is the host's work.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{HttpHost, ResourceName, object::object_or_null};

/// A permission; its name is the interface that it opens or the message field that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Permission {
    /// The private key-value store.
    Storage,
    /// Secrets by name.
    Secrets,
    /// HTTP requests to named hosts.
    Http,
    /// Folders of the host's disk that the operator named.
    Folders,
    /// Letters by the mail relays that the operator named.
    Mail,
    /// The tenant's and the host's word lists.
    Lexicons,
    /// The operator's model profiles.
    Models,
    /// The conversation that an agent was addressed in.
    Conversation,
    /// The sender's name and role.
    SenderProfile,
    /// The sender's real id instead of a pseudonym.
    SenderIdentity,
    /// The bytes of attachments.
    Attachments,
}

impl Permission {
    /// The name as it stands in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Secrets => "secrets",
            Self::Http => "http",
            Self::Folders => "folders",
            Self::Mail => "mail",
            Self::Lexicons => "lexicons",
            Self::Models => "models",
            Self::Conversation => "conversation",
            Self::SenderProfile => "sender-profile",
            Self::SenderIdentity => "sender-identity",
            Self::Attachments => "attachments",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Room in the private key-value store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The sum of all keys and values, in bytes; at least 1.
    #[schemars(range(min = 1))]
    pub quota_bytes: u64,
}

/// All resources of a kind, none, or those that are named.
#[derive(Clone, Debug, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `true`, `false` or a list of names")]
pub enum Selection {
    /// `true` is all, `false` is none.
    All(bool),
    /// Those of these names.
    Named(#[serde(deserialize_with = "distinct")] BTreeSet<ResourceName>),
}

/// An empty list is none: it is written as nothing, and read back as `false`.
impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Selection {
    /// Whether nothing is selected.
    #[must_use]
    pub fn is_none(&self) -> bool {
        match self {
            Self::All(all) => !all,
            Self::Named(names) => names.is_empty(),
        }
    }

    /// Whether the resource called `name` is selected.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Named(names) => names.iter().any(|known| known.as_str() == name),
        }
    }

    /// The names, with `*` for all of them.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        match self {
            Self::All(true) => BTreeSet::from(["*".to_owned()]),
            Self::All(false) => BTreeSet::new(),
            Self::Named(names) => names.iter().map(ToString::to_string).collect(),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All(true), _) => true,
            (_, Self::All(all)) => !all,
            (Self::Named(ours), Self::Named(theirs)) => theirs.is_subset(ours),
            (Self::All(false), Self::Named(theirs)) => theirs.is_empty(),
        }
    }
}

/// What a package asks for in its manifest, and equally what an admin granted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
// Each flag is one permission with a name of its own in the manifest.
#[allow(clippy::struct_excessive_bools)]
pub struct Permissions {
    /// The private key-value store, with its quota.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_or_null")]
    pub storage: Option<Storage>,
    /// Secrets that an admin stores under these names; at most 64.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "distinct")]
    #[schemars(length(max = 64))]
    pub secrets: BTreeSet<ResourceName>,
    /// Hosts that HTTP requests may go to; at most 64. `config:FIELD` leaves the host to the configuration.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "distinct")]
    #[schemars(length(max = 64))]
    pub http: BTreeSet<HttpHost>,
    /// Folders of the host's disk that the operator named: `true` for all, or their names.
    #[serde(skip_serializing_if = "Selection::is_none")]
    pub folders: Selection,
    /// Mail relays that the operator named, to hand letters to: `true` for all, or their names.
    #[serde(skip_serializing_if = "Selection::is_none")]
    pub mail: Selection,
    /// Word lists: `true` for all, or their names.
    #[serde(skip_serializing_if = "Selection::is_none")]
    pub lexicons: Selection,
    /// Model profiles: `true` for all, or their names.
    #[serde(skip_serializing_if = "Selection::is_none")]
    pub models: Selection,
    /// The conversation that an agent was addressed in.
    #[serde(skip_serializing_if = "is_false")]
    pub conversation: bool,
    /// The sender's name and role.
    #[serde(skip_serializing_if = "is_false")]
    pub sender_profile: bool,
    /// The sender's real id instead of a pseudonym.
    #[serde(skip_serializing_if = "is_false")]
    pub sender_identity: bool,
    /// The bytes of attachments.
    #[serde(skip_serializing_if = "is_false")]
    pub attachments: bool,
}

impl Permissions {
    /// Whether anything of `permission` is here.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        match permission {
            Permission::Storage => self.storage.is_some(),
            Permission::Secrets => !self.secrets.is_empty(),
            Permission::Http => !self.http.is_empty(),
            Permission::Folders => !self.folders.is_none(),
            Permission::Mail => !self.mail.is_none(),
            Permission::Lexicons => !self.lexicons.is_none(),
            Permission::Models => !self.models.is_none(),
            Permission::Conversation => self.conversation,
            Permission::SenderProfile => self.sender_profile,
            Permission::SenderIdentity => self.sender_identity,
            Permission::Attachments => self.attachments,
        }
    }

    /// The same with the hosts that the configuration `config` names where the manifest leaves them to it.
    /// The wishes themselves stay: without a host they allow nothing.
    #[must_use]
    pub fn resolved(&self, config: &serde_json::Value) -> Self {
        let named = self.http.iter().filter_map(|host| host.resolve(config)).collect::<BTreeSet<_>>();
        Self { http: self.http.union(&named).cloned().collect(), ..self.clone() }
    }

    /// The permissions in which `self` goes beyond `granted`: what an update has to wait for.
    #[must_use]
    pub fn beyond(&self, granted: &Granted) -> BTreeSet<Permission> {
        let granted = &granted.0;
        let room = |permissions: &Self| permissions.storage.map_or(0, |storage| storage.quota_bytes);
        let reaches = |wish: &HttpHost| granted.http.iter().any(|host| host.covers(wish));
        [
            (Permission::Storage, room(self) <= room(granted)),
            (Permission::Secrets, self.secrets.is_subset(&granted.secrets)),
            (Permission::Http, self.http.iter().all(reaches)),
            (Permission::Folders, granted.folders.covers(&self.folders)),
            (Permission::Mail, granted.mail.covers(&self.mail)),
            (Permission::Lexicons, granted.lexicons.covers(&self.lexicons)),
            (Permission::Models, granted.models.covers(&self.models)),
            (Permission::Conversation, granted.conversation || !self.conversation),
            (Permission::SenderProfile, granted.sender_profile || !self.sender_profile),
            (Permission::SenderIdentity, granted.sender_identity || !self.sender_identity),
            (Permission::Attachments, granted.attachments || !self.attachments),
        ]
        .into_iter()
        .filter(|(_, covered)| !covered)
        .map(|(permission, _)| permission)
        .collect()
    }
}

/// What an admin granted to one installation. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Granted(pub Permissions);

/// A set in which nothing is named twice, as its schema says.
fn distinct<'de, D, T>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Ord + fmt::Display,
{
    let mut set = BTreeSet::new();
    for entry in Vec::<T>::deserialize(deserializer)? {
        if set.contains(&entry) {
            return Err(D::Error::custom(format_args!("`{entry}` is named twice")));
        }
        set.insert(entry);
    }
    Ok(set)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::{Granted, Permission, Permissions};

    fn permissions(value: serde_json::Value) -> Permissions {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_exceeds_the_grant_waits_for_approval() {
        let granted = Granted(permissions(json!({
            "storage": {"quota_bytes": 100}, "http": ["*.example.com:443"],
            "lexicons": ["fraud", "spam"], "models": true, "secrets": ["token"],
        })));
        let within = permissions(json!({
            "storage": {"quota_bytes": 100}, "http": ["api.example.com:443"],
            "lexicons": ["spam"], "models": ["small"], "secrets": ["token"],
        }));
        assert!(within.beyond(&granted).is_empty());
        let more = permissions(json!({
            "storage": {"quota_bytes": 101}, "http": ["example.org:443"],
            "lexicons": true, "models": true, "secrets": ["other"], "sender-identity": true,
        }));
        let expected = [
            Permission::Storage,
            Permission::Secrets,
            Permission::Http,
            Permission::Lexicons,
            Permission::SenderIdentity,
        ];
        assert_eq!(more.beyond(&granted), expected.into());
    }

    #[test]
    fn a_permission_that_is_not_used_is_not_written() {
        assert_eq!(serde_json::to_value(Permissions::default()).unwrap(), json!({}));
    }
}
