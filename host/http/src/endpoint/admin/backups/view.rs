//! What the backups of a tenant look like on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warbler_domain::{BackupError, BackupVersion, ConversationId, InstallationId, Timestamp, UserId};
use warbler_service::{BackupStatus, DrillReport, Failure, RestoreJob, RestoreState, RunState, SinkState};

use super::keys::KeyStateView;
use crate::endpoint::backups::RestoredJson;

/// Work that is under way.
#[derive(Serialize, ToSchema)]
pub(super) struct RunView {
    /// `backup`, `restore`, `check`, `drill`, `heal`, `keys` or `rotate`.
    pub(super) what: &'static str,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub(super) since: Timestamp,
    /// Files looked at so far.
    pub(super) files: u64,
    /// Bytes read so far.
    pub(super) read: u64,
    /// Bytes stored so far.
    pub(super) stored: u64,
}

/// Why something failed.
#[derive(Serialize, ToSchema)]
pub(super) struct BackupFailureView {
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub(super) at: Timestamp,
    /// A stable code.
    pub(super) code: String,
    /// For people.
    pub(super) text: String,
}

/// A version.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionView {
    /// Its identifier.
    pub(super) id: String,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub(super) at: Timestamp,
    /// Files in it.
    pub(super) files: u64,
    /// Their length together.
    pub(super) bytes: u64,
    /// Bytes that were new in it, as they are stored.
    pub(super) added: u64,
}

/// Why a repository cannot be read.
#[derive(Serialize, ToSchema)]
pub(super) struct UnreadableView {
    /// A stable code.
    pub(super) code: &'static str,
    /// For people.
    pub(super) text: String,
}

/// How one of the sinks stands.
#[derive(Serialize, ToSchema)]
pub(super) struct SinkView {
    /// Its installation.
    #[schema(value_type = String, format = "uuid")]
    pub(super) installation: InstallationId,
    /// The plugin's name, if it runs.
    pub(super) plugin: Option<String>,
    /// Whether it holds all that the repository has.
    pub(super) current: bool,
    /// Since when it does not.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub(super) behind_since: Option<Timestamp>,
    /// Why it could not be healed.
    pub(super) problem: Option<String>,
}

/// A sink that is to be trusted as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trust {
    /// Its installation.
    #[schema(value_type = String, format = "uuid")]
    pub(super) installation: InstallationId,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// How the backups stand.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusView {
    /// Whether a backup sink runs.
    pub(super) has_sink: bool,
    /// The sinks that keep the backups.
    pub(super) sinks: Vec<SinkView>,
    /// What is under way.
    pub(super) running: Option<RunView>,
    /// When the last version was made.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub(super) made_at: Option<Timestamp>,
    /// Why the last run failed, if it did.
    pub(super) failure: Option<BackupFailureView>,
    /// When the next run is due.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub(super) next_at: Option<Timestamp>,
    /// When a restore was last tried.
    #[schema(value_type = Option<String>, format = "date-time")]
    pub(super) drilled_at: Option<Timestamp>,
    /// What was wrong in the last trial.
    pub(super) drill_failure: Option<String>,
    /// How the repository's own key stands.
    pub(super) key: KeyStateView,
    /// All versions, the newest first.
    pub(super) versions: Vec<VersionView>,
    /// Why the versions cannot be listed, if they cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<UnreadableView>,
}

/// How thoroughly to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckJson {
    /// Read all data, too.
    #[serde(default)]
    pub(super) read_data: bool,
}

/// What a check found.
#[derive(Serialize, ToSchema)]
pub(super) struct DamageView {
    /// What is wrong; nothing if all is well.
    pub(super) problems: Vec<String>,
    /// What is unusual and does no harm.
    pub(super) remarks: Vec<String>,
}

/// What a trial of a restore found.
#[derive(Serialize, ToSchema)]
pub(super) struct DrillView {
    /// Which version was restored.
    pub(super) version: String,
    /// Conversations that came back.
    pub(super) conversations: u64,
    /// Events in them, each compared with the version.
    pub(super) events: u64,
    /// Messages among them whose content came back.
    pub(super) messages: u64,
    /// Files that came back with their messages, each with the right bytes.
    pub(super) attachments: u64,
    /// Accounts that were compared.
    pub(super) members: u64,
    /// Word lists that came back.
    pub(super) word_lists: u64,
    /// Installations that came back.
    pub(super) installations: u64,
    /// Values that plugins have stored, each compared with the version.
    pub(super) plugin_values: u64,
    /// Agents that were compared.
    pub(super) agents: u64,
    /// Tool servers that were compared.
    pub(super) tool_servers: u64,
    /// Documents of the knowledge base that came back with the right bytes.
    pub(super) documents: u64,
    /// Other records that were compared: what was read and muted, and who has which support conversation.
    pub(super) records: u64,
    /// Files of the version that were read, up to its manifest.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// What is wrong; nothing if all is well.
    pub(super) problems: Vec<String>,
}

/// What to bring back: a conversation, what a member wrote, or both together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminRestore {
    /// From which version.
    pub(super) version: String,
    /// Of which conversation; of all that are there unless given.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(super) conversation: Option<ConversationId>,
    /// Only what this member wrote.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(super) member: Option<UserId>,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// Bring the whole tenant back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantRestore {
    /// From which version.
    pub(super) version: String,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// A restore of the whole tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct JobView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub(super) id: Uuid,
    /// From which version.
    pub(super) version: String,
    /// `running`, `done` or `failed`.
    pub(super) state: &'static str,
    /// Accounts that came back.
    pub(super) accounts: u64,
    /// Conversations that are through.
    pub(super) conversations: u64,
    /// What came back in them.
    pub(super) restored: RestoredJson,
    /// What was decided and came back: the tenant's name and its policies.
    pub(super) decisions: u64,
    /// Word lists that came back.
    pub(super) word_lists: u64,
    /// Installations of plugins that came back.
    pub(super) installations: u64,
    /// Values that plugins have stored and that came back.
    pub(super) plugin_values: u64,
    /// Agents that came back.
    pub(super) agents: u64,
    /// Tool servers that came back.
    pub(super) tool_servers: u64,
    /// Documents of the knowledge base that came back.
    pub(super) documents: u64,
    /// Support conversations that are again in the hands in which they were.
    pub(super) support_cases: u64,
    /// What people decided about notifications and came back: quiet hours and muted conversations.
    pub(super) push_settings: u64,
    /// Held messages that wait for a moderator again.
    pub(super) held: u64,
    /// Entries of the old audit log that were verified and are kept beside the new one.
    pub(super) audit_entries: u64,
    /// What a person has to do now: packages and secrets that no backup has.
    pub(super) to_do: Vec<String>,
    /// Why it failed.
    pub(super) failure: Option<BackupFailureView>,
}

impl StatusView {
    /// What cannot be opened is told beside the rest: an admin then needs the rest most.
    pub(super) fn new(status: BackupStatus, versions: Result<Vec<BackupVersion>, BackupError>) -> Self {
        let unreadable =
            versions.as_ref().err().map(|error| UnreadableView { code: error.code(), text: error.with_cause() });
        let versions = versions.unwrap_or_default();
        let BackupStatus { has_sink, sinks, running, made_at, failure, next_at, .. } = status;
        let BackupStatus { drilled_at, drill_failure, key, .. } = status;
        let run = |RunState { what, since, files, read, stored }| RunView { what, since, files, read, stored };
        let versions = versions.into_iter().map(|version| {
            let BackupVersion { id, at, files, bytes, added } = version;
            VersionView { id, at, files, bytes, added }
        });
        Self {
            has_sink,
            sinks: sinks.into_iter().map(Into::into).collect(),
            running: running.map(run),
            made_at,
            failure: failure.map(Into::into),
            next_at,
            drilled_at,
            drill_failure,
            key: key.into(),
            versions: versions.collect(),
            unreadable,
        }
    }
}

impl From<SinkState> for SinkView {
    fn from(SinkState { installation, plugin, is_current, behind_since, problem }: SinkState) -> Self {
        Self { installation, plugin, current: is_current, behind_since, problem }
    }
}

impl From<Failure> for BackupFailureView {
    fn from(Failure { at, code, text, is_transient: _ }: Failure) -> Self {
        Self { at, code, text }
    }
}

impl From<DrillReport> for DrillView {
    fn from(report: DrillReport) -> Self {
        let DrillReport { version, conversations, events, messages, attachments, .. } = report;
        let DrillReport { members, word_lists, installations, files, bytes, problems, .. } = report;
        let DrillReport { plugin_values, agents, tool_servers, documents, records, .. } = report;
        Self {
            version,
            conversations,
            events,
            messages,
            attachments,
            members,
            word_lists,
            installations,
            plugin_values,
            agents,
            tool_servers,
            documents,
            records,
            files,
            bytes,
            problems,
        }
    }
}

impl From<RestoreJob> for JobView {
    fn from(job: RestoreJob) -> Self {
        let state = match job.state {
            RestoreState::Running => "running",
            RestoreState::Done => "done",
            RestoreState::Failed => "failed",
        };
        let (restored, failure) = (job.restored.into(), job.failure.map(Into::into));
        let RestoreJob { id, version, accounts, conversations, word_lists, installations, held, .. } = job;
        let RestoreJob { decisions, plugin_values, agents, tool_servers, documents, .. } = job;
        let RestoreJob { support_cases, push_settings, audit_entries, to_do, .. } = job;
        Self {
            id,
            version,
            state,
            accounts,
            conversations,
            restored,
            decisions,
            word_lists,
            installations,
            plugin_values,
            agents,
            tool_servers,
            documents,
            support_cases,
            push_settings,
            held,
            audit_entries,
            to_do,
            failure,
        }
    }
}
