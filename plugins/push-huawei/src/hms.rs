//! Messages to Android devices with HMS. Source: Huawei, "Push Kit: sending messages, HTTPS v1".

use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::{Answer, Tokens, Vendor, address, oauth, request, secret, text};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency, system};

use crate::reply;

/// The name of the secret of the app.
const SECRET: &str = "app_secret";
/// The greatest length of a message without its token, in bytes.
const MOST_PAYLOAD: usize = 4_096;

/// What an admin sets for HMS.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HmsConfig {
    /// The app's identifier, which is also the client's.
    app_id: String,
    /// The category of messages that was applied for, `IM` for chat.
    category: Option<String>,
    /// The class that shows the badge: the app's start activity.
    badge_class: Option<String>,
}

/// HMS.
pub struct Hms {
    config: HmsConfig,
    base_url: String,
    token_url: String,
    tokens: Tokens,
}

impl Hms {
    /// HMS at `base_url`, with access tokens from `token_url`.
    #[must_use]
    pub fn new(config: HmsConfig, base_url: String, token_url: String) -> Self {
        Self { config, base_url, token_url, tokens: Tokens::default() }
    }

    fn message(&self, notification: &Notification, token: &str) -> Vec<u8> {
        let title = text::fit_chars(&notification.title, 40);
        let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
        let data = json!({"id": notification.id, "conversation": notification.conversation}).to_string();
        let urgent = notification.urgency != Urgency::Low;
        text::fit_encoded(text::body_or_title(notification), MOST_PAYLOAD + token.len(), |body| {
            let badge = self.config.badge_class.as_ref();
            let shown = notification.badge.min(text::MOST_BADGE);
            let badge = badge.map(|class| json!({"set_num": shown, "class": class}));
            let message = json!({
                "validate_only": false,
                "message": {
                    "token": [token],
                    "data": data,
                    "notification": {"title": title, "body": body},
                    "android": {
                        "urgency": if urgent { "HIGH" } else { "NORMAL" },
                        "category": self.config.category,
                        "ttl": format!("{ttl}s"),
                        "notification": {
                            "title": title,
                            "body": body,
                            "tag": notification.collapse_key,
                            "badge": badge,
                            // A click opens the app.
                            "click_action": {"type": 3},
                        },
                    },
                },
            });
            without_nulls(message).to_string().into_bytes()
        })
    }
}

/// Huawei refuses fields that are null.
pub(crate) fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        if let Some(object) = value.as_object_mut() {
            object.retain(|_, field| !field.is_null());
            object.values_mut().for_each(strip);
        }
    }
    strip(&mut value);
    value
}

impl Vendor for Hms {
    type Access = String;

    fn access(&self, renew: bool) -> Result<String, Failure> {
        let (app_id, token_url) = (&self.config.app_id, &self.token_url);
        if app_id.is_empty() {
            return Err(Failure::Misconfigured("hms.app_id is not set".to_owned()));
        }
        let secret = secret::required(SECRET)?;
        self.tokens.get("hms", &[app_id, &secret, token_url], renew, |now| {
            oauth::client_credentials(token_url, app_id, secret.trim(), now)
        })
    }

    fn request(&self, token: &String, notification: &Notification) -> Result<Request, Answer> {
        let device = address::token(&notification.endpoint.address, &["token"])?;
        let url = format!("{}/v1/{}/messages:send", self.base_url, self.config.app_id);
        let request = request::json_bytes(&url, self.message(notification, &device));
        Ok(request.header("authorization", format!("Bearer {token}")))
    }

    fn answer(&self, response: &Response) -> Answer {
        reply::answer(response)
    }
}
