//! Messages to `HarmonyOS` devices. Source: Huawei, "Push Kit (`HarmonyOS`): REST API v3" and "service account
//! authentication". That the token is signed with PS256 is from memory.

use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::jwt::{RsaAlgorithm, RsaKey};
use warbler_push_kit::{Answer, Token, Tokens, Vendor, address, request, secret, sign, text};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, system};

use crate::hms::without_nulls;
use crate::reply;

/// The name of the secret with the service account's key file.
const SECRET: &str = "service_account";
/// Who the token is for.
const AUDIENCE: &str = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
/// How long a token is good, in milliseconds: an hour at most.
const TOKEN_LIFE_MS: u64 = 3_600_000;
/// The greatest length of a message without its token, in bytes.
const MOST_PAYLOAD: usize = 4_096;

/// What an admin sets for `HarmonyOS`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HarmonyConfig {
    /// The project; by default that of the service account.
    project_id: Option<String>,
    /// The category of messages that was applied for, `IM` for chat.
    category: Option<String>,
}

/// `HarmonyOS`.
pub struct Harmony {
    config: HarmonyConfig,
    base_url: String,
    tokens: Tokens,
}

/// What is used of a service account's key file.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    key_id: String,
    private_key: String,
    sub_account: String,
}

/// What a batch needs.
pub struct Access {
    url: String,
    token: String,
}

impl Harmony {
    /// `HarmonyOS` at `base_url`.
    #[must_use]
    pub fn new(config: HarmonyConfig, base_url: String) -> Self {
        Self { config, base_url, tokens: Tokens::default() }
    }

    fn message(&self, notification: &Notification, token: &str) -> Vec<u8> {
        let title = text::fit_chars(&notification.title, 40);
        let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
        text::fit_encoded(text::body_or_title(notification), MOST_PAYLOAD + token.len(), |body| {
            let message = json!({
                "payload": {"notification": {
                    "category": self.config.category.as_deref().unwrap_or("IM"),
                    "title": title,
                    "body": body,
                    "clickAction": {"actionType": 0, "data": {"conversation": notification.conversation}},
                    "badge": {"setNum": notification.badge.min(text::MOST_BADGE)},
                    "notifyId": notification.collapse_key.as_deref().map(notify_id),
                }},
                "target": {"token": [token]},
                "pushOptions": {"ttl": ttl},
            });
            without_nulls(message).to_string().into_bytes()
        })
    }
}

/// A number for a key, the same every time, and positive.
fn notify_id(key: &str) -> u32 {
    let [first, second, third, fourth, ..] = sign::sha256(key.as_bytes());
    u32::from_be_bytes([first, second, third, fourth]) & 0x7fff_ffff
}

impl Vendor for Harmony {
    type Access = Access;

    fn access(&self, renew: bool) -> Result<Access, Failure> {
        let (written, account): (String, ServiceAccount) = secret::service_account(SECRET)?;
        let token = self.tokens.get("harmony", &[&written], renew, |now| {
            let wrong = |why: String| Failure::Misconfigured(format!("the private_key in the secret {SECRET:?} {why}"));
            let key = RsaKey::from_pem(&account.private_key).map_err(wrong)?;
            let (begins, ends) = (now / 1_000, (now + TOKEN_LIFE_MS) / 1_000);
            let claims = json!({"iss": account.sub_account, "aud": AUDIENCE, "iat": begins, "exp": ends});
            let value = key.token(RsaAlgorithm::Ps256, Some(&account.key_id), &claims).map_err(wrong)?;
            Ok(Token { value, made_at: now, good_until: now + TOKEN_LIFE_MS - 300_000 })
        })?;
        let project = self.config.project_id.as_deref().unwrap_or(&account.project_id);
        Ok(Access { url: format!("{}/v3/{project}/messages:send", self.base_url), token })
    }

    fn request(&self, access: &Access, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["token"])?;
        let request = request::json_bytes(&access.url, self.message(notification, &device));
        // Type 0 is a notification that is shown.
        Ok(request.header("authorization", format!("Bearer {}", access.token)).header("push-type", "0"))
    }

    fn answer(&self, response: &Response) -> Answer {
        reply::answer(response)
    }
}
