//! The push hook: notifications for people who are away, and what a provider says of each.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{HookError, Timestamp};

/// How soon a notification wants to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// When it is convenient.
    Low,
    /// As messages usually do.
    #[default]
    Normal,
    /// At once: somebody was mentioned, or waits for a code.
    High,
}

/// Where a notification goes.
#[derive(Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// The endpoint's identifier within the tenant.
    pub id: String,
    /// The provider's kind, one of those that a manifest lists: `web-push`, `apns`, `sms`…
    pub kind: String,
    /// The provider's address, as JSON.
    pub address: String,
    /// The person's language (BCP 47).
    pub locale: String,
}

impl std::fmt::Debug for PushTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address lets its bearer notify somebody.
        f.debug_struct("PushTarget").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// One notification for one device.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// Stays the same however often it is handed over.
    pub id: String,
    /// Where it goes.
    pub target: PushTarget,
    /// Its first line.
    pub title: String,
    /// Its text; empty where the tenant keeps contents out of notifications.
    pub body: String,
    /// The conversation.
    pub conversation: String,
    /// Notifications with the same key replace one another.
    pub collapse_key: Option<String>,
    /// Absolute count of unread messages.
    pub badge: u32,
    /// How soon.
    pub urgency: Urgency,
    /// After this it is worth nothing.
    pub expires_at: Timestamp,
    /// Whether it carries a one-time code.
    pub secret: bool,
}

impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notification").field("id", &self.id).field("target", &self.target).finish_non_exhaustive()
    }
}

/// What a provider said of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// It took it, perhaps under an identifier of its own. That does not mean that the person saw it.
    Accepted(Option<String>),
    /// Try again, not before this time has passed.
    Retry(Duration),
    /// The address is dead.
    Gone,
    /// Refused for good, with the provider's words.
    Rejected(String),
}

/// Delivers notifications.
#[async_trait]
pub trait PushProvider: Send + Sync {
    /// Hands over at most 100 notifications, and gives one outcome for each, in order.
    ///
    /// # Errors
    /// Nothing of the batch was accepted, or nobody knows: the identifiers tell a repetition.
    async fn deliver(&self, batch: &[Notification]) -> Result<Vec<PushOutcome>, HookError>;
}
