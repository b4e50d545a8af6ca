//! Requests to `JPush`, and what its answers mean. Source: docs.jiguang.cn, "REST API v3: Push" and "error
//! codes". The header that says when a limit ends is from clients of others, not from the documentation.

use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use warbler_push_kit::{Answer, Vendor, address, config, encode, request, retry_after, secret, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, system};

/// The name of the secret with the application's master secret.
const SECRET: &str = "master_secret";
/// The greatest length of a message, in bytes: 4,000 are documented, and extras count.
const MOST_PAYLOAD: usize = 4_000;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The application's key.
    app_key: String,
    /// Whether iOS devices are reached through Apple's production environment.
    #[serde(default = "yes")]
    apns_production: bool,
    /// Where requests go.
    #[serde(default = "default_base")]
    base_url: String,
}

fn yes() -> bool {
    true
}

fn default_base() -> String {
    "https://api.jpush.cn".to_owned()
}

/// The plugin.
pub struct JPush {
    config: Config,
}

#[derive(Deserialize)]
struct Sent {
    msg_id: Value,
}

#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    code: i64,
    message: String,
}

impl JPush {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        Ok(Self { config })
    }

    fn message(&self, notification: &Notification, token: &str) -> Vec<u8> {
        let title = text::fit(&notification.title, 200);
        let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
        let shown = notification.badge.min(text::MOST_BADGE);
        let extras = json!({"id": notification.id, "conversation": notification.conversation});
        text::fit_encoded(text::body_or_title(notification), MOST_PAYLOAD, |body| {
            let message = json!({
                "cid": notification.id,
                "platform": "all",
                "audience": {"registration_id": [token]},
                "notification": {
                    "alert": body,
                    "android": {"alert": body, "title": title, "badge_set_num": shown, "extras": extras},
                    "ios": {
                        "alert": {"title": title, "body": body},
                        "badge": notification.badge,
                        "sound": "default",
                        "thread-id": notification.conversation,
                        "extras": extras,
                    },
                },
                "options": {"time_to_live": ttl, "apns_production": self.config.apns_production},
            });
            message.to_string().into_bytes()
        })
    }
}

impl Vendor for JPush {
    /// The value of the header `authorization`: it joins key and secret, so the host cannot put it in.
    type Access = String;

    fn access(&self, _renew: bool) -> Result<String, Failure> {
        let secret = secret::required(SECRET)?;
        Ok(format!("Basic {}", encode::base64(format!("{}:{}", self.config.app_key, secret.trim()))))
    }

    fn request(&self, authorization: &String, notification: &Notification) -> Result<Request, Answer> {
        let token = address::token(&notification.endpoint.address, &["registration_id", "token"])?;
        let url = format!("{}/v3/push", self.config.base_url);
        Ok(request::json_bytes(&url, self.message(notification, &token)).header("authorization", authorization))
    }

    fn answer(&self, response: &Response) -> Answer {
        if response.status == 200 {
            let sent: Option<Sent> = request::read(response);
            return sent
                .map_or_else(|| Answer::malformed(response), |sent| Answer::Accepted(Some(plain(&sent.msg_id))));
        }
        let refused: Option<Refused> = request::read(response);
        let refusal = refused.map(|refused| refused.error).unwrap_or_default();
        match (response.status, refusal.code) {
            (_, 1011) => Answer::Gone,
            (_, 1004) | (401, _) => Answer::AuthExpired(words(response)),
            (_, 2002) | (429, _) => Answer::RateLimited(retry_after(response).or_else(|| limit_ends(response))),
            (_, 1000 | 1030) | (500..=599, _) => Answer::Retry(retry_after(response)),
            (_, 0) => Answer::by_status(response),
            (_, code) => Answer::Rejected(format!("{code}: {}", refusal.message)),
        }
    }
}

/// Seconds until the limit starts anew.
fn limit_ends(response: &Response) -> Option<Duration> {
    request::header(response, "x-rate-limit-reset")?.trim().parse().ok().map(Duration::from_secs)
}

/// An identifier that comes as a text or as a number.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::deliver;
    use warbler_push_kit::testing::{self, header, host, json as body_of, response};
    use warbler_sdk::Outcome;

    use super::*;

    fn plugin() -> JPush {
        JPush::new(serde_json::from_str(r#"{"app_key": "7d43"}"#).unwrap()).unwrap()
    }

    fn answer_to(status: u16, body: &'static str) -> Result<Vec<Outcome>, Failure> {
        let (host, asked) = host(move |_| response(status, body));
        let _host = host.with_secret(SECRET, "secret").start();
        let outcomes = deliver(&plugin(), &[testing::notification("jpush", r#""160a3797c8"#)]);
        drop(asked);
        outcomes
    }

    #[test]
    fn an_icon_shows_99_at_most_and_apples_every_count() {
        let mut notification = testing::notification("jpush", "");
        notification.badge = 1_000;
        let message: Value = serde_json::from_slice(&plugin().message(&notification, "160a")).unwrap();
        assert_eq!(message["notification"]["android"]["badge_set_num"], 99);
        assert_eq!(message["notification"]["ios"]["badge"], 1_000);
    }

    #[test]
    fn a_message_goes_to_one_registration_with_key_and_secret() {
        let (host, asked) = host(|_| response(200, r#"{"sendno": "0", "msg_id": 1828256757}"#));
        let _host = host.with_secret(SECRET, "secret").start();
        let outcomes = deliver(&plugin(), &[testing::notification("jpush", r#"{"registration_id": "160a"}"#)]);
        assert_eq!(outcomes, Ok(vec![Outcome::Accepted(Some("1828256757".to_owned()))]));
        let asked = asked.borrow();
        assert_eq!(header(&asked[0], "authorization"), Some("Basic N2Q0MzpzZWNyZXQ="));
        assert_eq!(body_of(&asked[0])["audience"]["registration_id"], json!(["160a"]));
        assert_eq!(body_of(&asked[0])["options"]["time_to_live"], 3_600);
    }

    #[test]
    fn an_address_that_is_no_json_is_rejected_before_anything_is_sent() {
        let outcomes = answer_to(200, "").unwrap();
        assert!(matches!(outcomes.as_slice(), [Outcome::Rejected(why)] if why.starts_with("the address is not")));
    }
}
