//! Sign-in with a password.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use warbler_domain::{Expect, SessionId, TenantId, TenantScope, Timestamp, UserId};
use zeroize::Zeroizing;

use super::password;
use super::session::{self, SESSIONS, SessionRecord, SessionView, TokenRecord};
use super::token::{self, Token};
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::members::{Account, LoginRecord, Profile, normalise_login};
use crate::{EndReason, ServiceError, records};

/// Longest names at sign-in, in bytes; what is longer was never given to anyone.
const NAME: usize = 256;

/// A request to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The tenant's slug.
    pub tenant: String,
    /// The login name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// What the device calls itself, 1 to 128 bytes.
    pub device: String,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// What a sign-in leads to. Where a tenant asks for a second factor, there will be a challenge.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignInOutcome {
    /// A session began.
    SignedIn(Box<SignedIn>),
}

/// A session that has just begun.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Its token, which is shown only now.
    pub token: Token,
    /// The session.
    pub session: SessionView,
    /// Whose it is.
    pub user: Profile,
    /// The tenant.
    pub tenant: TenantId,
}

/// What guesses are counted by.
pub(super) fn account_digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    // Half of it tells accounts apart well enough.
    half.copy_from_slice(digest.split_at(16).0);
    half
}

#[tracing::instrument(level = "debug", name = "authentication.sign_in", skip_all)]
pub(super) async fn sign_in(core: &Core, request: SignIn) -> Result<SignInOutcome, ServiceError> {
    check_lengths(&request)?;
    if let Some(address) = request.address {
        core.addresses.take(address)?;
    }
    let login = normalise_login(&request.user).ok();
    let guess = account_digest(&[request.tenant.as_bytes(), login.as_deref().unwrap_or_default().as_bytes()]);
    core.attempts.begin(guess, core.now())?;
    let outcome = attempt(core, &request, login.as_deref()).await;
    match &outcome {
        Ok(_) => {
            core.attempts.succeeded(guess);
            core.meters.sign_ins.increment(1);
        }
        Err(ServiceError::Unauthenticated) => core.meters.sign_ins_failed.increment(1),
        Err(_) => core.attempts.undecided(guess),
    }
    outcome
}

fn check_lengths(request: &SignIn) -> Result<(), ServiceError> {
    let within = |field, text: &str, limit| {
        if text.is_empty() || text.len() > limit { Err(ServiceError::length(field, limit)) } else { Ok(()) }
    };
    within("tenant", &request.tenant, NAME)?;
    within("user", &request.user, NAME)?;
    within("device", &request.device, 128)?;
    password::check_length(&request.password)
}

async fn attempt(core: &Core, request: &SignIn, login: Option<&str>) -> Result<SignInOutcome, ServiceError> {
    let known = find_account(core, &request.tenant, login).await?;
    let stored = known.as_ref().map(|(_, account)| &account.password);
    // One check, known or not, takes the same time.
    let is_right = core.passwords.verify(&request.password, stored).await?;
    match known {
        Some((scope, account)) if is_right && !account.profile.disabled => begin(core, scope, account, request).await,
        _ => Err(ServiceError::Unauthenticated),
    }
}

async fn find_account(
    core: &Core,
    slug: &str,
    login: Option<&str>,
) -> Result<Option<(TenantScope, Account)>, ServiceError> {
    let (Some(tenant), Some(login)) = (core.tenants.by_slug(slug), login) else { return Ok(None) };
    let scope = TenantScope::authenticated(tenant);
    let state = &*core.ports.state;
    let digest = state.blind(&scope, "login", login.as_bytes())?;
    let key = records::login(&digest);
    let Some((found, _)) = records::get::<LoginRecord>(state, &scope, &key, "login").await? else { return Ok(None) };
    let found = records::get::<Account>(state, &scope, &records::account(found.user), "account").await?;
    Ok(found.map(|(account, _)| (scope, account)))
}

async fn begin(
    core: &Core,
    scope: TenantScope,
    account: Account,
    request: &SignIn,
) -> Result<SignInOutcome, ServiceError> {
    let (user, now) = (account.profile.id, core.now());
    make_room(core, &scope, user, now).await?;
    let token = Token::make(scope.tenant(), &*core.ports.entropy)?;
    let age = Duration::from_secs(core.tenants.policy(scope.tenant()).session_seconds);
    let record = SessionRecord {
        id: SessionId::from_uuid(core.ports.ids.next()),
        user,
        device: request.device.clone(),
        address: request.address.map(|address| address.to_string()),
        created_at: now,
        active_at: now,
        expires_at: now.after(age),
        token: token::hex(&token::digest(token.reveal())),
    };
    let writes = vec![
        records::put(records::session(user, record.id), &record, Expect::Absent)?,
        records::put(records::token(&record.token), &TokenRecord { user, session: record.id }, Expect::Absent)?,
    ];
    let entry = NewEntry::new(Actor::User { id: user }, "session.begin").subject("session", &record.id);
    core.audit.commit(&scope, writes, entry).await?;
    let session = SessionView {
        id: record.id,
        device: record.device,
        address: record.address,
        created_at: record.created_at,
        active_at: record.active_at,
        expires_at: record.expires_at,
        current: true,
    };
    Ok(SignInOutcome::SignedIn(Box::new(SignedIn { token, session, user: account.profile, tenant: scope.tenant() })))
}

/// Ends the account's sessions that are over, and the oldest if there are too many.
async fn make_room(core: &Core, scope: &TenantScope, user: UserId, now: Timestamp) -> Result<(), ServiceError> {
    let mut kept = session::records_of(core, scope, user).await?;
    let expired: Vec<_> = kept.extract_if(.., |record| now >= record.expires_at).map(|record| record.key()).collect();
    session::end(core, scope, &expired, EndReason::Expired).await?;
    kept.sort_by_key(|record| record.active_at);
    let surplus = (kept.len() + 1).saturating_sub(SESSIONS);
    let oldest: Vec<_> = kept.iter().take(surplus).map(SessionRecord::key).collect();
    session::end(core, scope, &oldest, EndReason::Revoked).await
}
