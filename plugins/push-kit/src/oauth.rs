//! Access tokens of OAuth 2.0 (RFC 6749): for a client's own credentials (section 4.4), or for a signed
//! assertion (RFC 7523).

use serde::Deserialize;
use warbler_sdk::http::{self, Error, Response};
use warbler_sdk::{Failure, Timestamp};

use crate::{Token, request, retry_after, words};

/// How long before its end a token is no longer used, in milliseconds: a request takes time to arrive.
const MARGIN_MS: u64 = 120_000;
/// How long a token is good if the provider does not say, in milliseconds.
const USUAL_MS: u64 = 3_600_000;
/// How long asking for a token may take, in milliseconds, of the ten seconds that a batch has.
const TIMEOUT_MS: u32 = 3_000;
/// When to ask again after a provider did not answer, in milliseconds.
const PAUSE_MS: u64 = 10_000;

/// What a token endpoint answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// A token for a client's own credentials.
///
/// # Errors
/// `unavailable` if the endpoint did not answer or failed; `misconfigured` if it refused.
pub fn client_credentials(url: &str, id: &str, secret: &str, now: Timestamp) -> Result<Token, Failure> {
    ask(url, &[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)], now)
}

/// A token for an assertion.
///
/// # Errors
/// `unavailable` if the endpoint did not answer or failed; `misconfigured` if it refused.
pub fn jwt_bearer(url: &str, assertion: &str, now: Timestamp) -> Result<Token, Failure> {
    ask(url, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)], now)
}

fn ask(url: &str, fields: &[(&str, &str)], now: Timestamp) -> Result<Token, Failure> {
    let mut request = request::form(url, fields);
    request.timeout_ms = TIMEOUT_MS;
    let response = http::fetch(&request).map_err(|error| no_response(&error))?;
    let Some(granted) = granted(&response)? else {
        return Err(Failure::Unavailable(PAUSE_MS));
    };
    Ok(token(granted.access_token, now, granted.expires_in.map(|seconds| seconds.saturating_mul(1_000))))
}

/// A token made at `now` that the provider keeps for `lifetime_ms`, if it said so.
#[must_use]
pub fn token(value: String, now: Timestamp, lifetime_ms: Option<u64>) -> Token {
    let lifetime = lifetime_ms.unwrap_or(USUAL_MS);
    // Of a short life at least half is used.
    let used = lifetime.saturating_sub(MARGIN_MS.min(lifetime / 2));
    Token { value, made_at: now, good_until: now.saturating_add(used) }
}

/// What it means for a batch that a token endpoint did not answer.
#[must_use]
pub fn no_response(error: &Error) -> Failure {
    match error {
        Error::Timeout | Error::Unreachable(_) => Failure::Unavailable(PAUSE_MS),
        Error::Denied(why) => Failure::Misconfigured(format!("no access token can be had: {why}")),
        Error::TooLarge(limit) => Failure::Misconfigured(format!("the token answer is longer than {limit} bytes")),
    }
}

/// What it means for a batch that a token endpoint answered with an error.
#[must_use]
pub fn refused(response: &Response) -> Failure {
    if matches!(response.status, 408 | 425 | 429 | 500..=599) {
        let after = retry_after(response).map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        return Failure::Unavailable(after.unwrap_or(PAUSE_MS));
    }
    Failure::Misconfigured(format!("no access token can be had: {}", words(response)))
}

/// The token in a response; `None` if the response makes no sense.
fn granted(response: &Response) -> Result<Option<Granted>, Failure> {
    if !(200..300).contains(&response.status) {
        return Err(refused(response));
    }
    Ok(request::read(response))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_sdk::testing::Host;

    use super::*;

    fn answer(status: u16, body: &str) -> Host {
        let body = body.to_owned();
        Host::new().with_http(move |_| Ok(Response { status, headers: Vec::new(), body: body.clone().into_bytes() }))
    }

    fn ask_now() -> Result<Token, Failure> {
        client_credentials("https://login.example.com/token", "id", "s3cret", 1_000)
    }

    #[test]
    fn a_token_is_given_up_before_the_provider_gives_it_up() {
        let _host = answer(200, r#"{"access_token": "abc", "expires_in": 3600}"#).start();
        let token = ask_now().unwrap();
        assert_eq!((token.value.as_str(), token.good_until), ("abc", 1_000 + 3_480_000));
    }

    #[test]
    fn a_refusal_waits_for_a_person_and_a_failure_for_better_times() {
        let _host = answer(401, r#"{"error": "invalid_client"}"#).start();
        assert!(matches!(ask_now(), Err(Failure::Misconfigured(why)) if why.contains("invalid_client")));
        let _host = answer(503, "").start();
        assert_eq!(ask_now().err(), Some(Failure::Unavailable(PAUSE_MS)));
        let _host = answer(200, "<html>").start();
        assert_eq!(ask_now().err(), Some(Failure::Unavailable(PAUSE_MS)));
    }
}
