//! What the backups of a tenant look like on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warbler_domain::{BackupError, BackupVersion, ConversationId, Timestamp, UserId};
use warbler_service::{BackupPolicy, BackupStatus, Failure, Keep, RestoreJob, RestoreState, RunState, Schedule};

use crate::endpoint::backups::RestoredJson;

/// When backups are made by themselves.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ScheduleJson {
    /// Only on demand.
    Never,
    /// Every so many hours.
    Every {
        /// 1 to 744.
        hours: u32,
    },
    /// Once a day.
    Daily {
        /// Hour and minute, `HH:MM`.
        at: String,
        /// In which time zone, by its IANA name.
        zone: String,
    },
}

/// Which versions are kept: one stays if any of these asks for it.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeepJson {
    /// The last ones.
    pub(super) last: u32,
    /// The last one of each of so many hours.
    pub(super) hourly: u32,
    /// Of each of so many days.
    pub(super) daily: u32,
    /// Of each of so many weeks.
    pub(super) weekly: u32,
    /// Of each of so many months.
    pub(super) monthly: u32,
    /// All that are younger than so many days.
    pub(super) within_days: u32,
}

/// What a tenant decides about backups.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupPolicyJson {
    /// When.
    pub(super) schedule: ScheduleJson,
    /// Which versions are kept.
    pub(super) keep: KeepJson,
    /// Most bytes per second that go to the sink; 0 for no limit.
    #[serde(default)]
    pub(super) bytes_per_second: u64,
    /// Days between two trials of a restore; 0 for never.
    pub(super) drill_days: u32,
    /// Hours after which a backup that is due and was not made is reported as late.
    pub(super) late_hours: u32,
    /// Messages older than so many days do not come back; 0 for no limit.
    #[serde(default)]
    pub(super) restore_within_days: u32,
}

/// Work that is under way.
#[derive(Serialize, ToSchema)]
pub(super) struct RunView {
    /// `backup`, `restore`, `check` or `drill`.
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

/// How the backups stand.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusView {
    /// Whether a backup sink runs.
    pub(super) has_sink: bool,
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
    /// Which version was read.
    pub(super) version: String,
    /// Conversations.
    pub(super) conversations: u64,
    /// Events.
    pub(super) events: u64,
    /// Files.
    pub(super) files: u64,
    /// Bytes.
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
    /// Why it failed.
    pub(super) failure: Option<BackupFailureView>,
}

/// A passphrase that shall open the repository.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddKey {
    /// The passphrase, 12 characters at least.
    pub(super) passphrase: String,
    /// Whether the key stands in the repository, where restic finds it. Otherwise the answer is all there is of it.
    #[serde(default = "yes")]
    pub(super) in_repository: bool,
    /// The caller's password, once more.
    pub(super) password: String,
}

const fn yes() -> bool {
    true
}

/// A passphrase that opens the repository in the sink.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adopt {
    /// The passphrase.
    pub(super) passphrase: String,
    /// The caller's password, once more.
    pub(super) password: String,
}

/// The caller's password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    /// The password.
    pub(super) password: String,
}

/// A key by passphrase.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    /// Its identifier.
    pub(super) id: String,
    /// The key file, as restic has it, in base64.
    pub(super) file: String,
    /// Whether it stands in the repository.
    pub(super) in_repository: bool,
}

/// The keys by passphrase that stand in the repository.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    /// Their identifiers.
    pub(super) keys: Vec<String>,
}

impl StatusView {
    /// What cannot be opened is told beside the rest: an admin then needs the rest most.
    pub(super) fn new(status: BackupStatus, versions: Result<Vec<BackupVersion>, BackupError>) -> Self {
        let unreadable = versions.as_ref().err().map(|error| {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            UnreadableView { code: error.code(), text: format!("{error}{cause}") }
        });
        let versions = versions.unwrap_or_default();
        let BackupStatus { has_sink, running, made_at, failure, next_at, drilled_at, drill_failure } = status;
        let run = |RunState { what, since, files, read, stored }| RunView { what, since, files, read, stored };
        let versions = versions.into_iter().map(|version| {
            let BackupVersion { id, at, files, bytes, added } = version;
            VersionView { id, at, files, bytes, added }
        });
        Self {
            has_sink,
            running: running.map(run),
            made_at,
            failure: failure.map(Into::into),
            next_at,
            drilled_at,
            drill_failure,
            versions: versions.collect(),
            unreadable,
        }
    }
}

impl From<Failure> for BackupFailureView {
    fn from(Failure { at, code, text }: Failure) -> Self {
        Self { at, code, text }
    }
}

impl From<RestoreJob> for JobView {
    fn from(job: RestoreJob) -> Self {
        let state = match job.state {
            RestoreState::Running => "running",
            RestoreState::Done => "done",
            RestoreState::Failed => "failed",
        };
        let RestoreJob { id, version, accounts, conversations, restored, failure, .. } = job;
        let (restored, failure) = (restored.into(), failure.map(Into::into));
        Self { id, version, state, accounts, conversations, restored, failure }
    }
}

impl From<BackupPolicy> for BackupPolicyJson {
    fn from(policy: BackupPolicy) -> Self {
        let schedule = match policy.schedule {
            Schedule::Never => ScheduleJson::Never,
            Schedule::Every { hours } => ScheduleJson::Every { hours },
            Schedule::Daily { at, zone } => ScheduleJson::Daily { at, zone },
        };
        let Keep { last, hourly, daily, weekly, monthly, within_days } = policy.keep;
        Self {
            schedule,
            keep: KeepJson { last, hourly, daily, weekly, monthly, within_days },
            bytes_per_second: policy.bytes_per_second,
            drill_days: policy.drill_days,
            late_hours: policy.late_hours,
            restore_within_days: policy.restore_within_days,
        }
    }
}

impl From<BackupPolicyJson> for BackupPolicy {
    fn from(policy: BackupPolicyJson) -> Self {
        let schedule = match policy.schedule {
            ScheduleJson::Never => Schedule::Never,
            ScheduleJson::Every { hours } => Schedule::Every { hours },
            ScheduleJson::Daily { at, zone } => Schedule::Daily { at, zone },
        };
        let KeepJson { last, hourly, daily, weekly, monthly, within_days } = policy.keep;
        Self {
            schedule,
            keep: Keep { last, hourly, daily, weekly, monthly, within_days },
            bytes_per_second: policy.bytes_per_second,
            drill_days: policy.drill_days,
            late_hours: policy.late_hours,
            restore_within_days: policy.restore_within_days,
        }
    }
}
