//! Times as HTTP and the vendors' signatures write them. Nothing here reads a clock.

use std::time::Duration;

use warbler_sdk::Timestamp;

/// The longest pause that is believed.
const MOST: Duration = Duration::from_hours(24);

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment of the calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// Hours, minutes and seconds.
    pub time: (i64, i64, i64),
}

impl Civil {
    /// The calendar's name for a timestamp.
    #[must_use]
    pub fn from_timestamp(timestamp: Timestamp) -> Self {
        let seconds = i64::try_from(timestamp / 1_000).unwrap_or(i64::MAX);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            time: (second / 3_600, second / 60 % 60, second % 60),
        }
    }

    /// Milliseconds since the Unix epoch; `None` before it.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let (hours, minutes, seconds) = self.time;
        u64::try_from((days * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1_000).ok()
    }

    /// `2026-11-22T08:00:00Z` (RFC 3339), as Aliyun's signatures have it.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let (hours, minutes, seconds) = self.time;
        format!("{}T{hours:02}:{minutes:02}:{seconds:02}Z", self.day_text())
    }

    /// `2026-11-22`.
    #[must_use]
    pub fn day_text(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// How long a `Retry-After` asks to wait from `now`: seconds, or a date (RFC 9110, section 10.2.3). At
/// most a day is believed; what cannot be read is none.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::from_millis(parse_http(value)?.saturating_sub(now)),
    };
    Some(pause.min(MOST))
}

/// The timestamp of an HTTP date in its preferred form: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110,
/// section 5.6.7). The two obsolete forms are not read: no provider sends them.
#[must_use]
pub fn parse_http(value: &str) -> Option<Timestamp> {
    let (_, rest) = value.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year = parts.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock =
        parts.next()?.split(':').map(|part| part.parse::<i64>().ok().filter(|part| (0..=60).contains(part)));
    let time = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next() != Some("GMT") {
        return None;
    }
    Civil { year, month: i64::try_from(month).ok()? + 1, day, time }.timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_read_as_its_rfc_says() {
        assert_eq!(parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        for wrong in ["", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(parse_http(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_calendar_day_and_its_timestamp_are_each_other() {
        for (timestamp, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            let civil = Civil::from_timestamp(timestamp);
            assert_eq!(civil.rfc3339(), text);
            assert_eq!(civil.timestamp(), Some(timestamp));
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_and_at_most_a_day() {
        let now = 784_111_777_000;
        assert_eq!(retry_after("120", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("999999999", now), Some(MOST));
        assert_eq!(retry_after("soon", now), None);
    }
}
