//! Grants: what an admin allowed one installation to reach.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What an installation may reach. What is not granted is not linked.
#[allow(clippy::struct_excessive_bools)] // Each permission is granted or not, independently of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// A private key-value store of so many bytes.
    pub storage_quota: Option<u64>,
    /// Secrets that it may read or have injected, by name.
    pub secrets: BTreeSet<String>,
    /// `host:port` pairs that it may call; a leading `*.` stands for any subdomain.
    pub http: BTreeSet<String>,
    /// Folders of the host's disk that it may use, by the operator's names; `*` stands for all.
    pub folders: BTreeSet<String>,
    /// Mail relays that it may hand letters to, by the operator's names; `*` stands for all.
    pub mail: BTreeSet<String>,
    /// The tenant's and the built-in word lists.
    pub lexicons: bool,
    /// Chat models.
    pub models: bool,
    /// The conversation that an agent was addressed in.
    pub conversation: bool,
    /// Senders' display names.
    pub sender_profile: bool,
    /// Senders' real identifiers.
    pub sender_identity: bool,
    /// The bytes of attachments.
    pub attachments: bool,
}
