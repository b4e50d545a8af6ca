//! Requests to vivo's push service, and what its answers mean. Source: public clients of others, which
//! agree with one another.

use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::{
    Answer, Token, Tokens, Vendor, address, config, encode, oauth, request, retry_after, secret, text, words,
};
use warbler_sdk::http::{self, Request, Response};
use warbler_sdk::{Failure, Notification, Timestamp, system};

/// The name of the secret with the application's secret.
const SECRET: &str = "app_secret";
/// How long a token is good, in milliseconds.
const TOKEN_LIFE_MS: u64 = 24 * 3_600_000;
/// Greatest lengths in characters: of a title, and of a text.
const MOST_TITLE: usize = 20;
const MOST_CONTENT: usize = 50;
/// The shortest and the longest time that a message can be kept, in seconds.
const TTL: std::ops::RangeInclusive<u64> = 60..=86_400;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The application's identifier.
    app_id: u64,
    /// The application's key.
    app_key: String,
    /// The category of messages that was applied for, `IM` for chat.
    #[serde(default = "chat")]
    category: String,
    /// Where requests go.
    #[serde(default = "default_base")]
    base_url: String,
}

fn chat() -> String {
    "IM".to_owned()
}

fn default_base() -> String {
    "https://api-push.vivo.com.cn".to_owned()
}

/// The plugin.
pub struct Vivo {
    config: Config,
    tokens: Tokens,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    result: i64,
    #[serde(default)]
    desc: String,
    #[serde(default)]
    auth_token: Option<String>,
    #[serde(default)]
    task_id: Option<String>,
}

impl Vivo {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        Ok(Self { config, tokens: Tokens::default() })
    }

    /// Signs in. The digest is MD5 because vivo asks for it; it protects nothing here that TLS does not.
    fn sign_in(&self, app_secret: &str, now: Timestamp) -> Result<Token, Failure> {
        let Config { app_id, app_key, base_url, .. } = &self.config;
        let sign = encode::hex(Md5::digest(format!("{app_id}{app_key}{now}{app_secret}")));
        let body = json!({"appId": app_id, "appKey": app_key, "timestamp": now, "sign": sign});
        let request = request::json(&format!("{base_url}/message/auth"), &body);
        let response = http::fetch(&request).map_err(|error| oauth::no_response(&error))?;
        let reply: Option<Reply> = request::read(&response);
        match reply {
            Some(Reply { result: 0, auth_token: Some(token), .. }) => Ok(oauth::token(token, now, Some(TOKEN_LIFE_MS))),
            Some(Reply { result: 10_040 | 10_252, .. }) => Err(Failure::Unavailable(10_000)),
            Some(Reply { result, .. }) if result != 0 => {
                Err(Failure::Misconfigured(format!("no access token can be had: {}", words(&response))))
            }
            _ if response.status == 200 => Err(Failure::Unavailable(10_000)),
            _ => Err(oauth::refused(&response)),
        }
    }
}

impl Vendor for Vivo {
    type Access = String;

    fn access(&self, renew: bool) -> Result<String, Failure> {
        let secret = secret::required(SECRET)?;
        let about = [self.config.app_key.as_str(), &secret, &self.config.base_url];
        self.tokens.get("vivo", &about, renew, |now| self.sign_in(secret.trim(), now))
    }

    fn request(&self, token: &String, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["reg_id", "token"])?;
        let seconds = notification.expires_at.saturating_sub(system::now()) / 1_000;
        let body = json!({
            "regId": device,
            // Sound and vibration, as the person set it.
            "notifyType": 4,
            "title": text::fit_chars(&notification.title, MOST_TITLE),
            "content": text::fit_chars(text::body_or_title(notification), MOST_CONTENT),
            "timeToLive": seconds.clamp(*TTL.start(), *TTL.end()),
            // A click opens the app.
            "skipType": 1,
            "clientCustomMap": {"conversation": notification.conversation, "id": notification.id},
            "requestId": notification.id,
            // A message of the system or of people, not of marketing.
            "classification": 1,
            "category": self.config.category,
        });
        let url = format!("{}/message/send", self.config.base_url);
        Ok(request::json(&url, &body).header("authToken", token))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply: Option<Reply> = request::read(response);
        let Some(reply) = reply else {
            return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
        };
        match reply.result {
            0 => Answer::Accepted(reply.task_id),
            10_302 | 10_054 => Answer::Gone,
            10_000 | 10_200 => Answer::AuthExpired(words(response)),
            10_070 | 10_073 | 10_252 => Answer::RateLimited(retry_after(response)),
            10_040 => Answer::Retry(retry_after(response)),
            code => Answer::Rejected(format!("{code}: {}", reply.desc)),
        }
    }
}
