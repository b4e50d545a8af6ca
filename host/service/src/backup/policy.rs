//! What a tenant's admins decide about backups: when, how many are kept, how fast, and how often they are tried out.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use warbler_domain::{InstallationId, Timestamp};

use crate::ServiceError;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// When backups are made by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
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

/// Which versions are kept. A version stays if any of these asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// The last ones.
    pub last: u32,
    /// The last one of each of the last hours that have one.
    pub hourly: u32,
    /// Of each of the last days.
    pub daily: u32,
    /// Of each of the last weeks, which begin on Monday.
    pub weekly: u32,
    /// Of each of the last months.
    pub monthly: u32,
    /// All that are younger than so many days.
    pub within_days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { last: 3, hourly: 0, daily: 7, weekly: 5, monthly: 12, within_days: 0 }
    }
}

/// What a tenant's admins decide about backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupPolicy {
    /// When.
    pub schedule: Schedule,
    /// Which versions are kept.
    pub keep: Keep,
    /// Most bytes per second that go to the sink; 0 for no limit.
    pub bytes_per_second: u64,
    /// Days between two trials of a restore; 0 for never.
    pub drill_days: u32,
    /// Hours after which a backup that is due and was not made is reported as late.
    pub late_hours: u32,
    /// Messages older than so many days do not come back from a backup; 0 for no limit.
    pub restore_within_days: u32,
    /// The installations of the sinks that keep the backups, each all of it; of none, the first one that runs does.
    pub sinks: Vec<InstallationId>,
    /// How many of several sinks have to take a write, 1 to all; the others are healed when they are back.
    pub require: u32,
}

/// Most sinks that keep one tenant's backups.
const SINKS: usize = 8;

impl Default for BackupPolicy {
    fn default() -> Self {
        Self {
            // At night in most of Europe and in the morning in Asia; whoever cares sets their own.
            schedule: Schedule::Daily { at: "02:00".to_owned(), zone: "UTC".to_owned() },
            keep: Keep::default(),
            bytes_per_second: 0,
            drill_days: 7,
            late_hours: 6,
            restore_within_days: 0,
            sinks: Vec::new(),
            require: 1,
        }
    }
}

impl BackupPolicy {
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        match &self.schedule {
            Schedule::Every { hours } if !(1..=744).contains(hours) => {
                let problem = "must be from 1 to 744".to_owned();
                return Err(ServiceError::Invalid { field: "schedule.hours", problem, limit: Some(744) });
            }
            Schedule::Never | Schedule::Every { .. } => {}
            Schedule::Daily { at, zone } => {
                time_of_day(at).ok_or(ServiceError::invalid("schedule.at", "must be a time such as 02:30"))?;
                let unknown = "must be the IANA name of a time zone, such as Europe/Zurich";
                zone.parse::<Tz>().map_err(|_| ServiceError::invalid("schedule.zone", unknown))?;
            }
        }
        let keep = &self.keep;
        let all = [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.within_days];
        if all.iter().all(|count| *count == 0) {
            return Err(ServiceError::invalid("keep", "must keep something"));
        }
        if all.iter().any(|count| *count > 10_000) {
            let problem = "must not be more than 10000".to_owned();
            return Err(ServiceError::Invalid { field: "keep", problem, limit: Some(10_000) });
        }
        if self.bytes_per_second > 0 && self.bytes_per_second < 64 * 1024 {
            return Err(ServiceError::invalid("bytes_per_second", "must be 0 or at least 65536"));
        }
        self.check_sinks()
    }

    fn check_sinks(&self) -> Result<(), ServiceError> {
        if self.sinks.len() > SINKS {
            let problem = format!("must not be more than {SINKS}");
            return Err(ServiceError::Invalid { field: "sinks", problem, limit: Some(SINKS as u64) });
        }
        let unique: BTreeSet<&InstallationId> = self.sinks.iter().collect();
        if unique.len() < self.sinks.len() {
            return Err(ServiceError::invalid("sinks", "must name each installation once"));
        }
        let most = u32::try_from(self.sinks.len()).unwrap_or(u32::MAX).max(1);
        if !(1..=most).contains(&self.require) {
            let problem = format!("must be from 1 to {most}, the number of sinks");
            return Err(ServiceError::Invalid { field: "require", problem, limit: Some(u64::from(most)) });
        }
        Ok(())
    }

    /// Whether a run is due, and since when, given when the last one began.
    pub(super) fn due_since(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let Some(last) = last else { return (self.schedule != Schedule::Never).then_some(now) };
        // The clock was set back: rather one run too many than none for as long as it was ahead.
        if last > now && self.schedule != Schedule::Never {
            return Some(now);
        }
        self.next_after(last).filter(|due| *due <= now)
    }

    /// The first time after `last` that the schedule names.
    pub(super) fn next_after(&self, last: Timestamp) -> Option<Timestamp> {
        match &self.schedule {
            Schedule::Never => None,
            Schedule::Every { hours } => Some(last.after(HOUR * *hours)),
            Schedule::Daily { at, zone } => {
                let zone = zone.parse::<Tz>().unwrap_or(Tz::UTC);
                daily_after(last, time_of_day(at)?, zone)
            }
        }
    }

    /// How long a run may be due before it is late.
    pub(super) fn patience(&self) -> Duration {
        HOUR * self.late_hours.max(1)
    }

    /// Whether a trial is due.
    pub(super) fn is_drill_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        self.drill_days > 0 && last.is_none_or(|last| last > now || now.since(last) >= DAY * self.drill_days)
    }

    /// Whether a message of this time may come back.
    pub(super) fn may_return(&self, at: Timestamp, now: Timestamp) -> bool {
        self.restore_within_days == 0 || now.since(at) <= DAY * self.restore_within_days
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())?
}

fn daily_after(last: Timestamp, at: NaiveTime, zone: Tz) -> Option<Timestamp> {
    let last = utc(last)?;
    let first_day = last.with_timezone(&zone).date_naive();
    // Today or tomorrow; a third day because a time that a change of the clocks skips does not come.
    (0..=2).find_map(|days| {
        let day = first_day.checked_add_days(Days::new(days))?;
        let due = zone.from_local_datetime(&day.and_time(at)).earliest()?.to_utc();
        (due > last).then(|| Timestamp::from_millis(u64::try_from(due.timestamp_millis()).unwrap_or(0)))
    })
}

pub(super) fn utc(at: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(at.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn daily(at: &str, zone: &str) -> BackupPolicy {
        let schedule = Schedule::Daily { at: at.into(), zone: zone.into() };
        BackupPolicy { schedule, ..BackupPolicy::default() }
    }

    #[test]
    fn a_daily_run_is_due_at_its_hour_in_its_own_zone_also_across_a_change_of_the_clocks() {
        let policy = daily("02:30", "Europe/Zurich");
        let next = |last: &str| policy.next_after(at(last)).unwrap().to_string();
        assert_eq!(next("2026-01-10T00:00:00Z"), "2026-01-10T01:30:00Z");
        assert_eq!(next("2026-01-10T01:30:00Z"), "2026-01-11T01:30:00Z");
        assert_eq!(next("2026-07-10T12:00:00Z"), "2026-07-11T00:30:00Z");
        // On 29 March 2026 there is no 02:30 in Zurich.
        assert_eq!(next("2026-03-28T12:00:00Z"), "2026-03-30T00:30:00Z");
        // On 25 October it comes twice; the first one counts.
        assert_eq!(next("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn a_missed_run_is_due_at_once_and_only_once() {
        let policy = daily("02:00", "UTC");
        let (last, now) = (at("2026-01-01T02:00:01Z"), at("2026-01-09T12:00:00Z"));
        assert_eq!(policy.due_since(Some(last), now), Some(at("2026-01-02T02:00:00Z")));
        assert_eq!(policy.due_since(Some(now), now), None);
        assert_eq!(policy.due_since(None, now), Some(now));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_backups() {
        let policy = daily("02:00", "UTC");
        let now = at("2026-01-09T12:00:00Z");
        assert_eq!(policy.due_since(Some(at("2031-01-01T00:00:00Z")), now), Some(now));
        assert!(policy.is_drill_due(Some(at("2031-01-01T00:00:00Z")), now));
    }

    #[test]
    fn a_policy_that_cannot_be_kept_is_refused() {
        BackupPolicy::default().check().unwrap();
        let none = Keep { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, within_days: 0 };
        for bad in [
            daily("24:00", "UTC"),
            daily("2:00", "UTC"),
            daily("02:00", "Mars/Olympus"),
            BackupPolicy { schedule: Schedule::Every { hours: 0 }, ..BackupPolicy::default() },
            BackupPolicy { keep: none, ..BackupPolicy::default() },
            BackupPolicy { bytes_per_second: 1, ..BackupPolicy::default() },
            BackupPolicy { require: 2, ..BackupPolicy::default() },
            BackupPolicy { sinks: vec![InstallationId::from_uuid(uuid::Uuid::nil()); 2], ..BackupPolicy::default() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
