//! One-time codes: sent at once, past every rule and lane, and written down nowhere.

use std::fmt;
use std::time::Duration;

use warbler_domain::{Notification, PushTarget, TenantScope, Urgency, UserId};
use zeroize::Zeroizing;

use super::Push;
use super::story::PushStep;
use super::text::{self, Language, Phrase};
use crate::ServiceError;

/// A code on its way to somebody.
pub struct CodeMessage {
    /// Whom it is for.
    pub user: UserId,
    /// The kind of provider: `sms`, `email`, or that of a device.
    pub channel: String,
    /// Where it goes, as JSON, as a plugin of this kind takes it.
    pub address: String,
    /// The code.
    pub code: Zeroizing<String>,
    /// How long it is valid.
    pub valid_for: Duration,
}

impl fmt::Debug for CodeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeMessage").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Push {
    /// Whether codes can be sent over this channel.
    #[must_use]
    pub fn can_send_codes(&self, scope: &TenantScope, channel: &str) -> bool {
        self.work.provider(scope.tenant(), channel).is_some()
    }

    /// Sends a one-time code. `Ok` means that the provider took it. Nothing of it is kept, and it is not
    /// tried again: whoever waits for it asks for another one.
    ///
    /// # Errors
    /// `Unavailable` if no plugin serves the channel, or it does not answer; `Invalid` if the provider
    /// refuses the address; or the store failed.
    pub async fn send_code(&self, scope: &TenantScope, message: CodeMessage) -> Result<(), ServiceError> {
        let receiver = self.work.core.person(scope, message.user).await?;
        let locale = receiver.and_then(|person| person.profile.load().locale.clone());
        let language = Language::of(locale.as_deref().unwrap_or_default());
        let minutes = message.valid_for.as_secs().div_ceil(60).max(1);
        let notification = Notification {
            id: self.work.core.ports.ids.next().to_string(),
            target: PushTarget {
                id: message.user.to_string(),
                kind: message.channel.clone(),
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
        };
        match self.hand_over(scope.tenant(), &message.channel, notification).await {
            PushStep::Accepted { .. } => Ok(()),
            PushStep::Gone { .. } | PushStep::Refused { .. } => {
                Err(ServiceError::invalid("address", "is refused by the provider of this channel"))
            }
            _ => Err(ServiceError::Unavailable { what: "the provider of this channel does not answer" }),
        }
    }
}
