//! Installations as admins see them, and what they ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use warbler_domain::{InstallationId, Instances, PluginStats, Timestamp};
use warbler_package::{Digest, DisplayText, Granted, Hook, Permission, Permissions};
use zeroize::Zeroizing;

use super::rack::{Live, Running};
use super::record::{CallLimits, Edition, SignedBy, Wish};
use crate::filters::FailPolicy;
use crate::plugin_error::Step;

/// What to install.
#[derive(Clone, Default)]
pub struct InstallRequest {
    /// The package.
    pub package: bytes::Bytes,
    /// The texts of the `.minisig` files beside it.
    pub signatures: Vec<String>,
    /// The configuration; that of the version in use, or an empty object, if absent.
    pub config: Option<Value>,
    /// What to grant; what the version in use was granted if absent. A version that asks for more than
    /// that waits for approval.
    pub grants: Option<Granted>,
    /// What happens when it fails; as before, or closed, if absent.
    pub fail_policy: Option<FailPolicy>,
    /// Its place among the filters; as before, or behind all others, if absent.
    pub order: Option<i32>,
    /// Secrets to store before its first start, by name.
    pub secrets: BTreeMap<String, Zeroizing<String>>,
    /// Tells it from other installations of the same plugin: 1 to 32 lower-case letters, digits and hyphens. For plugins
    /// that are filters or backup sinks, and nothing else; without one it is the plugin's first installation.
    pub label: Option<String>,
    /// Whether an older version may take the place of a newer one.
    pub allow_downgrade: bool,
    /// Whether to leave it inactive after its checks. What is there already stays as it is until
    /// `activate`.
    pub inactive: bool,
}

/// What to change of how an installation is run. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjustment {
    /// Its place among the filters.
    pub order: Option<i32>,
    /// What happens when it fails.
    pub fail_policy: Option<FailPolicy>,
    /// How instances are used.
    pub instances: Option<Instances>,
    /// Limits of one call.
    pub limits: Option<CallLimits>,
}

/// How an installation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// It runs.
    Active,
    /// It was switched off.
    Inactive,
    /// It asks for more than was granted, and nothing of it runs.
    AwaitingApproval,
    /// It should run and does not: its failure policy decides about every message.
    Failed {
        /// A stable code.
        code: String,
        /// A sentence for people.
        text: String,
    },
}

/// A version that waits for approval, or that one can go back to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionView {
    /// The version.
    pub version: String,
    /// SHA-256 of its package.
    pub digest: Digest,
    /// What it asks for.
    pub asks: Permissions,
    /// In what it asks for more than it is granted.
    pub beyond: BTreeSet<Permission>,
    /// Who signed it.
    pub signers: Vec<SignedBy>,
    /// Whether it is trusted only because of a local key of development mode.
    pub development: bool,
}

/// An installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginView {
    /// Its identifier.
    pub id: InstallationId,
    /// The plugin's name.
    pub plugin: String,
    /// What tells it from other installations of the same plugin.
    pub label: Option<String>,
    /// The version in use, or the one that waits if there is none.
    pub version: String,
    /// SHA-256 of its package.
    pub digest: Digest,
    /// The package's size in bytes.
    pub size: u64,
    /// The hooks that it exports.
    pub hooks: Vec<Hook>,
    /// Its name for people.
    pub title: Option<DisplayText>,
    /// What it does.
    pub description: Option<DisplayText>,
    /// A page about it.
    pub homepage: Option<String>,
    /// How it stands.
    pub status: Status,
    /// Its place among the filters.
    pub order: i32,
    /// What happens when it fails.
    pub fail_policy: FailPolicy,
    /// How instances are used.
    pub instances: Instances,
    /// Limits of one call.
    pub limits: CallLimits,
    /// Its configuration.
    pub config: Value,
    /// SHA-256 of the configuration, in hex, as it stands in receipts.
    pub config_digest: String,
    /// The JSON Schema of its configuration.
    pub config_schema: Value,
    /// What it asks for.
    pub asks: Permissions,
    /// What it was granted.
    pub granted: Granted,
    /// The secrets that it asks for, by name, and whether each has a value. Values are never shown.
    pub secrets: BTreeMap<String, bool>,
    /// Who signed it.
    pub signers: Vec<SignedBy>,
    /// Whether it is trusted only because of a local key of development mode.
    pub development: bool,
    /// The version that `rollback` goes back to.
    pub previous: Option<VersionView>,
    /// The version that waits for approval.
    pub waiting: Option<VersionView>,
    /// Counters since it was loaded; zeros if it is not.
    pub stats: PluginStats,
    /// Messages in a row that it did not check.
    pub failures_in_a_row: u32,
    /// Messages that it did not check since the host started.
    pub failures: u64,
    /// When it was first installed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// What came of an installation or another change that loads a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Installed {
    /// The installation as it stands now.
    pub plugin: PluginView,
    /// The steps that were taken, in order.
    pub steps: Vec<Step>,
}

/// Everything that a tenant has installed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginList {
    /// The installations in the order in which filters run.
    pub plugins: Vec<PluginView>,
    /// Installations whose records cannot be read, and why. While there is one, every message is held.
    pub unreadable: BTreeMap<InstallationId, String>,
    /// Whether the tenant is in development mode.
    pub development_mode: bool,
}

pub(super) fn view(live: &Live, stored_secrets: &BTreeSet<String>) -> Option<PluginView> {
    let record = &live.record;
    let edition = record.current.as_ref().or(record.waiting.as_ref())?;
    let manifest = &edition.manifest;
    let secrets = record.editions().flat_map(|edition| &edition.manifest.permissions.secrets);
    let stats = match &live.running {
        Running::Loaded(plugin) => plugin.stats(),
        Running::Off | Running::Failed { .. } => PluginStats::default(),
    };
    Some(PluginView {
        id: record.id,
        plugin: record.plugin.clone(),
        label: record.label.clone(),
        version: edition.version(),
        digest: edition.digest,
        size: edition.size,
        hooks: manifest.hooks.clone(),
        title: manifest.title.clone(),
        description: manifest.description.clone(),
        homepage: manifest.homepage.clone(),
        status: status(live),
        order: record.order,
        fail_policy: record.fail_policy,
        instances: record.instances,
        limits: record.limits,
        config: serde_json::from_str(&edition.config).unwrap_or_default(),
        config_digest: edition.config_digest(),
        config_schema: manifest.config_schema(),
        asks: manifest.permissions.clone(),
        granted: edition.granted.clone(),
        secrets: secrets.map(|name| (name.to_string(), stored_secrets.contains(name.as_str()))).collect(),
        signers: edition.signers.clone(),
        development: edition.is_development(),
        previous: record.previous.as_ref().map(VersionView::from),
        waiting: record.waiting.as_ref().map(VersionView::from),
        stats,
        failures_in_a_row: live.health.in_a_row(),
        failures: live.health.in_all(),
        created_at: record.created_at,
        changed_at: record.changed_at,
    })
}

fn status(live: &Live) -> Status {
    if live.record.current.is_none() {
        return Status::AwaitingApproval;
    }
    match &live.running {
        _ if live.record.wish == Wish::Inactive => Status::Inactive,
        Running::Loaded(_) => Status::Active,
        Running::Failed { code, text } => Status::Failed { code: code.clone(), text: text.clone() },
        Running::Off => Status::Failed { code: "not-loaded".to_owned(), text: "it is not loaded yet".to_owned() },
    }
}

impl From<&Edition> for VersionView {
    fn from(edition: &Edition) -> Self {
        Self {
            version: edition.version(),
            digest: edition.digest,
            asks: edition.manifest.permissions.clone(),
            beyond: edition.manifest.permissions.beyond(&edition.granted),
            signers: edition.signers.clone(),
            development: edition.is_development(),
        }
    }
}
