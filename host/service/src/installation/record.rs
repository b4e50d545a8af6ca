//! What is kept of an installation: a record with the version in use, the one before it, and one that waits for
//! approval. A tenant has one of each plugin, or several that labels tell apart.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use warbler_domain::{
    ByteSize, Grants, HookKind, HookLimits, InstallationId, Instances, StateKey, StoreError, Timestamp, UserId,
};
use warbler_package::{Digest, Granted, Hook, KeyId, Manifest, PublicKey};

use crate::filters::FailPolicy;

/// The family of the records' keys.
pub(super) const FAMILY: &str = "plugin";

/// Where the record of `installation` is kept.
pub(super) fn record_key(installation: InstallationId) -> StateKey {
    StateKey::new(FAMILY, &[&installation])
}

/// Whether an installation is meant to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Wish {
    Active,
    Inactive,
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) id: InstallationId,
    pub(super) plugin: String,
    /// Tells it from others of the same plugin; the first one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// Its place among the filters; of equal ones, the older installation comes first.
    pub(super) order: i32,
    pub(super) fail_policy: FailPolicy,
    pub(super) instances: Instances,
    pub(super) limits: CallLimits,
    pub(super) wish: Wish,
    /// Nothing until the first version is approved.
    pub(super) current: Option<Edition>,
    pub(super) previous: Option<Edition>,
    pub(super) waiting: Option<Edition>,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
}

/// A version of a plugin with the configuration and the grants that it has here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edition {
    pub(super) manifest: Manifest,
    /// SHA-256 of the package.
    pub(super) digest: Digest,
    /// Under which digest the package is kept; see `packages`.
    pub(super) blob: Digest,
    pub(super) size: u64,
    pub(super) signatures: Vec<String>,
    pub(super) signers: Vec<SignedBy>,
    /// When the signatures were checked. They are checked as of then ever after: what was sound when it
    /// was installed does not stop by itself, only by revocation.
    pub(super) verified_at: Timestamp,
    pub(super) installed_by: Option<UserId>,
    /// A JSON object.
    pub(super) config: String,
    pub(super) granted: Granted,
}

/// Who signed a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// The publisher's name when the signature was checked.
    pub publisher: String,
    /// The key's id.
    pub id: KeyId,
    /// The key.
    pub key: PublicKey,
    /// Whether it is a local key of development mode.
    pub development: bool,
}

/// Limits of one call, as an admin sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallLimits {
    /// Milliseconds from the moment of the call of its first hook, waiting in line included: 1 to 5,000 for
    /// content filters, to 60,000 for push providers, to 300,000 for agents and backup sinks.
    pub deadline_ms: u32,
    /// Memory of one instance, in bytes: 1 MiB to 256 MiB.
    pub memory_bytes: u64,
    /// Calls that may run or wait at a time: 1 to 65,536.
    pub concurrency: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        HookLimits::content_filter().into()
    }
}

impl From<HookLimits> for CallLimits {
    fn from(limits: HookLimits) -> Self {
        Self {
            deadline_ms: u32::try_from(limits.deadline.as_millis()).unwrap_or(u32::MAX),
            memory_bytes: limits.memory.0,
            concurrency: u32::try_from(limits.concurrency).unwrap_or(u32::MAX),
        }
    }
}

impl From<CallLimits> for HookLimits {
    fn from(limits: CallLimits) -> Self {
        Self {
            deadline: Duration::from_millis(u64::from(limits.deadline_ms)),
            memory: ByteSize(limits.memory_bytes),
            concurrency: usize::try_from(limits.concurrency).unwrap_or(usize::MAX),
        }
    }
}

impl Record {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "installation" })
    }

    /// What people call it: the plugin's name, and its label behind a slash if it has one.
    pub(super) fn name(&self) -> String {
        self.label.as_ref().map_or_else(|| self.plugin.clone(), |label| format!("{}/{label}", self.plugin))
    }

    /// Whether a live version of it belongs into the chain of filters.
    pub(super) fn is_filter(&self) -> bool {
        self.current.as_ref().is_some_and(Edition::is_filter)
    }

    /// The hook that its limits speak of: the first of the version in use, or of the one that waits.
    pub(super) fn first_hook(&self) -> HookKind {
        let edition = self.current.as_ref().or(self.waiting.as_ref());
        edition.map_or(HookKind::ContentFilter, Edition::first_hook)
    }

    /// The limits of one call of `hook`, as the runtime holds it to them.
    pub(super) fn limits_of(&self, hook: HookKind) -> HookLimits {
        let limits = HookLimits::from(self.limits);
        if hook == self.first_hook() { limits } else { HookLimits { memory: limits.memory, ..HookLimits::of(hook) } }
    }

    /// Every version that is kept.
    pub(super) fn editions(&self) -> impl Iterator<Item = &Edition> {
        [&self.current, &self.previous, &self.waiting].into_iter().flatten()
    }
}

impl Edition {
    pub(super) fn is_filter(&self) -> bool {
        self.manifest.hooks.contains(&Hook::ContentFilter)
    }

    pub(super) fn version(&self) -> String {
        self.manifest.version.to_string()
    }

    /// SHA-256 of the configuration, in hex, as it stands in receipts.
    pub(super) fn config_digest(&self) -> String {
        Digest::from(<[u8; 32]>::from(Sha256::digest(self.config.as_bytes()))).to_string()
    }

    /// Whether it is trusted only because of a development key.
    pub(super) fn is_development(&self) -> bool {
        self.signers.iter().all(|signer| signer.development)
    }

    /// The hook that limits speak of.
    pub(super) fn first_hook(&self) -> HookKind {
        self.hooks().first().copied().unwrap_or(HookKind::ContentFilter)
    }

    /// The hooks as the runtime names them.
    pub(super) fn hooks(&self) -> Vec<HookKind> {
        let kind = |hook: &Hook| match hook {
            Hook::ContentFilter => HookKind::ContentFilter,
            Hook::Agent => HookKind::Agent,
            Hook::Push => HookKind::Push,
            Hook::BackupSink => HookKind::BackupSink,
        };
        let mut hooks: Vec<_> = self.manifest.hooks.iter().map(kind).collect();
        hooks.sort_unstable();
        hooks
    }
}

/// What the runtime links for these grants.
pub(super) fn grants(granted: &Granted) -> Grants {
    let granted = &granted.0;
    Grants {
        storage_quota: granted.storage.map(|storage| storage.quota_bytes),
        secrets: granted.secrets.iter().map(ToString::to_string).collect(),
        http: granted.http.iter().map(ToString::to_string).collect(),
        folders: granted.folders.names(),
        mail: granted.mail.names(),
        lexicons: !granted.lexicons.is_none(),
        models: !granted.models.is_none(),
        conversation: granted.conversation,
        sender_profile: granted.sender_profile,
        sender_identity: granted.sender_identity,
        attachments: granted.attachments,
    }
}
