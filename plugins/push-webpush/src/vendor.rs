//! Requests to push services (RFC 8030), and what their answers mean.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;
use warbler_push_kit::random::HostRandom;
use warbler_push_kit::{Answer, Tokens, Vendor, config, encode, request, retry_after, sign, text, words};
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Notification, Urgency, system};

use crate::vapid::Vapid;
use crate::{MOST_PLAINTEXT, Subscription, encrypt};

/// The randomness of one batch: a key and a salt for each of its 100 notifications, in bytes.
const RANDOM: usize = 100 * (32 + 16);
/// The longest time that a push service is asked to keep a message, in seconds: four weeks, as the large
/// ones allow.
const MOST_TTL: u64 = 28 * 86_400;

/// What an admin sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who push services may turn to: `mailto:` or `https:` (RFC 8292, section 2.1).
    subject: String,
    /// What browsers are told when they subscribe. Only the host reads it out; here it is checked.
    #[serde(default)]
    public_key: Option<String>,
    /// A push service beside the large ones. Naming it is all that is needed: the manifest asks for its host.
    #[serde(default)]
    push_service: Option<String>,
}

/// The plugin.
pub struct WebPush {
    subject: String,
    public_key: Option<String>,
    vapid: RefCell<Option<Rc<Vapid>>>,
    tokens: Tokens,
}

/// What a batch needs.
pub struct Access {
    vapid: Rc<Vapid>,
    renew: bool,
    random: RefCell<HostRandom>,
}

impl WebPush {
    /// The plugin with this configuration.
    ///
    /// # Errors
    /// The subject is none.
    pub fn new(config: Config) -> Result<Self, String> {
        let Config { subject, public_key, push_service } = config;
        if let Some(url) = &push_service {
            config::base_url("push_service", url)?;
        }
        let subject = subject.trim().to_owned();
        let named = subject.strip_prefix("mailto:").or_else(|| subject.strip_prefix("https://"));
        if named.is_none_or(str::is_empty) {
            return Err(format!("subject {subject:?} is neither mailto:somebody@example.com nor an https URL"));
        }
        let public_key = public_key.map(|key| key.trim().trim_end_matches('=').to_owned());
        Ok(Self { subject, public_key, vapid: RefCell::default(), tokens: Tokens::default() })
    }

    /// The key, read again only when the secret changed.
    fn vapid(&self) -> Result<Rc<Vapid>, Failure> {
        let mut known = self.vapid.borrow_mut();
        if let Some(vapid) = known.as_ref().filter(|vapid| vapid.is_current()) {
            return Ok(Rc::clone(vapid));
        }
        let vapid = Rc::new(Vapid::read()?);
        if self.public_key.as_ref().is_some_and(|told| *told != vapid.public) {
            // Whoever subscribed with it would be refused by every push service.
            let why = format!("public_key is not the one of the secret \"vapid_key\", which is {}", vapid.public);
            return Err(Failure::Misconfigured(why));
        }
        *known = Some(Rc::clone(&vapid));
        Ok(vapid)
    }

    fn authorization(&self, access: &Access, endpoint: &str) -> Result<String, Answer> {
        let origin = config::origin(endpoint).unwrap_or_default();
        let vapid = &access.vapid;
        let about = [origin, &self.subject, &vapid.written];
        let token = self.tokens.get("vapid", &about, access.renew, |now| Ok(vapid.token(origin, &self.subject, now)));
        let token = token.map_err(|_| Answer::Retry(None))?;
        Ok(format!("vapid t={token}, k={}", vapid.public))
    }
}

impl Vendor for WebPush {
    type Access = Access;

    fn access(&self, renew: bool) -> Result<Access, Failure> {
        Ok(Access { vapid: self.vapid()?, renew, random: RefCell::new(HostRandom::ahead(RANDOM)) })
    }

    fn request(&self, access: &Access, notification: &Notification) -> Result<Request, Answer> {
        let subscription = Subscription::parse(&notification.endpoint.address)?;
        let authorization = self.authorization(access, &subscription.endpoint)?;
        let body = encrypt(&subscription, &payload(notification), &mut access.random.borrow_mut())
            .ok_or_else(|| Answer::Rejected("it is too long even without its text".to_owned()))?;
        let ttl = notification.expires_at.saturating_sub(system::now()) / 1_000;
        let mut request = Request::new("POST", subscription.endpoint)
            .header("authorization", authorization)
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header("ttl", ttl.min(MOST_TTL).to_string())
            .header("urgency", urgency(notification.urgency))
            .body(body);
        if let Some(key) = &notification.collapse_key {
            request = request.header("topic", topic(key));
        }
        Ok(request)
    }

    fn answer(&self, response: &Response) -> Answer {
        match response.status {
            200..=299 => Answer::Accepted(request::header(response, "location").map(message_id)),
            // Push services differ in which of the two they refuse a token with.
            401 | 403 => Answer::AuthExpired(words(response)),
            404 | 410 => Answer::Gone,
            429 => Answer::RateLimited(retry_after(response)),
            _ => Answer::by_status(response),
        }
    }
}

/// What the service worker gets: JSON, shortened until it fits.
fn payload(notification: &Notification) -> Vec<u8> {
    let title = text::fit(&notification.title, 512);
    text::fit_encoded(&notification.body, MOST_PLAINTEXT, |body| {
        let payload = json!({
            "id": notification.id,
            "title": title,
            "body": body,
            "conversation": notification.conversation,
            "tag": notification.collapse_key,
            "badge": notification.badge,
            "locale": notification.endpoint.locale,
        });
        payload.to_string().into_bytes()
    })
}

fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Low => "low",
        Urgency::Normal => "normal",
        Urgency::High => "high",
    }
}

/// At most 32 characters of base64 (RFC 8030, section 5.4), from which the key cannot be told.
fn topic(key: &str) -> String {
    let digest = sign::sha256(key.as_bytes());
    encode::base64_url(digest.get(..24).unwrap_or(&digest))
}

/// The last part of the message's URL; the rest says nothing of it.
fn message_id(location: &str) -> String {
    text::shorten(location.rsplit('/').next().unwrap_or(location), 128).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::testing::{self, NOW, header, host, response};
    use warbler_push_kit::{deliver, encode::from_base64};
    use warbler_sdk::Outcome;

    use super::*;

    const KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";

    fn address() -> String {
        let keys = json!({
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        });
        json!({"endpoint": "https://push.example.net/send/abc", "keys": keys}).to_string()
    }

    fn plugin() -> WebPush {
        told(None)
    }

    fn told(public_key: Option<String>) -> WebPush {
        WebPush::new(Config { subject: "mailto:push@example.com".to_owned(), public_key, push_service: None }).unwrap()
    }

    #[test]
    fn a_request_carries_what_the_rfcs_ask_for() {
        let (host, asked) = host(|_| response(201, ""));
        let _host = host.with_secret("vapid_key", KEY).start();
        let notification = testing::notification("web-push", &address());
        assert_eq!(deliver(&plugin(), &[notification]), Ok(vec![Outcome::Accepted(None)]));
        let asked = asked.borrow();
        let request = asked.first().unwrap();
        assert_eq!(header(request, "ttl"), Some("3600"));
        assert_eq!(header(request, "urgency"), Some("normal"));
        assert_eq!(header(request, "content-encoding"), Some("aes128gcm"));
        assert_eq!(header(request, "topic").unwrap().len(), 32);
        let token = header(request, "authorization").unwrap().strip_prefix("vapid t=").unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&from_base64(claims).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example.net");
        assert_eq!(claims["exp"], NOW / 1_000 + 12 * 3_600);
    }

    #[test]
    fn a_token_is_signed_once_per_push_service_and_anew_when_refused() {
        let mut refuse = true;
        let (host, asked) = host(move |_| {
            let status = if std::mem::take(&mut refuse) { 403 } else { 201 };
            response(status, "")
        });
        let host = host.with_secret("vapid_key", KEY).start();
        let plugin = plugin();
        let mut second = testing::notification("web-push", &address());
        second.id = "another".to_owned();
        let batch = [testing::notification("web-push", &address()), second];
        host.set_now(NOW);
        assert_eq!(deliver(&plugin, &batch), Ok(vec![Outcome::Accepted(None), Outcome::Accepted(None)]));
        let asked = asked.borrow();
        assert_eq!(asked.len(), 3);
        assert_eq!(header(&asked[0], "authorization"), header(&asked[1], "authorization"));
    }

    #[test]
    fn a_text_that_is_too_long_is_shortened_at_a_character() {
        let mut notification = testing::notification("web-push", &address());
        notification.body = "长".repeat(10_000);
        let payload = payload(&notification);
        assert!(payload.len() <= MOST_PLAINTEXT && payload.len() > MOST_PLAINTEXT - 16, "{}", payload.len());
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert!(payload["body"].as_str().unwrap().ends_with("长…"));
    }

    #[test]
    fn browsers_must_be_told_the_key_that_signs() {
        let (host, asked) = host(|_| response(201, ""));
        let _host = host.with_secret("vapid_key", KEY).start();
        let notification = testing::notification("web-push", &address());
        let right = Vapid::read().unwrap().public;
        let accepted = deliver(&told(Some(right.clone() + "=")), std::slice::from_ref(&notification));
        assert_eq!(accepted, Ok(vec![Outcome::Accepted(None)]));
        let failure = deliver(&told(Some("B".repeat(87))), &[notification]).unwrap_err();
        assert!(matches!(&failure, Failure::Misconfigured(why) if why.contains("public_key") && why.contains(&right)));
        assert_eq!(asked.borrow().len(), 1);
    }

    #[test]
    fn a_key_that_is_none_is_named_and_not_repeated() {
        let (host, _) = host(|_| response(201, ""));
        let _host = host.with_secret("vapid_key", "hunter2").start();
        let failure = deliver(&plugin(), &[testing::notification("web-push", &address())]).unwrap_err();
        assert!(
            matches!(&failure, Failure::Misconfigured(why) if why.contains("vapid_key") && !why.contains("hunter2"))
        );
    }
}
