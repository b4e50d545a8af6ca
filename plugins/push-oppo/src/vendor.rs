//! Requests to OPPO's push service, and what its answers mean. Source: copies of OPPO's documentation,
//! "OPPO PUSH 服务端 API" and its list of codes.

use serde::Deserialize;
use serde_json::{Value, json};
use warbler_push_kit::{
    Answer, Token, Tokens, Vendor, address, config, encode, oauth, request, retry_after, secret, sign, text, words,
};
use warbler_sdk::http::{self, Request, Response};
use warbler_sdk::{Failure, Notification, Timestamp, system};

/// The name of the secret with the master secret.
const SECRET: &str = "master_secret";
/// How long a token is good, in milliseconds.
const TOKEN_LIFE_MS: u64 = 24 * 3_600_000;
/// Greatest lengths in characters: of a title, and of a text.
const MOST_TITLE: usize = 50;
const MOST_CONTENT: usize = 200;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The application's key.
    app_key: String,
    /// The notification channel.
    #[serde(default)]
    channel_id: Option<String>,
    /// The category of messages that was applied for, `IM` for chat.
    #[serde(default)]
    category: Option<String>,
    /// Where requests go.
    #[serde(default = "default_base")]
    base_url: String,
}

fn default_base() -> String {
    "https://api.push.oppomobile.com".to_owned()
}

/// The plugin.
pub struct Oppo {
    config: Config,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Reply {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl Oppo {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        Ok(Self { config, tokens: Tokens::default() })
    }

    /// Signs in with the key, the time, and a digest of both and the secret.
    fn sign_in(&self, master_secret: &str, now: Timestamp) -> Result<Token, Failure> {
        let (key, time) = (&self.config.app_key, now.to_string());
        let sign = encode::hex(sign::sha256(format!("{key}{time}{master_secret}").as_bytes()));
        let url = format!("{}/server/v1/auth", self.config.base_url);
        let request = request::form(&url, &[("app_key", key), ("timestamp", &time), ("sign", &sign)]);
        let response = http::fetch(&request).map_err(|error| oauth::no_response(&error))?;
        let reply: Option<Reply> = request::read(&response);
        match reply {
            Some(Reply { code: 0, data, .. }) => {
                let token = data.get("auth_token").and_then(Value::as_str).ok_or(Failure::Unavailable(10_000))?;
                Ok(oauth::token(token.to_owned(), now, Some(TOKEN_LIFE_MS)))
            }
            Some(Reply { code: -2 | -1, .. }) => Err(Failure::Unavailable(10_000)),
            Some(_) => Err(Failure::Misconfigured(format!("no access token can be had: {}", words(&response)))),
            None if response.status == 200 => Err(Failure::Unavailable(10_000)),
            None => Err(oauth::refused(&response)),
        }
    }
}

impl Vendor for Oppo {
    type Access = String;

    fn access(&self, renew: bool) -> Result<String, Failure> {
        let secret = secret::required(SECRET)?;
        let about = [self.config.app_key.as_str(), &secret, &self.config.base_url];
        self.tokens.get("oppo", &about, renew, |now| self.sign_in(secret.trim(), now))
    }

    fn request(&self, token: &String, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["registration_id", "token"])?;
        let seconds = notification.expires_at.saturating_sub(system::now()) / 1_000;
        let mut shown = json!({
            // The caller's own number for the message: the same one again is not sent again.
            "app_message_id": notification.id,
            "title": text::fit_chars(&notification.title, MOST_TITLE),
            "content": text::fit_chars(text::body_or_title(notification), MOST_CONTENT),
            "click_action_type": 0,
            "action_parameters": json!({"conversation": notification.conversation}).to_string(),
            "off_line": true,
            "off_line_ttl": seconds,
        });
        let chosen = [("channel_id", &self.config.channel_id), ("category", &self.config.category)];
        for (name, value) in chosen {
            if let (Some(value), Some(shown)) = (value, shown.as_object_mut()) {
                shown.insert(name.to_owned(), value.as_str().into());
            }
        }
        let message = json!({"target_type": 2, "target_value": device, "notification": shown}).to_string();
        let url = format!("{}/server/v1/message/notification/unicast", self.config.base_url);
        Ok(request::form(&url, &[("auth_token", token), ("message", &message)]))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply: Option<Reply> = request::read(response);
        let Some(reply) = reply else {
            return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
        };
        match reply.code {
            0 => Answer::Accepted(reply.data.get("messageId").and_then(Value::as_str).map(ToOwned::to_owned)),
            10000 => Answer::Gone,
            11 | 29 => Answer::AuthExpired(words(response)),
            -2 | 13 | 33 | 55 => Answer::RateLimited(retry_after(response)),
            -1 => Answer::Retry(retry_after(response)),
            code => Answer::Rejected(format!("{code}: {}", reply.message)),
        }
    }
}
