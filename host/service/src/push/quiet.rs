//! Do-not-disturb hours: whether a moment lies within them, in the person's own time zone. Who is told
//! about a message in spite of them is `rule`'s business.

use std::str::FromStr as _;

use chrono::{DateTime, Datelike as _, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use warbler_domain::Timestamp;

use crate::ServiceError;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Hours in which somebody does not want to be disturbed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// When they begin, in minutes after midnight by the person's clock: 0 to 1439.
    pub from: u16,
    /// When they end. Where it is before the beginning, they last past midnight; where it is the same,
    /// they last all day.
    pub to: u16,
    /// The days on which they begin, Monday first; every day if it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weekday {
    /// The first one (ISO 8601).
    Monday,
    /// The second one.
    Tuesday,
    /// The third one.
    Wednesday,
    /// The fourth one.
    Thursday,
    /// The fifth one.
    Friday,
    /// The sixth one.
    Saturday,
    /// The last one.
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];
}

impl QuietHours {
    /// Refuses hours that no clock shows.
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        if self.from >= DAY || self.to >= DAY {
            return Err(ServiceError::invalid("do_not_disturb", "must begin and end between 00:00 and 23:59"));
        }
        Ok(())
    }

    /// Whether they last at `now` where clocks show the time of `zone`.
    #[must_use]
    pub fn contain(&self, now: Timestamp, zone: Tz) -> bool {
        let Some((minute, today)) = local(now, zone) else { return false };
        let begins = |day: usize| {
            let day = Weekday::ALL.get(day % 7);
            self.days.is_empty() || day.is_some_and(|day| self.days.contains(day))
        };
        let yesterday = today + 6;
        if self.from < self.to {
            return begins(today) && (self.from..self.to).contains(&minute);
        }
        (begins(today) && minute >= self.from) || (begins(yesterday) && minute < self.to)
    }
}

/// The minute of the day and the day of the week, counted from Monday as 0.
fn local(now: Timestamp, zone: Tz) -> Option<(u16, usize)> {
    let utc = DateTime::from_timestamp_millis(i64::try_from(now.as_millis()).ok()?)?;
    let local = zone.from_utc_datetime(&utc.naive_utc());
    let minute = u16::try_from(local.hour() * 60 + local.minute()).ok()?;
    Some((minute, usize::try_from(local.weekday().num_days_from_monday()).ok()?))
}

/// The time zone of this name in the IANA database.
pub(super) fn zone(name: &str) -> Result<Tz, ServiceError> {
    Tz::from_str(name)
        .map_err(|_| ServiceError::invalid("time_zone", "must be a name of the IANA database such as Asia/Shanghai"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn hours(from: u16, to: u16) -> QuietHours {
        QuietHours { from, to, days: Vec::new() }
    }

    #[test]
    fn hours_past_midnight_are_those_of_the_persons_own_clock() {
        let nights = hours(22 * 60, 7 * 60);
        let shanghai = zone("Asia/Shanghai").unwrap();
        // 23:30 in Shanghai, which is 15:30 UTC.
        assert!(nights.contain(at("2026-11-22T15:30:00Z"), shanghai));
        assert!(!nights.contain(at("2026-11-22T15:30:00Z"), Tz::UTC));
        assert!(nights.contain(at("2026-11-22T22:59:59Z"), shanghai));
        assert!(!nights.contain(at("2026-11-22T23:00:00Z"), shanghai), "07:00 is no longer quiet");
    }

    #[test]
    fn a_changed_clock_moves_the_hours_with_it() {
        let morning = hours(6 * 60, 8 * 60);
        let berlin = zone("Europe/Berlin").unwrap();
        // Winter time is UTC+1, summer time UTC+2.
        assert!(!morning.contain(at("2026-01-15T04:30:00Z"), berlin));
        assert!(morning.contain(at("2026-07-15T04:30:00Z"), berlin));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let friday = QuietHours { days: vec![Weekday::Friday], ..hours(22 * 60, 7 * 60) };
        assert!(friday.contain(at("2026-11-20T23:00:00Z"), Tz::UTC), "Friday night");
        assert!(friday.contain(at("2026-11-21T06:00:00Z"), Tz::UTC), "its morning is a Saturday's");
        assert!(!friday.contain(at("2026-11-20T06:00:00Z"), Tz::UTC), "Friday's own morning");
        assert!(!friday.contain(at("2026-11-21T23:00:00Z"), Tz::UTC), "Saturday night");
        let all_day = QuietHours { days: vec![Weekday::Sunday], ..hours(0, 0) };
        assert!(all_day.contain(at("2026-11-22T13:00:00Z"), Tz::UTC));
        assert!(!all_day.contain(at("2026-11-23T00:00:00Z"), Tz::UTC));
    }

    #[test]
    fn hours_and_zones_that_are_none_are_refused() {
        assert!(hours(0, 1440).check().is_err());
        assert!(zone("Shanghai").is_err());
    }
}
