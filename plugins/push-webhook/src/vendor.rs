//! Requests as Standard Webhooks has them (github.com/standard-webhooks/standard-webhooks, version 1):
//! an identifier, a time, and a signature over both and the body.

use serde::Deserialize;
use serde_json::{Value, json};
use warbler_push_kit::{Answer, Vendor, address, config, date, encode, request, secret, sign};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency, system};

/// The name of the secret that receiver and plugin share: `whsec_` and base64.
const SECRET: &str = "signing_key";
/// What a written secret begins with.
const PREFIX: &str = "whsec_";
/// A key shorter than this, in bytes, can be guessed (the specification asks for 24 to 64).
const LEAST_KEY: usize = 24;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where notifications go, unless an address names its own `url`.
    #[serde(default)]
    url: Option<String>,
}

/// The plugin.
pub struct Webhook {
    config: Config,
}

impl Webhook {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(config: Config) -> Result<Self, String> {
        if let Some(url) = config.url.as_deref().filter(|url| config::origin(url).is_none()) {
            return Err(format!("url {url:?} is not a URL like https://hooks.example.com/warbler"));
        }
        Ok(Self { config })
    }

    /// Where a notification goes. Only granted hosts are reached, whatever an address names.
    fn url(&self, address: &Value) -> Result<String, Answer> {
        let own = address.get("url").and_then(Value::as_str);
        let url = own.or(self.config.url.as_deref());
        let url = url.ok_or_else(|| address::wrong("an object with `url`, and the configuration has none either"))?;
        config::origin(url).ok_or_else(|| address::wrong("an object with a URL as its `url`"))?;
        Ok(url.to_owned())
    }
}

impl Vendor for Webhook {
    /// The key's bytes.
    type Access = Vec<u8>;

    fn access(&self, _renew: bool) -> Result<Vec<u8>, Failure> {
        let written = secret::required(SECRET)?;
        let written = written.trim();
        let key = encode::from_base64(written.strip_prefix(PREFIX).unwrap_or(written));
        key.filter(|key| key.len() >= LEAST_KEY).ok_or_else(|| {
            let shape = format!("{PREFIX} and at least {LEAST_KEY} bytes in base64");
            Failure::Misconfigured(format!("the secret {SECRET:?} is not {shape}"))
        })
    }

    fn request(&self, key: &Vec<u8>, notification: &Notification) -> Result<Request, Answer> {
        let address: Value =
            serde_json::from_str(&notification.endpoint.address).map_err(|_| address::wrong("JSON"))?;
        let url = self.url(&address)?;
        let now = system::now();
        let body = body(notification, &address, now).to_string();
        let seconds = (now / 1_000).to_string();
        let signed = format!("{}.{seconds}.{body}", notification.id);
        let signature = encode::base64(sign::hmac_sha256(key, signed.as_bytes()));
        Ok(request::json_bytes(&url, body.into_bytes())
            .header("webhook-id", &notification.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", format!("v1,{signature}")))
    }

    fn answer(&self, response: &Response) -> Answer {
        match response.status {
            // A wrong path is more likely than a receiver that is gone for good: that one says 410.
            404 => Answer::Retry(None),
            // There is no other access to be had than the signature.
            401 => Answer::Rejected(warbler_push_kit::words(response)),
            _ => Answer::by_status(response),
        }
    }
}

fn body(notification: &Notification, address: &Value, now: u64) -> Value {
    json!({
        "type": "notification",
        "timestamp": date::Civil::from_timestamp(now).rfc3339(),
        "data": {
            "id": notification.id,
            "endpoint": notification.endpoint.id,
            "address": address,
            "locale": notification.endpoint.locale,
            "title": notification.title,
            "body": notification.body,
            "conversation": notification.conversation,
            "collapse_key": notification.collapse_key,
            "badge": notification.badge,
            "urgency": match notification.urgency {
                Urgency::Low => "low",
                Urgency::Normal => "normal",
                Urgency::High => "high",
            },
            "expires_at": date::Civil::from_timestamp(notification.expires_at).rfc3339(),
            "secret": notification.secret,
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::deliver;
    use warbler_push_kit::testing::{self, header, host, response};
    use warbler_sdk::Outcome;

    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specifications_example() {
        // The example of the specification's reference libraries.
        let key = encode::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signature = encode::base64(sign::hmac_sha256(&key, signed));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_request_is_signed_and_its_receiver_may_be_gone() {
        let (host, asked) = host(|_| response(410, ""));
        let _host = host.with_secret(SECRET, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").start();
        let plugin = Webhook::new(serde_json::from_str(r#"{"url": "https://hooks.example.com/a"}"#).unwrap()).unwrap();
        let outcomes = deliver(&plugin, &[testing::notification("webhook", r#"{"user": 7}"#)]);
        assert_eq!(outcomes, Ok(vec![Outcome::Gone]));
        let asked = asked.borrow();
        assert_eq!(asked[0].url, "https://hooks.example.com/a");
        assert_eq!(testing::json(&asked[0])["data"]["address"]["user"], 7);
        assert!(header(&asked[0], "webhook-signature").unwrap().starts_with("v1,"));
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        let (host, _) = host(|_| response(200, ""));
        let _host = host.with_secret(SECRET, "whsec_c2hvcnQ=").start();
        let plugin = Webhook::new(serde_json::from_str("{}").unwrap()).unwrap();
        let failure = deliver(&plugin, &[testing::notification("webhook", r#"{"url": "https://a.example"}"#)]);
        assert!(matches!(failure, Err(Failure::Misconfigured(why)) if why.contains("24 bytes")));
    }
}
