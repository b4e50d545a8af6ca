//! One entry of the audit log, and the bytes that its hash is made of.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use warbler_domain::{StateKey, TenantId, Timestamp, UserId};

/// The hash before the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Tells these bytes from any others that are ever hashed; a change of the encoding changes it.
const DOMAIN: &[u8] = b"warbler-audit-v1";

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Actor {
    /// The host by itself: a filter's decision, an alarm, a start.
    Host,
    /// The operator.
    Operator,
    /// An account of the tenant.
    User {
        /// Which.
        id: UserId,
    },
}

impl Actor {
    fn kind(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Operator => "operator",
            Self::User { .. } => "user",
        }
    }

    /// The account, if it was one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id } => Some(*id),
            Self::Host | Self::Operator => None,
        }
    }
}

/// Something that is about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    pub(super) actor: Actor,
    pub(super) action: String,
    pub(super) subjects: BTreeMap<String, String>,
    pub(super) details: BTreeMap<String, serde_json::Value>,
}

impl NewEntry {
    /// `actor` did `action`, a stable code such as `plugin.install`.
    #[must_use]
    pub fn new(actor: Actor, action: &str) -> Self {
        Self { actor, action: action.to_owned(), subjects: BTreeMap::new(), details: BTreeMap::new() }
    }

    /// To which `kind` of thing: `installation`, `message`, `user`…, by its identifier.
    #[must_use]
    pub fn subject(mut self, kind: &str, id: &dyn Display) -> Self {
        self.subjects.insert(kind.to_owned(), id.to_string());
        self
    }

    /// A detail for people and programs; never a message's body, never a secret.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Its place, from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, as a stable code.
    pub action: String,
    /// To what: identifiers by kind.
    pub subjects: BTreeMap<String, String>,
    /// More about it: a JSON object, as the text that was hashed.
    pub details: String,
    /// The hash of the entry before it, in hex; 64 zeros before the first.
    pub previous: String,
    /// SHA-256 over its canonical encoding, in hex.
    pub hash: String,
}

impl AuditEntry {
    pub(super) fn next(tenant: TenantId, after: (u64, &str), at: Timestamp, entry: NewEntry) -> Self {
        let NewEntry { actor, action, subjects, details } = entry;
        // The keys of a `BTreeMap` of JSON values can always be written.
        let details = serde_json::to_string(&details).unwrap_or_else(|_| "{}".to_owned());
        let (number, previous) = after;
        let mut entry = Self {
            number: number.saturating_add(1),
            at,
            actor,
            action,
            subjects,
            details,
            previous: previous.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.hash_for(tenant);
        entry
    }

    /// What its hash must be in the log of `tenant`.
    pub(super) fn hash_for(&self, tenant: TenantId) -> String {
        hex(&Sha256::digest(canonical(tenant, self)))
    }

    /// The details as JSON; `null` if they are none, which only tampering can bring about.
    #[must_use]
    pub fn details_json(&self) -> serde_json::Value {
        serde_json::from_str(&self.details).unwrap_or_default()
    }
}

/// The canonical encoding: `warbler-audit-v1`, the tenant's 16 bytes, number and time (milliseconds) as
/// 64-bit big-endian, and then each text after its length as 32-bit big-endian: the actor's kind, the
/// actor's identifier (empty if there is none), the action, the number of subjects (as a decimal text),
/// kind and identifier of each subject in order of kinds, the details, the previous hash.
fn canonical(tenant: TenantId, entry: &AuditEntry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(DOMAIN);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(&entry.number.to_be_bytes());
    bytes.extend_from_slice(&entry.at.as_millis().to_be_bytes());
    put(&mut bytes, entry.actor.kind());
    put(&mut bytes, &entry.actor.user().map(|id| id.to_string()).unwrap_or_default());
    put(&mut bytes, &entry.action);
    put(&mut bytes, &entry.subjects.len().to_string());
    for (kind, id) in &entry.subjects {
        put(&mut bytes, kind);
        put(&mut bytes, id);
    }
    put(&mut bytes, &entry.details);
    put(&mut bytes, &entry.previous);
    bytes
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    // Entries are far shorter than 4 GiB; a longer text would only make the length the greatest one.
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where the entry of this number is kept; numbers are padded so that keys sort as numbers do.
pub(super) fn entry_key(number: u64) -> StateKey {
    StateKey::new("audit", &[&format_args!("{number:020}")])
}

/// Where the number and the hash of the last entry are kept.
pub(super) fn head_key() -> StateKey {
    StateKey::new("audit-head", &[])
}
