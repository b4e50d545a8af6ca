//! When a key or a signature ends.

use std::{fmt, str::FromStr};

use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use crate::{ValueError, text::written_as_text};

/// The first moment at which something no longer holds, UTC. Read from RFC 3339, from a date
/// (its midnight) or from Unix seconds; written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    unix_ms: u64,
}

impl Expiry {
    /// The expiry at `unix_ms` milliseconds after the Unix epoch; capped at the year 9999.
    #[must_use]
    pub fn at_unix_ms(unix_ms: u64) -> Self {
        // RFC 3339 has four digits for the year.
        const LAST_MS: u64 = 253_402_300_799_999;
        Self { unix_ms: unix_ms.min(LAST_MS) }
    }

    /// Milliseconds after the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.unix_ms
    }

    /// Whether it has come at `now`, in milliseconds after the Unix epoch.
    #[must_use]
    pub fn has_come(self, now: u64) -> bool {
        now >= self.unix_ms
    }

    fn from_time(time: OffsetDateTime) -> Option<Self> {
        let unix_ms = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()?;
        Some(Self::at_unix_ms(unix_ms))
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i128::from(self.unix_ms) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Expiry {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let refused = || ValueError::new("expiry", "must be RFC 3339, a date or Unix seconds");
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let seconds: i64 = text.parse().map_err(|_| refused())?;
            return OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(Self::from_time).ok_or_else(refused);
        }
        let time = OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_| {
                Date::parse(text, format_description!("[year]-[month]-[day]")).map(|date| date.midnight().assume_utc())
            })
            .map_err(|_| refused())?;
        Self::from_time(time).ok_or_else(refused)
    }
}

written_as_text!(
    Expiry,
    "Expiry",
    "The first moment at which it no longer holds: RFC 3339, a date (its midnight, UTC) or Unix seconds.",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$|^[0-9]+$"
);
