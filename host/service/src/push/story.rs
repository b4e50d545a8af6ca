//! Stories: what became of each message's notifications, for people who ask why there was none. Notes are
//! gathered in memory and written together, a quarter of a second later at most.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use warbler_domain::{
    EndpointId, Expect, Ids, MessageId, State, StateKey, StoreError, TenantId, TenantScope, Timestamp, UserId,
};

use super::rule::Rule;
use crate::{ServiceError, records};

/// The family of the records.
const FAMILY: &str = "push-story";

/// Notes of one message that are read at most.
const NOTES: usize = 4_096;

/// Records that are written together.
const WRITES: usize = 256;

/// One step on a notification's way, or the reason that it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Whose.
    pub user: UserId,
    /// Which device; all of the person's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    /// The device's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: PushStep,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PushStep {
    /// Nobody was told, by this rule.
    NotSent {
        /// Which.
        rule: Rule,
    },
    /// It was handed to the provider, which took it.
    Accepted {
        /// The plugin.
        provider: String,
        /// Which try.
        attempt: u32,
        /// The provider's own name for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// How long it waited in line, in milliseconds.
        waited_ms: u64,
        /// Whether it had to wait for the provider's quota.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        throttled: bool,
    },
    /// The provider could not take it now; it is tried again.
    Retry {
        /// The plugin; nothing if there is none for this kind.
        provider: Option<String>,
        /// Which try.
        attempt: u32,
        /// Why.
        reason: String,
        /// When it is tried again.
        again_at: Timestamp,
    },
    /// The provider says that the address is dead: the device was forgotten.
    Gone {
        /// The plugin.
        provider: String,
        /// Which try.
        attempt: u32,
    },
    /// The provider refused it for good.
    Refused {
        /// The plugin.
        provider: String,
        /// Which try.
        attempt: u32,
        /// The provider's words.
        reason: String,
    },
    /// A newer one of the same conversation took its place before it was handed over.
    Collapsed {
        /// The newer message.
        into: MessageId,
    },
    /// It was dropped before it was handed over.
    Dropped {
        /// Why.
        why: Dropped,
    },
    /// It was given up, and is among the dead letters.
    GivenUp {
        /// How often it was tried.
        attempts: u32,
        /// Why.
        reason: String,
    },
}

/// Why a notification was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dropped {
    /// The message was taken back.
    Recalled,
    /// The person is no longer in the conversation.
    Left,
    /// They have read it meanwhile.
    Read,
    /// It came too late to be worth anything.
    Expired,
    /// The device was unbound, or forgotten.
    Unbound,
}

/// Notes that are not written yet.
#[derive(Default)]
pub(super) struct Book {
    notes: Mutex<HashMap<(TenantId, MessageId), Vec<Note>>>,
}

impl Book {
    pub(super) fn note(&self, tenant: TenantId, message: MessageId, note: Note) {
        self.notes.lock().entry((tenant, message)).or_default().push(note);
    }

    pub(super) fn note_all(&self, tenant: TenantId, message: MessageId, notes: Vec<Note>) {
        if !notes.is_empty() {
            self.notes.lock().entry((tenant, message)).or_default().extend(notes);
        }
    }

    /// Writes what was noted. What cannot be written is lost, and reported: it is for people to read, and
    /// must never hold up what it tells of.
    pub(super) async fn flush(&self, state: &dyn State, ids: &dyn Ids) {
        let notes = std::mem::take(&mut *self.notes.lock());
        let mut by_tenant: HashMap<TenantId, Vec<warbler_domain::StateWrite>> = HashMap::new();
        for ((tenant, message), notes) in notes {
            let key = StateKey::new(FAMILY, &[&message, &ids.next()]);
            match records::put(key, &notes, Expect::Any) {
                Ok(write) => by_tenant.entry(tenant).or_default().push(write),
                Err(error) => tracing::warn!(%tenant, %error, "notes of notifications were lost"),
            }
        }
        for (tenant, writes) in by_tenant {
            let scope = TenantScope::own_work(tenant);
            for chunk in writes.chunks(WRITES) {
                match state.commit(&scope, chunk.to_vec()).await {
                    Ok(()) | Err(StoreError::NoKey) => {}
                    Err(error) => tracing::warn!(%tenant, %error, "notes of notifications were lost"),
                }
            }
        }
    }
}

/// The notes of one message in the order of their making; of one person, if one is named.
pub(super) async fn read(
    state: &dyn State,
    scope: &TenantScope,
    message: MessageId,
    user: Option<UserId>,
) -> Result<Vec<Note>, ServiceError> {
    let prefix = records::under(FAMILY, &[&message]);
    let mut notes = Vec::new();
    for (_, kept) in records::scan_all(state, scope, &prefix, NOTES).await? {
        let page: Vec<Note> = records::decode(&kept, "story")?;
        notes.extend(page.into_iter().filter(|note| user.is_none_or(|user| note.user == user)));
    }
    // A record is written at once, so that a stable sort keeps the order within it.
    notes.sort_by_key(|note| note.at);
    Ok(notes)
}

/// Forgets stories of messages from before `horizon`, and of more than `most` records the oldest.
pub(super) async fn sweep(
    state: &dyn State,
    scope: &TenantScope,
    horizon: Timestamp,
    most: usize,
) -> Result<usize, ServiceError> {
    let prefix = records::under(FAMILY, &[]);
    let mut keys: Vec<StateKey> = Vec::new();
    loop {
        let page = state.scan(scope, &prefix, keys.last(), records::SCAN).await?;
        let is_last = page.len() < records::SCAN;
        keys.extend(page.into_iter().map(|(key, _)| key));
        if is_last {
            break;
        }
    }
    let over = keys.len().saturating_sub(most);
    let is_old = |key: &StateKey| born(key).is_some_and(|born| born < horizon);
    let due: Vec<_> = keys.into_iter().enumerate().filter(|(at, key)| *at < over || is_old(key)).collect();
    let count = due.len();
    let deletions: Vec<_> = due.into_iter().map(|(_, key)| records::delete(key, Expect::Any)).collect();
    for chunk in deletions.chunks(WRITES) {
        state.commit(scope, chunk.to_vec()).await?;
    }
    Ok(count)
}

/// When the message of a record was made: a `UUIDv7` says so itself.
fn born(key: &StateKey) -> Option<Timestamp> {
    let message: uuid::Uuid = key.as_str().split('/').nth(1)?.parse().ok()?;
    let (seconds, nanos) = message.get_timestamp()?.to_unix();
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000))))
}
