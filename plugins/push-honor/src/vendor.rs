//! Requests to Honor's push service, and what its answers mean. Source: four public clients of others;
//! Honor's own pages were not at hand, so what it calls a dead token is the likeliest reading.

use serde::Deserialize;
use serde_json::{Value, json};
use warbler_push_kit::{Answer, Tokens, Vendor, address, config, oauth, request, retry_after, secret, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency, system};

/// The name of the secret of the client.
const SECRET: &str = "client_secret";
/// The greatest length of a message, in bytes.
const MOST_PAYLOAD: usize = 4_096;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The application's identifier, which stands in the URL.
    app_id: String,
    /// The client's identifier, which is another.
    client_id: String,
    /// Where messages go.
    #[serde(default = "default_base")]
    base_url: String,
    /// Where access tokens come from.
    #[serde(default = "default_token")]
    token_url: String,
}

fn default_base() -> String {
    "https://push-api.cloud.honor.com".to_owned()
}

fn default_token() -> String {
    "https://iam.developer.honor.com/auth/token".to_owned()
}

/// The plugin.
pub struct Honor {
    config: Config,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Reply {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    request_id: Option<String>,
    fail_tokens: Option<Vec<Value>>,
    expire_tokens: Option<Vec<Value>>,
}

impl Honor {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// A URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        config.token_url = config::base_url("token_url", &config.token_url)?;
        Ok(Self { config, tokens: Tokens::default() })
    }
}

impl Vendor for Honor {
    type Access = String;

    fn access(&self, renew: bool) -> Result<String, Failure> {
        let secret = secret::required(SECRET)?;
        let Config { client_id, token_url, .. } = &self.config;
        self.tokens.get("honor", &[client_id, &secret, token_url], renew, |now| {
            oauth::client_credentials(token_url, client_id, &secret, now)
        })
    }

    fn request(&self, token: &String, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["token"])?;
        let url = format!("{}/api/v1/{}/sendMessage", self.config.base_url, self.config.app_id);
        Ok(request::json_bytes(&url, message(notification, &device))
            .header("authorization", format!("Bearer {token}"))
            .header("timestamp", system::now().to_string()))
    }

    fn answer(&self, response: &Response) -> Answer {
        let reply: Option<Reply> = request::read(response);
        let Some(reply) = reply else {
            return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
        };
        let details = reply.data.unwrap_or_default();
        let failed = details.fail_tokens.unwrap_or_default().len() + details.expire_tokens.unwrap_or_default().len();
        match (response.status, reply.code) {
            (429, _) => Answer::RateLimited(retry_after(response)),
            (401, _) | (_, 80_200_001 | 80_200_003) => Answer::AuthExpired(words(response)),
            (500..=599, _) => Answer::Retry(retry_after(response)),
            (_, 80_300_007) => Answer::Gone,
            // One token per request: if any failed, it is this one.
            (_, 200 | 80_000_000) if failed > 0 => Answer::Gone,
            (_, 200 | 80_000_000) => Answer::Accepted(details.request_id),
            (_, code) => Answer::Rejected(format!("{code}: {}", reply.message)),
        }
    }
}

fn message(notification: &Notification, token: &str) -> Vec<u8> {
    let title = text::fit_chars(&notification.title, 40);
    let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
    let data = json!({"id": notification.id, "conversation": notification.conversation}).to_string();
    text::fit_encoded(text::body_or_title(notification), MOST_PAYLOAD, |body| {
        let message = json!({
            "token": [token],
            "data": data,
            "notification": {"title": title, "body": body},
            "android": {
                "ttl": format!("{ttl}s"),
                "targetUserType": 0,
                "notification": {
                    "title": title,
                    "body": body,
                    "importance": if notification.urgency == Urgency::Low { "LOW" } else { "NORMAL" },
                    "tag": notification.collapse_key,
                    "badge": {"setNum": notification.badge.min(text::MOST_BADGE)},
                    "clickAction": {"type": 3},
                },
            },
        });
        message.to_string().into_bytes()
    })
}
