//! Requests to Xiaomi's push service, and what its answers mean. Source: dev.mi.com, "服务端 API" and
//! "错误码" (October 2024).

use serde::Deserialize;
use serde_json::{Value, json};
use warbler_push_kit::{Answer, Vendor, address, config, request, retry_after, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, system};

/// Greatest lengths in characters: a title, a description, and a payload in bytes.
const MOST_TITLE: usize = 50;
const MOST_DESCRIPTION: usize = 128;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Android package of the app.
    package: String,
    /// The notification channel that was applied for; without one, messages count as marketing.
    #[serde(default)]
    channel_id: Option<String>,
    /// Where requests go.
    #[serde(default = "default_base")]
    base_url: String,
}

fn default_base() -> String {
    "https://api.xmpush.xiaomi.com".to_owned()
}

/// The plugin.
pub struct Xiaomi {
    config: Config,
}

#[derive(Deserialize)]
struct Reply {
    code: i64,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    description: String,
    #[serde(default)]
    reason: String,
}

impl Xiaomi {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        Ok(Self { config })
    }
}

impl Vendor for Xiaomi {
    type Access = ();

    fn access(&self, _renew: bool) -> Result<(), Failure> {
        Ok(())
    }

    fn request(&self, (): &(), notification: &Notification) -> Result<Request, Answer> {
        let token = address::token(&notification.endpoint.address, &["registration_id", "token"])?;
        let title = text::fit_chars(&notification.title, MOST_TITLE);
        let description = text::fit_chars(text::body_or_title(notification), MOST_DESCRIPTION);
        let payload = json!({"id": notification.id, "conversation": notification.conversation}).to_string();
        let ttl = notification.expires_at.saturating_sub(system::now()).to_string();
        let notify_id = notify_id(notification.collapse_key.as_deref().unwrap_or(&notification.id)).to_string();
        let mut fields = vec![
            ("registration_id", token.as_str()),
            ("restricted_package_name", &self.config.package),
            ("title", &title),
            ("description", &description),
            ("payload", &payload),
            // Shown by the system, not handed to the app.
            ("pass_through", "0"),
            ("notify_type", "-1"),
            // Messages with the same number replace one another on the device.
            ("notify_id", &notify_id),
            ("time_to_live", &ttl),
            ("extra.notify_effect", "1"),
        ];
        if let Some(channel) = &self.config.channel_id {
            fields.push(("extra.channel_id", channel));
        }
        let request = request::form(&format!("{}/v3/message/regid", self.config.base_url), &fields);
        Ok(request.header("authorization", "key={{secret:app_secret}}"))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply: Option<Reply> = request::read(response);
        let Some(reply) = reply else {
            return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
        };
        match reply.code {
            // One registration per request: if any is bad, it is this one.
            0 if reply.data.get("bad_regids").and_then(Value::as_str).is_some_and(|bad| !bad.is_empty()) => {
                Answer::Gone
            }
            0 => Answer::Accepted(reply.data.get("id").and_then(Value::as_str).map(ToOwned::to_owned)),
            10029 | 20301 => Answer::Gone,
            21301 | 21302 => Answer::AuthExpired(words(response)),
            10027 | 10034 | 200_001 => Answer::RateLimited(retry_after(response)),
            10001 | 10002 | 10011 => Answer::Retry(retry_after(response)),
            code => {
                let words = if reply.reason.is_empty() { reply.description } else { reply.reason };
                Answer::Rejected(format!("{code}: {words}"))
            }
        }
    }
}

/// A number for a key, the same every time (FNV-1a), and positive, as Android wants it.
fn notify_id(key: &str) -> u32 {
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::deliver;
    use warbler_push_kit::testing::{self, header, host, response};
    use warbler_sdk::Outcome;

    use super::*;

    #[test]
    fn a_message_is_a_form_and_the_secret_stays_with_the_host() {
        let (host, asked) = host(|_| response(200, r#"{"result": "ok", "code": 0, "data": {"id": "sdm1"}}"#));
        let _host = host.start();
        let plugin = Xiaomi::new(serde_json::from_str(r#"{"package": "com.example.chat"}"#).unwrap()).unwrap();
        let outcomes = deliver(&plugin, &[testing::notification("xiaomi", r#""abc=""#)]);
        assert_eq!(outcomes, Ok(vec![Outcome::Accepted(Some("sdm1".to_owned()))]));
        let asked = asked.borrow();
        assert_eq!(header(&asked[0], "authorization"), Some("key={{secret:app_secret}}"));
        let body = String::from_utf8(asked[0].body.clone()).unwrap();
        assert!(body.starts_with("registration_id=abc%3D&") && body.contains("&description=%E4%BD%A0"), "{body}");
        assert!(body.contains("&time_to_live=3600000&"), "{body}");
    }
}
