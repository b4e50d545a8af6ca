//! What a provider's answer means, in words that all vendors share, and how the host is told.

use std::time::Duration;

use warbler_sdk::http::{Error, Response};
use warbler_sdk::{Outcome, system};

use crate::{date, request, text};

/// The longest text of a provider that is handed on, in bytes.
const WORDS: usize = 300;
/// When a provider that failed is asked again unless it says when.
const PAUSE: Duration = Duration::from_secs(10);
/// When a provider that has enough is asked again unless it says when.
const LONG_PAUSE: Duration = Duration::from_mins(1);

/// What a provider said of one notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took it, perhaps under an identifier of its own.
    Accepted(Option<String>),
    /// The address is dead.
    Gone,
    /// It failed, or is away; perhaps it said when to ask again.
    Retry(Option<Duration>),
    /// The access token is no longer good, in the provider's words: get another, and try once more.
    AuthExpired(String),
    /// It has enough from us for now; perhaps it said for how long.
    RateLimited(Option<Duration>),
    /// Refused for good, with its words.
    Rejected(String),
}

impl Answer {
    /// What an HTTP status alone says, for vendors that keep to it; the words are those of the body.
    #[must_use]
    pub fn by_status(response: &Response) -> Self {
        match response.status {
            200..=299 => Self::Accepted(None),
            401 => Self::AuthExpired(words(response)),
            404 | 410 => Self::Gone,
            429 => Self::RateLimited(retry_after(response)),
            408 | 425 | 500..=599 => Self::Retry(retry_after(response)),
            _ => Self::Rejected(words(response)),
        }
    }

    /// What it means that a response makes no sense. The provider is not well, so it is asked again.
    #[must_use]
    pub fn malformed(response: &Response) -> Self {
        warbler_sdk::log::warn!("an answer of the provider makes no sense: {}", words(response));
        Self::Retry(retry_after(response))
    }

    /// What it means that no answer came.
    #[must_use]
    pub fn without_response(error: &Error) -> Self {
        match error {
            // It may have arrived; the notification's id tells a repetition.
            Error::Timeout | Error::Unreachable(_) => Self::Retry(None),
            Error::Denied(why) => Self::Rejected(format!("the request was not sent: {why}")),
            Error::TooLarge(limit) => Self::Rejected(format!("the provider's answer is longer than {limit} bytes")),
        }
    }

    /// What the host is told.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Accepted(id) => Outcome::Accepted(id),
            Self::Gone => Outcome::Gone,
            Self::Retry(after) => Outcome::Retry(milliseconds(after.unwrap_or(PAUSE))),
            Self::RateLimited(after) => Outcome::Retry(milliseconds(after.unwrap_or(LONG_PAUSE))),
            Self::AuthExpired(_) => Outcome::Retry(milliseconds(LONG_PAUSE)),
            Self::Rejected(words) => Outcome::Rejected(text::shorten(&words, WORDS).to_owned()),
        }
    }
}

/// The provider's words for people: its status, and the beginning of what it wrote.
#[must_use]
pub fn words(response: &Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    let body: String = body.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = format!("HTTP {}: {}", response.status, body.trim());
    text::shorten(words.trim_end_matches(": "), WORDS).to_owned()
}

/// How long the provider asks to wait (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(response: &Response) -> Option<Duration> {
    date::retry_after(request::header(response, "retry-after")?, system::now())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, headers, body: body.into() }
    }

    #[test]
    fn a_status_means_what_http_says_it_means() {
        let answer = |status| Answer::by_status(&response(status, &[], "no"));
        assert_eq!(answer(201), Answer::Accepted(None));
        assert_eq!(answer(410), Answer::Gone);
        assert_eq!(answer(503), Answer::Retry(None));
        assert_eq!(answer(401), Answer::AuthExpired("HTTP 401: no".to_owned()));
        assert_eq!(answer(413), Answer::Rejected("HTTP 413: no".to_owned()));
    }

    #[test]
    fn a_throttled_provider_says_when_to_come_back() {
        let throttled = response(429, &[("Retry-After", "120")], "");
        assert_eq!(Answer::by_status(&throttled).outcome(), Outcome::Retry(120_000));
        assert_eq!(Answer::by_status(&response(429, &[], "")).outcome(), Outcome::Retry(60_000));
    }

    #[test]
    fn words_hold_no_line_breaks_and_end_at_a_character() {
        let words = words(&response(400, &[], &format!("a\nb{}", "错".repeat(500))));
        assert!(words.starts_with("HTTP 400: a b错"), "{words}");
        assert!(words.len() <= WORDS && words.ends_with('错'));
    }
}
