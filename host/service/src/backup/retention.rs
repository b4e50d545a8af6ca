//! Which versions go, by the tenant's rules.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use warbler_domain::{BackupVersion, Timestamp};

use super::policy::{BackupPolicy, Keep, utc};

/// The number of the hour, day, week or month that a time lies in.
type SpanOf = fn(DateTime<Utc>) -> i64;

/// The versions that no rule asks for. The newest one always stays, and so do those that a clock which was ahead has
/// put into the future: they neither go nor take the place of others until their time has come.
pub(super) fn forgotten(versions: &[BackupVersion], keep: &Keep, now: Timestamp) -> Vec<String> {
    let mut newest_first: Vec<&BackupVersion> = versions.iter().filter(|version| version.at <= now).collect();
    newest_first.sort_by(|left, right| right.at.cmp(&left.at).then_with(|| right.id.cmp(&left.id)));
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    kept.extend(newest_first.iter().take(usize::try_from(keep.last.max(1)).unwrap_or(1)).map(|v| v.id.as_str()));
    let within = Duration::from_hours(24) * keep.within_days;
    kept.extend(
        newest_first.iter().filter(|v| keep.within_days > 0 && now.since(v.at) <= within).map(|v| v.id.as_str()),
    );
    let rules: [(u32, SpanOf); 4] =
        [(keep.hourly, hour), (keep.daily, day), (keep.weekly, week), (keep.monthly, month)];
    for (count, span) in rules {
        let mut spans = BTreeSet::new();
        for version in &newest_first {
            let Some(span) = utc(version.at).map(span) else { continue };
            if !spans.contains(&span) && spans.len() < usize::try_from(count).unwrap_or(usize::MAX) {
                spans.insert(span);
                kept.insert(&version.id);
            }
        }
    }
    newest_first.iter().filter(|v| !kept.contains(v.id.as_str())).map(|v| v.id.clone()).collect()
}

/// The times of the newest version and of the one before it, if the clock seems to have leapt ahead between them: a run
/// that the schedule asks for stayed out longer than versions are kept by their age, so that this age would take all of
/// them. Whether that was the clock or a host that was off so long, only people can tell.
pub(super) fn leap(versions: &[BackupVersion], policy: &BackupPolicy) -> Option<(Timestamp, Timestamp)> {
    let within = Duration::from_hours(24) * policy.keep.within_days;
    let mut times: Vec<Timestamp> = versions.iter().map(|version| version.at).collect();
    times.sort_unstable();
    let [.., before, last] = times.as_slice() else { return None };
    let due = policy.next_after(*before)?;
    (!within.is_zero() && *last > due && last.since(due) > within).then_some((*before, *last))
}

fn hour(at: DateTime<Utc>) -> i64 {
    day(at) * 24 + i64::from(at.hour())
}

fn day(at: DateTime<Utc>) -> i64 {
    i64::from(at.num_days_from_ce())
}

/// Weeks begin on Monday; the first day of the common era was one.
fn week(at: DateTime<Utc>) -> i64 {
    (day(at) - 1).div_euclid(7)
}

fn month(at: DateTime<Utc>) -> i64 {
    i64::from(at.year()) * 12 + i64::from(at.month0())
}

#[cfg(test)]
mod tests {
    use super::super::policy::Schedule;
    use super::*;

    fn version(at: &str) -> BackupVersion {
        BackupVersion { id: at.into(), at: Timestamp::parse(at).unwrap(), files: 0, bytes: 0, added: 0 }
    }

    const NONE: Keep = Keep { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, within_days: 0 };

    fn kept(versions: &[BackupVersion], keep: Keep) -> Vec<&str> {
        let now = Timestamp::parse("2026-03-31T12:00:00Z").unwrap();
        let gone = forgotten(versions, &keep, now);
        versions.iter().map(|v| v.id.as_str()).filter(|id| !gone.iter().any(|gone| gone == id)).collect()
    }

    #[test]
    fn each_rule_keeps_the_last_version_of_each_of_its_spans() {
        let versions: Vec<_> = [
            "2026-01-30T02:00:00Z",
            "2026-02-27T02:00:00Z",
            "2026-03-22T02:00:00Z", // A Sunday,
            "2026-03-23T02:00:00Z", // and the Monday after it.
            "2026-03-30T02:00:00Z",
            "2026-03-31T01:10:00Z",
            "2026-03-31T01:50:00Z",
            "2026-03-31T02:00:00Z",
        ]
        .map(version)
        .into();
        assert_eq!(kept(&versions, NONE), ["2026-03-31T02:00:00Z"]);
        assert_eq!(kept(&versions, Keep { last: 2, ..NONE }), ["2026-03-31T01:50:00Z", "2026-03-31T02:00:00Z"]);
        assert_eq!(kept(&versions, Keep { hourly: 2, ..NONE }), ["2026-03-31T01:50:00Z", "2026-03-31T02:00:00Z"]);
        assert_eq!(kept(&versions, Keep { daily: 2, ..NONE }), ["2026-03-30T02:00:00Z", "2026-03-31T02:00:00Z"]);
        let weeks = ["2026-03-22T02:00:00Z", "2026-03-23T02:00:00Z", "2026-03-31T02:00:00Z"];
        assert_eq!(kept(&versions, Keep { weekly: 3, ..NONE }), weeks);
        let months = ["2026-01-30T02:00:00Z", "2026-02-27T02:00:00Z", "2026-03-31T02:00:00Z"];
        assert_eq!(kept(&versions, Keep { monthly: 3, ..NONE }), months);
        assert_eq!(kept(&versions, Keep { within_days: 9, ..NONE }).len(), 5);
    }

    #[test]
    fn versions_of_a_clock_that_was_ahead_stay_and_take_nobody_s_place() {
        let ahead = ["2026-03-30T02:00:00Z", "2026-03-31T02:00:00Z", "2031-01-01T00:00:00Z"].map(version);
        assert_eq!(kept(&ahead, NONE), ["2026-03-31T02:00:00Z", "2031-01-01T00:00:00Z"]);
    }

    #[test]
    fn a_clock_that_leaps_past_what_is_kept_by_age_is_noticed() {
        let policy = BackupPolicy { keep: Keep { within_days: 30, ..NONE }, ..BackupPolicy::default() };
        let leaps = |times: &[&str]| leap(&times.iter().copied().map(version).collect::<Vec<_>>(), &policy).is_some();
        assert!(!leaps(&["2026-01-30T02:00:00Z"]));
        assert!(!leaps(&["2026-01-30T02:00:00Z", "2026-01-31T02:00:00Z"]));
        assert!(!leaps(&["2026-01-30T02:00:00Z", "2026-03-01T02:00:00Z"]));
        assert!(leaps(&["2026-01-30T02:00:00Z", "2026-03-02T02:00:01Z"]));
        // A schedule may ask for fewer versions than their age allows for.
        let seldom =
            BackupPolicy { keep: Keep { within_days: 1, ..NONE }, schedule: Schedule::Every { hours: 744 }, ..policy };
        let months = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"].map(version);
        assert!(leap(&months, &seldom).is_none());
    }
}
