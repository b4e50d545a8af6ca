//! Installed plugins as admins see them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use warbler_domain::{InstallationId, Instances, PluginStats, Timestamp};
use warbler_package::{Digest, DisplayText, Granted, Hook, KeyId, Permission, Permissions};
use warbler_service::{Installed, PluginList, SelfTestReport, SelfTestStep, SignedBy, Status, VersionView};

use super::{InstancesJson, LimitsJson, PolicyJson};

/// All that is installed.
#[derive(Serialize, ToSchema)]
pub(super) struct PluginsView {
    /// The installations in the order in which filters run.
    plugins: Vec<PluginView>,
    /// Installations whose records cannot be read, and why. While there is one, every message is held.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    unreadable: BTreeMap<InstallationId, String>,
    /// Whether the tenant accepts packages that are signed with a local key.
    development_mode: bool,
}

/// What came of an installation or a change.
#[derive(Serialize, ToSchema)]
pub(super) struct InstalledView {
    /// The installation as it stands now.
    plugin: PluginView,
    /// The steps that were taken, in order.
    steps: Vec<&'static str>,
}

/// An installation.
#[derive(Serialize, ToSchema)]
pub(super) struct PluginView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: InstallationId,
    /// The plugin's name.
    plugin: String,
    /// What tells it from other installations of the same plugin.
    label: Option<String>,
    /// The version in use, or the one that waits if there is none.
    version: String,
    /// SHA-256 of its package, in hex.
    #[schema(value_type = String)]
    digest: Digest,
    /// The package's size in bytes.
    size: u64,
    /// The hooks that it exports.
    #[schema(value_type = Vec<String>)]
    hooks: Vec<Hook>,
    /// Its name for people, by language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    title: Option<DisplayText>,
    /// What it does, by language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    description: Option<DisplayText>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    /// `active`, `inactive`, `awaiting-approval` or `failed`.
    status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// Its place among the filters.
    order: i32,
    /// What happens to a message when it fails.
    fail_policy: PolicyJson,
    /// How instances are used.
    instances: InstancesJson,
    /// Limits of one call.
    limits: LimitsJson,
    /// Its configuration.
    #[schema(value_type = Object)]
    config: serde_json::Value,
    /// SHA-256 of the configuration, in hex, as it stands in receipts.
    config_digest: String,
    /// The JSON Schema of its configuration.
    #[schema(value_type = Object)]
    config_schema: serde_json::Value,
    /// What it asks for.
    #[schema(value_type = Object)]
    asks: Permissions,
    /// What it was granted.
    #[schema(value_type = Object)]
    granted: Granted,
    /// The secrets that it asks for, by name, and whether each has a value.
    secrets: BTreeMap<String, bool>,
    /// Who signed it.
    signers: Vec<SignerView>,
    /// Whether it is trusted only because of a local key of development mode.
    development: bool,
    /// The version that `rollback` goes back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<EditionView>,
    /// The version that waits for approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<EditionView>,
    /// Counters since it was loaded.
    stats: StatsView,
    /// When it was first installed.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = "date-time")]
    changed_at: Timestamp,
}

/// Why a plugin does not run.
#[derive(Serialize, ToSchema)]
pub(super) struct FailureView {
    /// A stable code.
    code: String,
    /// A sentence for people.
    text: String,
}

/// Who signed a package.
#[derive(Serialize, ToSchema)]
pub(super) struct SignerView {
    /// The publisher's name when the signature was checked.
    publisher: String,
    /// The key's identifier.
    #[schema(value_type = String)]
    key_id: KeyId,
    /// Whether it is a local key of development mode.
    development: bool,
}

/// A version that waits, or that one can go back to.
#[derive(Serialize, ToSchema)]
pub(super) struct EditionView {
    /// The version.
    version: String,
    /// SHA-256 of its package, in hex.
    #[schema(value_type = String)]
    digest: Digest,
    /// What it asks for.
    #[schema(value_type = Object)]
    asks: Permissions,
    /// In what it asks for more than it is granted.
    #[schema(value_type = Vec<String>)]
    beyond: Vec<Permission>,
    /// Who signed it.
    signers: Vec<SignerView>,
    /// Whether it is trusted only because of a local key of development mode.
    development: bool,
}

/// Counters of a plugin.
#[derive(Serialize, ToSchema)]
pub(super) struct StatsView {
    /// Calls that were answered since it was loaded.
    calls: u64,
    /// Messages that it did not check since the host started.
    failures: u64,
    /// Messages in a row that it did not check.
    failures_in_a_row: u32,
    /// Instances made since it was loaded.
    instances_made: u64,
    /// Instances kept at this moment.
    instances_idle: u64,
}

impl From<PluginList> for PluginsView {
    fn from(list: PluginList) -> Self {
        let PluginList { plugins, unreadable, development_mode } = list;
        Self { plugins: plugins.into_iter().map(Into::into).collect(), unreadable, development_mode }
    }
}

impl From<Installed> for InstalledView {
    fn from(installed: Installed) -> Self {
        let steps = installed.steps.iter().map(|step| step.as_str()).collect();
        Self { plugin: installed.plugin.into(), steps }
    }
}

impl From<warbler_service::PluginView> for PluginView {
    fn from(view: warbler_service::PluginView) -> Self {
        let (status, failure) = standing(view.status);
        let PluginStats { calls, instances_made, instances_idle, .. } = view.stats;
        let (failures, failures_in_a_row) = (view.failures, view.failures_in_a_row);
        let instances = match view.instances {
            Instances::Warm => InstancesJson::Warm,
            Instances::Fresh => InstancesJson::Fresh,
        };
        let limits = LimitsJson {
            deadline_ms: view.limits.deadline_ms,
            memory_bytes: view.limits.memory_bytes,
            concurrency: view.limits.concurrency,
        };
        Self {
            id: view.id,
            plugin: view.plugin,
            label: view.label,
            version: view.version,
            digest: view.digest,
            size: view.size,
            hooks: view.hooks,
            title: view.title,
            description: view.description,
            homepage: view.homepage,
            status,
            failure,
            order: view.order,
            fail_policy: view.fail_policy.into(),
            instances,
            limits,
            config: view.config,
            config_digest: view.config_digest,
            config_schema: view.config_schema,
            asks: view.asks,
            granted: view.granted,
            secrets: view.secrets,
            signers: view.signers.into_iter().map(Into::into).collect(),
            development: view.development,
            previous: view.previous.map(Into::into),
            waiting: view.waiting.map(Into::into),
            stats: StatsView { calls, failures, failures_in_a_row, instances_made, instances_idle },
            created_at: view.created_at,
            changed_at: view.changed_at,
        }
    }
}

fn standing(status: Status) -> (&'static str, Option<FailureView>) {
    match status {
        Status::Active => ("active", None),
        Status::Inactive => ("inactive", None),
        Status::AwaitingApproval => ("awaiting-approval", None),
        Status::Failed { code, text } => ("failed", Some(FailureView { code, text })),
        _ => ("unknown", None),
    }
}

impl From<VersionView> for EditionView {
    fn from(view: VersionView) -> Self {
        Self {
            version: view.version,
            digest: view.digest,
            asks: view.asks,
            beyond: view.beyond.into_iter().collect(),
            signers: view.signers.into_iter().map(Into::into).collect(),
            development: view.development,
        }
    }
}

impl From<SignedBy> for SignerView {
    fn from(signer: SignedBy) -> Self {
        Self { publisher: signer.publisher, key_id: signer.id, development: signer.development }
    }
}

/// What a self-test showed.
#[derive(Serialize, ToSchema)]
pub(super) struct SelfTestView {
    /// The version that was tested.
    version: String,
    /// The failure policy that was put to the test.
    policy: PolicyJson,
    /// Whether the policy held in every case.
    held: bool,
    /// Whether the plugin itself, unbroken, answered a harmless message.
    works: bool,
    /// What was tried, in order.
    checks: Vec<CheckView>,
}

/// One case of a self-test.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckView {
    /// How the plugin was broken, as a stable code; `works` for the plugin itself.
    name: &'static str,
    /// What was sent through the chain.
    message: &'static str,
    /// What the policy promises.
    expected: String,
    /// What was seen.
    seen: String,
    /// Whether they agree.
    held: bool,
}

impl From<SelfTestReport> for SelfTestView {
    fn from(report: SelfTestReport) -> Self {
        let SelfTestReport { version, policy, held, works, steps, .. } = report;
        let checks = steps.into_iter().map(|SelfTestStep { name, message, expected, seen, held }| CheckView {
            name,
            message,
            expected,
            seen,
            held,
        });
        Self { version, policy: policy.into(), held, works, checks: checks.collect() }
    }
}
