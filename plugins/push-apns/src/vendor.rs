//! Requests to APNs, and what its answers mean. Source: Apple, "Sending notification requests to APNs"
//! and "Handling notification responses from APNs".

use serde::Deserialize;
use serde_json::{Value, json};
use warbler_push_kit::jwt::EcKey;
use warbler_push_kit::{
    Answer, Token, Tokens, Vendor, address, config, encode, request, retry_after, secret, sign, text,
};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency};

/// The name of the secret with the signing key, the file `AuthKey_….p8`.
const SECRET: &str = "key";
/// Apple refuses tokens older than an hour, and new ones within 20 minutes; in milliseconds.
const TOKEN_LIFE_MS: u64 = 50 * 60_000;
/// The greatest length of a payload, in bytes.
const MOST_PAYLOAD: usize = 4_096;
/// The greatest length of `apns-collapse-id`, in bytes.
const MOST_COLLAPSE_ID: usize = 64;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ten characters of the team.
    team_id: String,
    /// The ten characters of the key.
    key_id: String,
    /// The app's bundle identifier, for addresses that do not name one.
    topic: String,
    /// Where requests go.
    #[serde(default = "production")]
    base_url: String,
    /// Where requests for development builds go.
    #[serde(default = "sandbox")]
    sandbox_url: String,
    /// The sound.
    #[serde(default = "default_sound")]
    sound: String,
}

fn production() -> String {
    "https://api.push.apple.com".to_owned()
}

fn sandbox() -> String {
    "https://api.sandbox.push.apple.com".to_owned()
}

fn default_sound() -> String {
    "default".to_owned()
}

/// The plugin.
pub struct Apns {
    config: Config,
    tokens: Tokens,
}

/// What Apple says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

impl Apns {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// A URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        config.sandbox_url = config::base_url("sandbox_url", &config.sandbox_url)?;
        Ok(Self { config, tokens: Tokens::default() })
    }
}

impl Vendor for Apns {
    type Access = String;

    fn access(&self, renew: bool) -> Result<String, Failure> {
        let Config { team_id, key_id, .. } = &self.config;
        let pem = secret::required(SECRET)?;
        self.tokens.get("apns", &[team_id, key_id, &pem], renew, |now| {
            let key = EcKey::from_pem(&pem);
            let key = key.map_err(|why| Failure::Misconfigured(format!("the secret {SECRET:?} {why}")))?;
            let value = key.token(Some(key_id), &json!({"iss": team_id, "iat": now / 1_000}));
            Ok(Token { value, made_at: now, good_until: now + TOKEN_LIFE_MS })
        })
    }

    fn request(&self, token: &String, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["token"])?;
        if !device.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(address::wrong("a device token of hexadecimal digits"));
        }
        let details: Details = serde_json::from_str(&notification.endpoint.address).unwrap_or_default();
        let host = if details.sandbox { &self.config.sandbox_url } else { &self.config.base_url };
        let mut request = Request::new("POST", format!("{host}/3/device/{device}"))
            .header("authorization", format!("bearer {token}"))
            .header("apns-topic", details.topic.as_deref().unwrap_or(&self.config.topic))
            .header("apns-push-type", "alert")
            .header("apns-priority", if notification.urgency == Urgency::Low { "5" } else { "10" })
            .header("apns-expiration", (notification.expires_at / 1_000).to_string())
            .header("content-type", "application/json")
            .body(self.payload(notification));
        if is_uuid(&notification.id) {
            request = request.header("apns-id", &notification.id);
        }
        if let Some(key) = &notification.collapse_key {
            request = request.header("apns-collapse-id", collapse_id(key));
        }
        Ok(request)
    }

    fn answer(&self, response: &Response) -> Answer {
        if response.status == 200 {
            return Answer::Accepted(request::header(response, "apns-id").map(ToOwned::to_owned));
        }
        let refusal: Option<Refusal> = request::read(response);
        let reason = refusal.map(|refusal| refusal.reason).unwrap_or_default();
        match (response.status, reason.as_str()) {
            (410, _) | (400, "BadDeviceToken") => Answer::Gone,
            (403, "ExpiredProviderToken" | "InvalidProviderToken" | "MissingProviderToken") => {
                Answer::AuthExpired(reason)
            }
            (429, _) => Answer::RateLimited(retry_after(response)),
            (500..=599, _) => Answer::Retry(retry_after(response)),
            (_, "") => Answer::by_status(response),
            // The token is of another app than the topic: forgetting it would hide a wrong configuration.
            (status, _) => Answer::Rejected(format!("HTTP {status}: {reason}")),
        }
    }
}

/// What an address may say beside the token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    topic: Option<String>,
    sandbox: bool,
}

impl Apns {
    fn payload(&self, notification: &Notification) -> Vec<u8> {
        let title = text::fit(&notification.title, 512);
        text::fit_encoded(&notification.body, MOST_PAYLOAD, |body| {
            let mut alert = json!({"title": title});
            if let (false, Some(alert)) = (body.is_empty(), alert.as_object_mut()) {
                alert.insert("body".to_owned(), body.into());
            }
            let mut aps = json!({"alert": alert, "badge": notification.badge, "thread-id": notification.conversation});
            if let (false, Some(aps)) = (self.config.sound.is_empty(), aps.as_object_mut()) {
                aps.insert("sound".to_owned(), Value::from(self.config.sound.as_str()));
            }
            let payload = json!({"aps": aps, "conversation": notification.conversation, "id": notification.id});
            payload.to_string().into_bytes()
        })
    }
}

fn collapse_id(key: &str) -> String {
    if key.len() <= MOST_COLLAPSE_ID && key.is_ascii() {
        return key.to_owned();
    }
    encode::base64_url(sign::sha256(key.as_bytes()))
}

/// Whether `text` is a UUID as Apple wants it: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::deliver;
    use warbler_push_kit::testing::{self, header, host, json, response};
    use warbler_sdk::Outcome;

    use super::*;

    const KEY: &str = include_str!("../../push-kit/tests/keys/ec.pem");

    fn plugin() -> Apns {
        let config = json!({"team_id": "TEAM123456", "key_id": "ABC1234567", "topic": "com.example.chat"});
        Apns::new(serde_json::from_value(config).unwrap()).unwrap()
    }

    fn answer_to(status: u16, body: &'static str) -> Result<Vec<Outcome>, Failure> {
        let (host, _) = host(move |_| response(status, body));
        let _host = host.with_secret("key", KEY).start();
        deliver(&plugin(), &[testing::notification("apns", r#"{"token": "00fc13adff"}"#)])
    }

    #[test]
    fn a_request_names_device_topic_and_expiry() {
        let (host, asked) = host(|_| response(200, ""));
        let _host = host.with_secret("key", KEY).start();
        let address = r#"{"token": "00fc13adff", "sandbox": true}"#;
        deliver(&plugin(), &[testing::notification("apns", address)]).unwrap();
        let asked = asked.borrow();
        let request = asked.first().unwrap();
        assert_eq!(request.url, "https://api.sandbox.push.apple.com/3/device/00fc13adff");
        assert_eq!(header(request, "apns-topic"), Some("com.example.chat"));
        assert_eq!(header(request, "apns-expiration"), Some("1795338000"));
        assert_eq!(header(request, "apns-id"), Some("01890a5d-ac96-774b-bcce-b302099a8057"));
        let body = json(request);
        assert_eq!(body["aps"]["alert"]["body"], "你好，世界 🎉");
        assert_eq!(body["aps"]["badge"], 3);
    }

    #[test]
    fn a_dead_token_is_gone_and_a_foreign_one_is_kept() {
        assert_eq!(answer_to(410, r#"{"reason": "Unregistered", "timestamp": 1}"#), Ok(vec![Outcome::Gone]));
        assert_eq!(answer_to(400, r#"{"reason": "BadDeviceToken"}"#), Ok(vec![Outcome::Gone]));
        let foreign = answer_to(400, r#"{"reason": "DeviceTokenNotForTopic"}"#);
        assert_eq!(foreign, Ok(vec![Outcome::Rejected("HTTP 400: DeviceTokenNotForTopic".to_owned())]));
    }

    #[test]
    fn a_key_that_apple_refuses_waits_for_a_person() {
        let refused = answer_to(403, r#"{"reason": "InvalidProviderToken"}"#);
        assert!(matches!(refused, Err(Failure::Misconfigured(why)) if why.contains("InvalidProviderToken")));
    }

    #[test]
    fn a_payload_keeps_to_apples_limit() {
        let mut notification = testing::notification("apns", "");
        notification.body = "\"引\"".repeat(3_000);
        assert!(plugin().payload(&notification).len() <= MOST_PAYLOAD);
    }
}
