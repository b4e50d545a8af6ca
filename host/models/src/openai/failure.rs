//! What went wrong, in the port's words: which answers ask to wait, which refuse for good.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use warbler_domain::{ModelError, Timestamp};

use crate::words;

/// When to try again where a provider does not say.
const A_WHILE: Duration = Duration::from_secs(2);

/// The same after too many requests: their windows are counted in seconds to a minute.
const A_LONGER_WHILE: Duration = Duration::from_secs(10);

/// A provider cannot ask for more than this; its clock may be wrong.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A refusal in our own words.
pub(crate) fn refused(text: &str) -> ModelError {
    ModelError::Refused { text: text.to_owned() }
}

/// An answer that makes no sense.
pub(crate) fn nonsense(what: &str) -> ModelError {
    refused(&format!("the provider's answer makes no sense: {what}"))
}

/// An answer of more than `limit` bytes.
pub(crate) fn too_long(limit: usize) -> ModelError {
    refused(&format!("the answer is longer than {limit} bytes"))
}

/// No answer in time.
pub(crate) const fn quiet() -> ModelError {
    ModelError::Unavailable { after: A_WHILE }
}

/// The connection could not be made, or broke.
pub(crate) fn of_transport(error: reqwest::Error) -> ModelError {
    // The address may hold a key, as in some gateways' paths.
    let error = error.without_url();
    tracing::debug!(error = &error as &dyn std::error::Error, "no answer from the provider");
    if error.is_builder() {
        return refused("the request cannot be made from what was set up");
    }
    quiet()
}

/// An answer that is no success.
pub(crate) fn of_status<'a>(
    status: StatusCode,
    after: Option<Duration>,
    body: &str,
    secrets: impl Iterator<Item = &'a str> + Clone,
) -> ModelError {
    let text = words::tidy(&message(body), secrets);
    tracing::debug!(%status, text, "the provider refused");
    match status.as_u16() {
        429 => ModelError::Unavailable { after: after.unwrap_or(A_LONGER_WHILE) },
        408 | 425 | 500..=599 => ModelError::Unavailable { after: after.unwrap_or(A_WHILE) },
        // Their words about keys are about keys; ours are enough.
        401 | 403 => refused("the provider does not accept the key"),
        300..=399 => refused("the provider redirects to another address; set that one up"),
        code if text.is_empty() => refused(&format!("the provider answered with status {code}")),
        _ => refused(&text),
    }
}

/// What `Retry-After` asks for (RFC 9110, 10.2.3), or the finer header beside it that some providers send.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let fine = text("retry-after-ms").and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let asked = fine.or_else(|| {
        let text = text("retry-after")?;
        let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(date.saturating_sub(Duration::from_millis(now.as_millis())))
        })
    });
    asked.map(|asked| asked.min(LONGEST_WAIT))
}

/// An `error` object in the middle of an answer.
pub(crate) fn of_object<'a>(error: &Value, secrets: impl Iterator<Item = &'a str> + Clone) -> ModelError {
    let kind = ["code", "type", "status"].map(|field| match error.get(field) {
        Some(Value::String(text)) => text.to_ascii_lowercase(),
        Some(other) => other.to_string(),
        None => String::new(),
    });
    let passes = |kind: &String| {
        let of_number = kind.parse::<u16>().is_ok_and(|code| code == 429 || code == 408 || (500..600).contains(&code));
        let of_word = ["rate_limit", "overload", "server_error", "unavailable", "timeout", "exhausted", "internal"];
        of_number || of_word.iter().any(|word| kind.contains(word))
    };
    if kind.iter().any(passes) {
        return quiet();
    }
    let text = words::tidy(&message_of(error), secrets);
    refused(if text.is_empty() { "the provider broke off with an error" } else { &text })
}

/// The sentence in the body of an error, in any of the shapes that are in use.
fn message(body: &str) -> String {
    #[derive(Deserialize)]
    struct Wrapped {
        error: Value,
    }
    match serde_json::from_str::<Value>(body) {
        Ok(value) => {
            let wrapped = Wrapped::deserialize(&value).map(|wrapped| message_of(&wrapped.error));
            wrapped.unwrap_or_else(|_| message_of(&value))
        }
        // A proxy's page is of no use to anybody.
        Err(_) if body.trim_start().starts_with('<') => String::new(),
        Err(_) => body.to_owned(),
    }
}

fn message_of(error: &Value) -> String {
    let field = ["message", "detail", "error_description", "title"].iter().find_map(|field| error.get(field));
    match field.unwrap_or(error) {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_read_as_seconds_milliseconds_and_as_a_date() {
        let now = Timestamp::parse("2026-11-18T11:06:40Z").unwrap();
        let read = |name, value| retry_after(&headers(name, value), now);
        assert_eq!(read("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(read("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(read("retry-after", "Wed, 18 Nov 2026 11:06:55 GMT"), Some(Duration::from_secs(15)));
        assert_eq!(read("retry-after", "Wed, 18 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO), "a date gone by");
        assert_eq!(read("retry-after", "99999999999"), Some(LONGEST_WAIT));
        assert_eq!(read("retry-after", "-1"), None);
        assert_eq!(read("retry-after", "soon"), None);
    }

    #[test]
    fn the_providers_words_are_found_in_every_shape() {
        for body in [
            r#"{"error": {"message": "no such model", "type": "invalid_request_error"}}"#,
            r#"{"error": "no such model"}"#,
            r#"{"message": "no such model"}"#,
            r#"{"detail": "no such model"}"#,
            "no such model",
        ] {
            let error = of_status(StatusCode::NOT_FOUND, None, body, std::iter::empty());
            assert_eq!(error, refused("no such model"), "{body}");
        }
        let page = of_status(StatusCode::NOT_FOUND, None, "<html>not here</html>", std::iter::empty());
        assert_eq!(page, refused("the provider answered with status 404"));
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        for (status, transient) in
            [(429, true), (500, true), (503, true), (408, true), (400, false), (401, false), (404, false), (302, false)]
        {
            let error = of_status(StatusCode::from_u16(status).unwrap(), None, "{}", std::iter::empty());
            assert_eq!(error.is_transient(), transient, "{status}");
        }
    }

    #[test]
    fn a_refused_key_is_not_repeated() {
        let body = r#"{"error": {"message": "Incorrect API key provided: k3y0000"}}"#;
        let error = of_status(StatusCode::UNAUTHORIZED, None, body, std::iter::once("k3y0000"));
        assert!(!error.to_string().contains("k3y"), "{error}");
        let error = of_status(StatusCode::BAD_REQUEST, None, body, std::iter::once("k3y0000"));
        assert!(!error.to_string().contains("k3y"), "{error}");
    }
}
