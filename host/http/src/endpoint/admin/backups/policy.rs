//! What a tenant decides about its backups, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::InstallationId;
use warbler_service::{BackupPolicy, Keep, Schedule};

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
    /// The installations of the sinks that keep the backups, each all of it; of none, the first one that runs does.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(super) sinks: Vec<InstallationId>,
    /// How many of several sinks have to take a write, 1 to all; the others are healed when they are back.
    #[serde(default = "one")]
    pub(super) require: u32,
}

const fn one() -> u32 {
    1
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
            sinks: policy.sinks,
            require: policy.require,
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
            sinks: policy.sinks,
            require: policy.require,
        }
    }
}
