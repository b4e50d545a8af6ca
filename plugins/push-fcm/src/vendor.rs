//! Requests to FCM, and what its answers mean. Source: Firebase, "Send a message using FCM HTTP v1 API"
//! and "FCM error codes"; Google, "Using OAuth 2.0 for server to server applications".

use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::jwt::{RsaAlgorithm, RsaKey};
use warbler_push_kit::{Answer, Tokens, Vendor, address, config, oauth, request, retry_after, secret, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency, system};

/// The name of the secret with the service account's key file.
const SECRET: &str = "service_account";
/// What the access token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Google's token endpoint, and the audience that its libraries always sign.
const GOOGLE: &str = "https://oauth2.googleapis.com/token";
/// The greatest length of a message's data and texts, in bytes, with room for what the message adds.
const MOST_PAYLOAD: usize = 4_000;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The project; by default that of the service account.
    #[serde(default)]
    project_id: Option<String>,
    /// Where messages go.
    #[serde(default = "default_base")]
    base_url: String,
    /// Where access tokens come from; by default what the key file says.
    #[serde(default)]
    token_url: Option<String>,
}

fn default_base() -> String {
    "https://fcm.googleapis.com".to_owned()
}

/// The plugin.
pub struct Fcm {
    config: Config,
    tokens: Tokens,
}

/// What is used of a service account's key file.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    private_key_id: Option<String>,
    private_key: String,
    client_email: String,
    token_uri: Option<String>,
}

/// What a batch needs.
pub struct Access {
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    status: String,
    message: String,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(rename = "errorCode")]
    error_code: String,
}

impl Refusal {
    /// FCM's own code, else the general one.
    fn code(&self) -> &str {
        let own = self.details.iter().map(|detail| detail.error_code.as_str());
        own.into_iter().find(|code| !code.is_empty()).unwrap_or(&self.status)
    }
}

impl Fcm {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// A URL is none.
    pub fn new(mut config: Config) -> Result<Self, String> {
        config.base_url = config::base_url("base_url", &config.base_url)?;
        config.token_url = config.token_url.map(|url| config::base_url("token_url", &url)).transpose()?;
        Ok(Self { config, tokens: Tokens::default() })
    }
}

impl Vendor for Fcm {
    type Access = Access;

    fn access(&self, renew: bool) -> Result<Access, Failure> {
        let (written, account): (String, ServiceAccount) = secret::service_account(SECRET)?;
        let url = self.config.token_url.as_deref().or(account.token_uri.as_deref()).unwrap_or(GOOGLE);
        let token = self.tokens.get("fcm", &[&written, url], renew, |now| {
            oauth::jwt_bearer(url, &assertion(&account, now / 1_000)?, now)
        })?;
        let project = self.config.project_id.as_deref().unwrap_or(&account.project_id);
        Ok(Access { url: format!("{}/v1/projects/{project}/messages:send", self.config.base_url), token })
    }

    fn request(&self, access: &Access, notification: &Notification) -> Result<Request, Answer> {
        let token = address::token(&notification.endpoint.address, &["token"])?;
        let message = message(notification, &token);
        Ok(request::json_bytes(&access.url, message).header("authorization", format!("Bearer {}", access.token)))
    }

    fn answer(&self, response: &Response) -> Answer {
        if response.status == 200 {
            let sent: Option<Sent> = request::read(response);
            return sent.map_or_else(|| Answer::malformed(response), |sent| Answer::Accepted(Some(sent.name)));
        }
        let refused: Option<Refused> = request::read(response);
        let refusal = refused.map(|refused| refused.error).unwrap_or_default();
        match (response.status, refusal.code()) {
            (_, "UNREGISTERED") => Answer::Gone,
            (_, "QUOTA_EXCEEDED") | (429, _) => Answer::RateLimited(retry_after(response)),
            (_, "THIRD_PARTY_AUTH_ERROR" | "SENDER_ID_MISMATCH") => rejected(&refusal),
            (401, _) => Answer::AuthExpired(words(response)),
            (500..=599, _) => Answer::Retry(retry_after(response)),
            // A 404 without the code is about the project: a wrong configuration, not a dead token.
            (400..=499, _) if !refusal.message.is_empty() => rejected(&refusal),
            _ => Answer::Rejected(words(response)),
        }
    }
}

fn rejected(refusal: &Refusal) -> Answer {
    Answer::Rejected(format!("{}: {}", refusal.code(), refusal.message))
}

/// The signed claim to be the service account (RFC 7523).
fn assertion(account: &ServiceAccount, now: u64) -> Result<String, Failure> {
    let wrong = |why: String| Failure::Misconfigured(format!("the private_key in the secret {SECRET:?} {why}"));
    let key = RsaKey::from_pem(&account.private_key).map_err(wrong)?;
    let audience = account.token_uri.as_deref().unwrap_or(GOOGLE);
    let claims = json!({"iss": account.client_email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3_600});
    key.token(RsaAlgorithm::Rs256, account.private_key_id.as_deref(), &claims).map_err(wrong)
}

fn message(notification: &Notification, token: &str) -> Vec<u8> {
    let title = text::fit(&notification.title, 512);
    let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
    let urgent = notification.urgency != Urgency::Low;
    text::fit_encoded(&notification.body, MOST_PAYLOAD + token.len(), |body| {
        let message = json!({"message": {
            "token": token,
            "notification": {"title": title, "body": body},
            "data": {
                "id": notification.id,
                "conversation": notification.conversation,
                "badge": notification.badge.to_string(),
            },
            "android": {
                "priority": if urgent { "HIGH" } else { "NORMAL" },
                "ttl": format!("{ttl}s"),
                "collapse_key": notification.collapse_key,
                "notification": {"tag": notification.collapse_key, "notification_count": notification.badge},
            },
            "apns": {
                "headers": {
                    "apns-priority": if urgent { "10" } else { "5" },
                    "apns-expiration": (notification.expires_at / 1_000).to_string(),
                },
                "payload": {"aps": {"badge": notification.badge, "thread-id": notification.conversation}},
            },
        }});
        message.to_string().into_bytes()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::deliver;
    use warbler_push_kit::testing::{self, header, host, json, response};
    use warbler_sdk::Outcome;

    use super::*;

    const KEY: &str = include_str!("../../push-kit/tests/keys/rsa.pem");

    fn account() -> String {
        let email = "push@chat.iam.gserviceaccount.com";
        json!({"project_id": "chat", "private_key_id": "k1", "private_key": KEY, "client_email": email}).to_string()
    }

    fn plugin() -> Fcm {
        Fcm::new(serde_json::from_str("{}").unwrap()).unwrap()
    }

    fn answer_to(status: u16, body: &'static str) -> Result<Vec<Outcome>, Failure> {
        let (host, _) = host(move |request| match request.url.as_str() {
            GOOGLE => response(200, r#"{"access_token": "ya29.a", "expires_in": 3599}"#),
            _ => response(status, body),
        });
        let _host = host.with_secret(SECRET, &account()).start();
        deliver(&plugin(), &[testing::notification("fcm", r#"{"token": "abc:DEF"}"#)])
    }

    #[test]
    fn a_message_goes_to_the_project_with_a_token_asked_for_once() {
        let (host, asked) = host(|request| match request.url.as_str() {
            GOOGLE => response(200, r#"{"access_token": "ya29.a", "expires_in": 3599}"#),
            _ => response(200, r#"{"name": "projects/chat/messages/1"}"#),
        });
        let _host = host.with_secret(SECRET, &account()).start();
        let notification = testing::notification("fcm", r#"{"token": "abc:DEF"}"#);
        let plugin = plugin();
        for _ in 0..2 {
            let outcomes = deliver(&plugin, std::slice::from_ref(&notification));
            assert_eq!(outcomes, Ok(vec![Outcome::Accepted(Some("projects/chat/messages/1".to_owned()))]));
        }
        let asked = asked.borrow();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[1].url, "https://fcm.googleapis.com/v1/projects/chat/messages:send");
        assert_eq!(header(&asked[1], "authorization"), Some("Bearer ya29.a"));
        assert_eq!(json(&asked[1])["message"]["notification"]["body"], "你好，世界 🎉");
    }

    #[test]
    fn only_an_unregistered_token_is_gone() {
        let gone = r#"{"error": {"status": "NOT_FOUND", "message": "no", "details": [{"@type": "x", "errorCode": "UNREGISTERED"}]}}"#;
        assert_eq!(answer_to(404, gone), Ok(vec![Outcome::Gone]));
        let project = r#"{"error": {"status": "NOT_FOUND", "message": "Requested entity was not found."}}"#;
        let words = "NOT_FOUND: Requested entity was not found.".to_owned();
        assert_eq!(answer_to(404, project), Ok(vec![Outcome::Rejected(words)]));
        assert_eq!(answer_to(200, "<html>"), Ok(vec![Outcome::Retry(10_000)]));
    }

    #[test]
    fn a_key_file_that_is_none_is_not_repeated() {
        let (host, _) = host(|_| response(200, ""));
        let _host = host.with_secret(SECRET, r#"{"private_key": "hunter2""#).start();
        let failure = deliver(&plugin(), &[testing::notification("fcm", r#""abc""#)]).unwrap_err();
        assert!(matches!(&failure, Failure::Misconfigured(why) if !why.contains("hunter2")));
    }
}
