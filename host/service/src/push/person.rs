//! What is kept of one person for notifications: their devices, their habits, and what they muted. All of
//! it lies under one prefix, so that one scan loads it and one watch tells of its changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{ConversationId, EndpointId, SessionId, State, StateKey, TenantScope, Timestamp, UserId};

use super::quiet::QuietHours;
use crate::{ServiceError, records};

/// The family of these records.
pub(super) const FAMILY: &str = "push-user";

/// Records of one person that are read at most: devices and muted conversations.
const RECORDS: usize = 4_096;

/// A device's address at a provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) user: UserId,
    /// The session that it lives and dies with.
    pub(crate) session: SessionId,
    pub(crate) kind: String,
    /// JSON.
    pub(crate) address: String,
    /// The blinded address, under which it is found.
    pub(crate) digest: String,
    pub(crate) created_at: Timestamp,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address lets its bearer notify somebody.
        f.debug_struct("Endpoint").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Whose an address is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Owned {
    pub(super) user: UserId,
    pub(super) endpoint: EndpointId,
}

/// When somebody wants to be left alone, and where they live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habits {
    /// The time zone's name in the IANA database; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Hours in which nobody should disturb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_disturb: Option<QuietHours>,
}

/// Of which messages in a conversation somebody wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Of all.
    #[default]
    All,
    /// Of those that mention them.
    Mentions,
    /// Of none.
    None,
}

/// What somebody decided for one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mute {
    /// Of which messages they want to be told.
    pub level: Level,
    /// Until when; for good if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Mute {
    /// Whether it is in force.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One person, as far as notifications are concerned.
#[derive(Debug, Default)]
pub(crate) struct Addressee {
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    pub(super) habits: Habits,
    pub(super) mutes: HashMap<ConversationId, Mute>,
}

impl Addressee {
    pub(super) fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// Whether they want to be left alone at `now`.
    pub(super) fn is_quiet(&self, now: Timestamp) -> bool {
        let Some(hours) = &self.habits.do_not_disturb else { return false };
        let zone = self.habits.time_zone.as_deref().and_then(|name| super::quiet::zone(name).ok());
        hours.contain(now, zone.unwrap_or(chrono_tz::Tz::UTC))
    }
}

pub(super) fn endpoint_key(user: UserId, endpoint: EndpointId) -> StateKey {
    StateKey::new(FAMILY, &[&user, &"endpoint", &endpoint])
}

pub(super) fn habits_key(user: UserId) -> StateKey {
    StateKey::new(FAMILY, &[&user, &"habits"])
}

pub(super) fn mute_key(user: UserId, conversation: ConversationId) -> StateKey {
    StateKey::new(FAMILY, &[&user, &"mute", &conversation])
}

/// `digest` is the blinded kind and address.
pub(super) fn address_key(digest: &str) -> StateKey {
    StateKey::new("push-address", &[&digest])
}

/// A record as it stands in a backup: habits, and what was muted. Devices are left out: an address lives and dies with its
/// session, and is given anew at the next sign-in.
pub(crate) fn line(key: &StateKey, record: &[u8]) -> Option<serde_json::Value> {
    let is_device = key.as_str().split('/').nth(2) == Some("endpoint");
    if is_device { None } else { serde_json::from_slice(record).ok() }
}

/// Whose record a key names.
pub(crate) fn user_of(key: &StateKey) -> Option<UserId> {
    key.as_str().split('/').nth(1)?.parse().ok()
}

/// Reads all of one person.
pub(crate) async fn load(state: &dyn State, scope: &TenantScope, user: UserId) -> Result<Addressee, ServiceError> {
    let mut person = Addressee::default();
    let prefix = records::under(FAMILY, &[&user]);
    for (key, kept) in records::scan_all(state, scope, &prefix, RECORDS).await? {
        match key.as_str().split('/').nth(2) {
            Some("endpoint") => {
                person.endpoints.push(Arc::new(records::decode::<Endpoint>(&kept, "push endpoint")?));
            }
            Some("habits") => person.habits = records::decode(&kept, "habits")?,
            Some("mute") => {
                if let Ok(conversation) = key.last().parse() {
                    person.mutes.insert(conversation, records::decode(&kept, "mute")?);
                }
            }
            _ => {}
        }
    }
    Ok(person)
}

/// The writes that unbind a session's devices.
pub(crate) async fn unbound(
    state: &dyn State,
    scope: &TenantScope,
    user: UserId,
    session: SessionId,
) -> Result<Vec<warbler_domain::StateWrite>, ServiceError> {
    let prefix = records::under(FAMILY, &[&user, &"endpoint"]);
    let mut writes = Vec::new();
    for (_, kept) in records::scan_all(state, scope, &prefix, RECORDS).await? {
        let endpoint: Endpoint = records::decode(&kept, "push endpoint")?;
        if endpoint.session == session {
            writes.extend(forget(&endpoint));
        }
    }
    Ok(writes)
}

/// The writes that forget a device.
pub(super) fn forget(endpoint: &Endpoint) -> [warbler_domain::StateWrite; 2] {
    use warbler_domain::Expect::Any;
    [
        records::delete(endpoint_key(endpoint.user, endpoint.id), Any),
        records::delete(address_key(&endpoint.digest), Any),
    ]
}
