//! One-time codes: sent at once, past every rule and lane, and written down nowhere. Making them, and comparing what
//! somebody types with them, in constant time, is the caller's.

use std::fmt;
use std::time::Duration;

use warbler_domain::{Notification, PushTarget, TenantScope, Urgency, UserId};
use zeroize::Zeroizing;

use super::Push;
use super::code_rate::digest;
use super::story::PushStep;
use super::text::{self, Language, Phrase};
use crate::ServiceError;

/// Longest code, in characters: ten words would still fit.
const CODE: usize = 64;
/// Longest address, in bytes of JSON, as for devices.
const ADDRESS: usize = 4_096;
/// How long a code may be valid. A longer one is a password.
const VALID_FOR: Duration = Duration::from_hours(1);

/// A code on its way to somebody.
pub struct CodeMessage {
    /// Whom it is for.
    pub user: UserId,
    /// The kind of provider: `sms`, `email`, or that of a device.
    pub channel: String,
    /// Where it goes, as JSON, as a plugin of this kind takes it: `"li@example.com"`.
    pub address: String,
    /// The code; 1 to 64 characters.
    pub code: Zeroizing<String>,
    /// How long it is valid: a second to an hour.
    pub valid_for: Duration,
}

impl fmt::Debug for CodeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeMessage").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl CodeMessage {
    fn check(&self) -> Result<(), ServiceError> {
        if self.code.is_empty() || self.code.chars().count() > CODE || self.code.contains(char::is_control) {
            return Err(ServiceError::invalid("code", format!("must have 1 to {CODE} characters on one line")));
        }
        if self.address.len() > ADDRESS {
            return Err(ServiceError::length("address", ADDRESS));
        }
        if self.valid_for < Duration::from_secs(1) || self.valid_for > VALID_FOR {
            return Err(ServiceError::invalid("valid_for", "must be a second to an hour"));
        }
        Ok(())
    }
}

impl Push {
    /// Whether codes can be sent over this channel.
    #[must_use]
    pub fn can_send_codes(&self, scope: &TenantScope, channel: &str) -> bool {
        self.work.provider(scope.tenant(), channel).is_some()
    }

    /// Sends a one-time code to somebody of the tenant, in their language. `Ok` means that the provider took it.
    /// Nothing of it is kept, and it is not tried again: whoever waits for it asks for another one.
    ///
    /// One address and one person get so many in a while and no more (`RateLimits`), whatever became of them: an
    /// address may be a stranger's, and a text message costs money.
    ///
    /// # Errors
    /// - `NotFound`: the tenant has no such account.
    /// - `Invalid`: a field is out of its range, or the provider refuses the address.
    /// - `RateLimited`: there were too many, to this address or to this person.
    /// - `Unavailable`: no plugin serves the channel, or it does not answer.
    /// - The store failed.
    pub async fn send_code(&self, scope: &TenantScope, message: CodeMessage) -> Result<(), ServiceError> {
        message.check()?;
        let receiver = self.work.core.person(scope, message.user).await?;
        let receiver = receiver.ok_or(ServiceError::NotFound { what: "account" })?;
        if !self.can_send_codes(scope, &message.channel) {
            return Err(ServiceError::Unavailable { what: "no plugin serves this channel" });
        }
        let address = digest(scope.tenant(), &message.channel, &message.address);
        self.work.codes.take(scope.tenant(), message.user, address, self.work.core.now())?;
        let locale = receiver.profile.load().locale.clone();
        let notification = self.code_notification(message, locale);
        let kind = notification.target.kind.clone();
        match self.hand_over(scope.tenant(), &kind, notification).await {
            PushStep::Accepted { .. } => Ok(()),
            PushStep::Gone { .. } | PushStep::Refused { .. } => {
                Err(ServiceError::invalid("address", "is refused by the provider of this channel"))
            }
            _ => Err(ServiceError::Unavailable { what: "the provider of this channel does not answer" }),
        }
    }

    fn code_notification(&self, message: CodeMessage, locale: Option<String>) -> Notification {
        let language = Language::of(locale.as_deref().unwrap_or_default());
        let minutes = message.valid_for.as_secs().div_ceil(60).max(1);
        Notification {
            id: self.work.core.ports.ids.next().to_string(),
            target: PushTarget {
                id: message.user.to_string(),
                kind: message.channel,
                address: message.address,
                locale: locale.unwrap_or_else(|| language.tag().to_owned()),
            },
            title: Phrase::Code.text(language).to_owned(),
            body: text::code(language, &message.code, minutes),
            conversation: String::new(),
            collapse_key: None,
            badge: 0,
            urgency: Urgency::High,
            expires_at: self.work.core.now().after(message.valid_for),
            secret: true,
        }
    }
}
