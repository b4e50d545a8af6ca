//! How the service's own records are kept in state: keys, and JSON as the stored form.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use warbler_domain::{
    AttachmentId, ConversationId, Expect, MessageId, SessionId, State, StateKey, StateWrite, StoreError, TenantId,
    TenantScope, UserId, Versioned,
};

use crate::ServiceError;

/// Records that one scan asks for at a time.
pub(crate) const SCAN: usize = 256;

/// How often a change of others may come in between of one's own.
const ATTEMPTS: usize = 16;

pub(crate) fn tenant(id: TenantId) -> StateKey {
    StateKey::new("tenant", &[&id])
}

/// `digest` is the blinded slug.
pub(crate) fn slug(digest: &str) -> StateKey {
    StateKey::new("slug", &[&digest])
}

pub(crate) fn account(user: UserId) -> StateKey {
    StateKey::new("account", &[&user])
}

/// `digest` is the blinded login name.
pub(crate) fn login(digest: &str) -> StateKey {
    StateKey::new("login", &[&digest])
}

pub(crate) fn owners() -> StateKey {
    StateKey::new("owners", &[])
}

/// `hash` is that of the token, in hex.
pub(crate) fn token(hash: &str) -> StateKey {
    StateKey::new("token", &[&hash])
}

pub(crate) fn session(user: UserId, session: SessionId) -> StateKey {
    StateKey::new("session", &[&user, &session])
}

pub(crate) fn conversation(id: ConversationId) -> StateKey {
    StateKey::new("conversation", &[&id])
}

pub(crate) fn membership(user: UserId, conversation: ConversationId) -> StateKey {
    StateKey::new("member", &[&user, &conversation])
}

/// The one direct conversation of two people, whichever of them is named first.
pub(crate) fn direct(one: UserId, other: UserId) -> StateKey {
    StateKey::new("direct", &[&one.min(other), &one.max(other)])
}

pub(crate) fn read_mark(conversation: ConversationId, user: UserId) -> StateKey {
    StateKey::new("read", &[&conversation, &user])
}

/// Guards the changes of one message against each other.
pub(crate) fn amended(conversation: ConversationId, message: MessageId) -> StateKey {
    StateKey::new("amended", &[&conversation, &message])
}

/// A message that was erased, by its sender or otherwise: nothing brings it back.
pub(crate) fn erased(message: MessageId) -> StateKey {
    StateKey::new("erased", &[&message])
}

pub(crate) fn held(id: MessageId) -> StateKey {
    StateKey::new("held", &[&id])
}

pub(crate) fn decided(id: MessageId) -> StateKey {
    StateKey::new("decided", &[&id])
}

/// `key` is the digest that tells senders and their keys apart.
pub(crate) fn held_key(conversation: ConversationId, key: [u8; 16]) -> StateKey {
    StateKey::new("held-key", &[&conversation, &uuid::Uuid::from_bytes(key)])
}

pub(crate) fn attachment(id: AttachmentId) -> StateKey {
    StateKey::new("attachment", &[&id])
}

pub(crate) fn sent_in(attachment: AttachmentId, conversation: ConversationId, message: MessageId) -> StateKey {
    StateKey::new("sent-in", &[&attachment, &conversation, &message])
}

/// The prefix of all keys of `family` that go on with `parts`.
pub(crate) fn under(family: &'static str, parts: &[&dyn std::fmt::Display]) -> StateKey {
    let mut key = StateKey::new(family, parts).as_str().to_owned();
    key.push('/');
    StateKey::from_text(key)
}

/// A write of `value` as JSON.
pub(crate) fn put(key: StateKey, value: &impl Serialize, expect: Expect) -> Result<StateWrite, ServiceError> {
    let value = serde_json::to_vec(value).map_err(|_| ServiceError::Internal { what: "a record cannot be written" })?;
    Ok(StateWrite { key, value: Some(Bytes::from(value)), expect })
}

/// A deletion.
pub(crate) const fn delete(key: StateKey, expect: Expect) -> StateWrite {
    StateWrite { key, value: None, expect }
}

/// Reads a record.
pub(crate) fn decode<T: DeserializeOwned>(kept: &Versioned, what: &'static str) -> Result<T, ServiceError> {
    serde_json::from_slice(&kept.value).map_err(|_| StoreError::Corrupt { what }.into())
}

/// The record under `key` and what a write must expect to find there.
pub(crate) async fn get<T: DeserializeOwned>(
    state: &dyn State,
    scope: &TenantScope,
    key: &StateKey,
    what: &'static str,
) -> Result<Option<(T, Expect)>, ServiceError> {
    let Some(kept) = state.get(scope, key).await? else { return Ok(None) };
    Ok(Some((decode(&kept, what)?, Expect::Version(kept.version))))
}

/// The record under `key`, or a new one if there is none, and what to expect there when it is written.
pub(crate) async fn get_or_new<T: DeserializeOwned + Default>(
    state: &dyn State,
    scope: &TenantScope,
    key: &StateKey,
    what: &'static str,
) -> Result<(T, Expect), ServiceError> {
    Ok(get(state, scope, key, what).await?.unwrap_or((T::default(), Expect::Absent)))
}

/// Changes the record under `key`, which is a new one if there is none, and gives it as it then is. `what` it is called,
/// and `busy` is what is said if others change it all the time.
pub(crate) async fn change<T>(
    state: &dyn State,
    scope: &TenantScope,
    key: &StateKey,
    (what, busy): (&'static str, &'static str),
    apply: impl Fn(&mut T),
) -> Result<T, ServiceError>
where
    T: Serialize + DeserializeOwned + Default + Clone + PartialEq,
{
    for _ in 0..ATTEMPTS {
        let (before, expect): (T, Expect) = get_or_new(state, scope, key, what).await?;
        let mut after = before.clone();
        apply(&mut after);
        if before == after {
            return Ok(after);
        }
        match state.commit(scope, vec![put(key.clone(), &after, expect)?]).await {
            Ok(()) => return Ok(after),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::Conflict { what: busy })
}

/// Every key under `prefix` with its value, at most `limit`.
pub(crate) async fn scan_all(
    state: &dyn State,
    scope: &TenantScope,
    prefix: &StateKey,
    limit: usize,
) -> Result<Vec<(StateKey, Versioned)>, ServiceError> {
    let mut found: Vec<(StateKey, Versioned)> = Vec::new();
    while found.len() < limit {
        let after = found.last().map(|(key, _)| key.clone());
        let page = state.scan(scope, prefix, after.as_ref(), SCAN.min(limit - found.len())).await?;
        let is_last = page.len() < SCAN;
        found.extend(page);
        if is_last {
            break;
        }
    }
    Ok(found)
}
