//! Sessions as they are kept, found by their tokens, listed and ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use warbler_domain::{Expect, SessionId, Signal, StateWrite, StoreError, TenantScope, Timestamp, UserId};

use super::Session;
use super::token;
use crate::core::Core;
use crate::rate::Bucket;
use crate::{EndReason, ServiceError, records};

/// Most sessions of one account that are looked at; a new sign-in ends the oldest before there are more.
pub(super) const SESSIONS: usize = 100;

/// A session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    pub(super) id: SessionId,
    pub(super) user: UserId,
    pub(super) device: String,
    pub(super) address: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) active_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// SHA-256 of its token, in hex.
    pub(super) token: String,
}

/// What a token's digest leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TokenRecord {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

/// One of an account's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Its identifier.
    pub id: SessionId,
    /// The device, as it called itself.
    pub device: String,
    /// The address that it signed in from.
    pub address: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When a person last did something, to within some seconds.
    pub active_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// All that it takes to end a session.
#[derive(Debug, Clone)]
pub(super) struct SessionKey {
    pub(super) id: SessionId,
    pub(super) user: UserId,
    /// The token's digest, in hex.
    pub(super) token: String,
}

impl SessionRecord {
    pub(super) fn key(&self) -> SessionKey {
        SessionKey { id: self.id, user: self.user, token: self.token.clone() }
    }
}

impl Session {
    pub(super) fn key(&self) -> SessionKey {
        SessionKey { id: self.id, user: self.person.id, token: token::hex(&self.token) }
    }
}

/// The live session of a token, from memory or from state.
pub(super) async fn find(
    core: &Core,
    scope: TenantScope,
    digest: [u8; 32],
) -> Result<Option<Arc<Session>>, ServiceError> {
    let found = core.sessions.get_or_load(&digest, || load(core, scope, digest)).await;
    match found {
        // There is no such tenant, or no longer.
        Err(ServiceError::NotFound { .. }) => Ok(None),
        other => other,
    }
}

async fn load(core: &Core, scope: TenantScope, digest: [u8; 32]) -> Result<Option<Session>, ServiceError> {
    let state = &*core.ports.state;
    let key = records::token(&token::hex(&digest));
    let Some((token, _)) = records::get::<TokenRecord>(state, &scope, &key, "token").await? else {
        return Ok(None);
    };
    let key = records::session(token.user, token.session);
    let Some((record, _)) = records::get::<SessionRecord>(state, &scope, &key, "session").await? else {
        return Ok(None);
    };
    let person = core.person(&scope, record.user).await?.filter(|person| !person.profile.load().disabled);
    Ok(person.map(|person| Session {
        id: record.id,
        scope,
        person,
        expires_at: record.expires_at,
        token: digest,
        active_at: AtomicU64::new(record.active_at.as_millis()),
        written_at: AtomicU64::new(record.active_at.as_millis()),
        frames: Bucket::new(core.options.rates.frames, "frames"),
        connections: AtomicUsize::new(0),
        ended: AtomicU8::new(0),
    }))
}

/// Why the session must end now, if it must.
pub(super) fn due(core: &Core, session: &Session) -> Option<EndReason> {
    let now = core.now();
    let active_at = Timestamp::from_millis(session.active_at.load(Ordering::Relaxed));
    let idle = core.tenants.policy(session.scope.tenant()).idle_exit();
    over(now, session.expires_at, active_at, idle)
}

fn over(
    now: Timestamp,
    expires_at: Timestamp,
    active_at: Timestamp,
    idle: Option<std::time::Duration>,
) -> Option<EndReason> {
    if now >= expires_at {
        return Some(EndReason::Expired);
    }
    idle.is_some_and(|idle| now.since(active_at) >= idle).then_some(EndReason::Idle)
}

/// An account's kept sessions, those that are over included.
pub(super) async fn records_of(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
) -> Result<Vec<SessionRecord>, ServiceError> {
    let prefix = records::under("session", &[&user]);
    let found = records::scan_all(&*core.ports.state, scope, &prefix, SESSIONS * 2).await?;
    found.iter().map(|(_, kept)| records::decode(kept, "session")).collect()
}

pub(super) async fn list(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    current: Option<SessionId>,
) -> Result<Vec<SessionView>, ServiceError> {
    let (now, idle) = (core.now(), core.tenants.policy(scope.tenant()).idle_exit());
    let mut views = Vec::new();
    for mut record in records_of(core, scope, user).await? {
        let live = unhex(&record.token).and_then(|digest| core.sessions.get(&digest));
        if let Some(live) = live {
            record.active_at = record.active_at.max(Timestamp::from_millis(live.active_at.load(Ordering::Relaxed)));
        }
        if over(now, record.expires_at, record.active_at, idle).is_none() {
            views.push(SessionView {
                current: current == Some(record.id),
                id: record.id,
                device: record.device,
                address: record.address,
                created_at: record.created_at,
                active_at: record.active_at,
                expires_at: record.expires_at,
            });
        }
    }
    views.sort_by(|one, other| other.created_at.cmp(&one.created_at).then(other.id.cmp(&one.id)));
    Ok(views)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let half = |range| text.get(range).and_then(|part| u128::from_str_radix(part, 16).ok());
    let (high, low): (u128, u128) = (half(0..32)?, half(32..64)?);
    let mut digest = [0; 32];
    let (first, second) = digest.split_at_mut(16);
    first.copy_from_slice(&high.to_be_bytes());
    second.copy_from_slice(&low.to_be_bytes());
    Some(digest)
}

/// What it takes to end one of `user`'s sessions.
pub(super) async fn key(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    session: SessionId,
) -> Result<SessionKey, ServiceError> {
    let key = records::session(user, session);
    let found = records::get::<SessionRecord>(&*core.ports.state, scope, &key, "session").await?;
    found.map(|(record, _)| record.key()).ok_or(ServiceError::NotFound { what: "session" })
}

/// Ends sessions: their tokens are deleted in the store, then forgotten here, then every node is told.
pub(super) async fn end(
    core: &Core,
    scope: &TenantScope,
    sessions: &[SessionKey],
    reason: EndReason,
) -> Result<(), ServiceError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let deletions = sessions.iter().flat_map(|session| {
        [records::session(session.user, session.id), records::token(&session.token)]
            .map(|key| records::delete(key, Expect::Any))
    });
    let mut deletions: Vec<_> = deletions.collect();
    // The devices go with their session, in the same moment.
    for session in sessions {
        deletions.extend(unbind_devices(core, scope, session).await?);
    }
    // The store's own notice of the deletion may come first, and must give the same reason.
    let announced = core.ending.announce(sessions.iter().map(|session| session.id), reason);
    match core.ports.state.commit(scope, deletions).await {
        // Without its tenant no session lives.
        Ok(()) | Err(StoreError::NoKey) => {}
        Err(error) => return Err(error.into()),
    }
    for session in sessions {
        core.forget_addressee(scope.tenant(), session.user);
        if let Some(live) = unhex(&session.token).and_then(|digest| core.sessions.remove(&digest)) {
            live.end(reason);
        }
        core.hub.end(session.id, reason);
    }
    drop(announced);
    for session in sessions {
        let signal = Signal::Ended { session: session.id, reason: reason.as_str().to_owned() };
        if let Err(error) = core.ports.feed.publish(scope, signal).await {
            // The token is dead everywhere by the store's word; only sockets of other nodes learn later.
            tracing::warn!(%error, session = %session.id, "the end of a session was not announced");
        }
    }
    Ok(())
}

/// The writes that unbind a session's devices; none if the tenant is gone.
async fn unbind_devices(
    core: &Core,
    scope: &TenantScope,
    session: &SessionKey,
) -> Result<Vec<StateWrite>, ServiceError> {
    match crate::push::unbound(&*core.ports.state, scope, session.user, session.id).await {
        Err(ServiceError::NotFound { .. }) => Ok(Vec::new()),
        other => other,
    }
}

/// Ends all of an account's sessions but `spare`, and says how many.
pub(crate) async fn end_all(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    spare: Option<SessionId>,
) -> Result<usize, ServiceError> {
    let mut ended = 0;
    loop {
        let mut keys: Vec<_> = records_of(core, scope, user).await?.iter().map(SessionRecord::key).collect();
        keys.retain(|key| Some(key.id) != spare);
        if keys.is_empty() {
            return Ok(ended);
        }
        end(core, scope, &keys, EndReason::Revoked).await?;
        ended += keys.len();
    }
}
