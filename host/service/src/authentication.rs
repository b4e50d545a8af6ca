//! Authentication: sign-in, sessions, and who a token belongs to. It alone makes [`Caller`]s and
//! [`OperatorCaller`]s, and with them the scopes through which tenants' data is reached.

mod caller;
mod ending;
mod password;
mod session;
mod sign_in;
mod sweep;
mod token;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use warbler_domain::{Right, SessionId, TenantScope, UserId};
use zeroize::Zeroizing;

pub use caller::{Caller, OperatorCaller};
pub(crate) use caller::{Person, Session};
pub(crate) use ending::Ending;
pub(crate) use password::{Passwords, StoredPassword, check_new};
pub use session::SessionView;
pub(crate) use session::end_all;
pub use sign_in::{SignIn, SignInOutcome, SignedIn};
pub use token::Token;
pub(crate) use token::hex;

use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::members::Account;
use crate::{EndReason, ServiceError, records};

/// Sign-in and sessions.
#[derive(Clone)]
pub struct Authentication {
    core: Arc<Core>,
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authentication")
    }
}

impl Authentication {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Signs in with a password.
    ///
    /// # Errors
    /// `Unauthenticated`, in the same words and after the same time whether the tenant, the name or the
    /// password is wrong; `RateLimited`; `Invalid` if a field is too long; `Unavailable`.
    pub async fn sign_in(&self, request: SignIn) -> Result<SignInOutcome, ServiceError> {
        sign_in::sign_in(&self.core, request).await
    }

    /// Whom a session's token belongs to.
    ///
    /// # Errors
    /// `Unauthenticated`, `SessionEnded` if it has just ended, or the store failed.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, ServiceError> {
        let tenant = token::tenant_of(token).ok_or(ServiceError::Unauthenticated)?;
        let scope = TenantScope::authenticated(tenant);
        let session = session::find(&self.core, scope, token::digest(token)).await?;
        let session = session.ok_or(ServiceError::Unauthenticated)?;
        if let Some(reason) = session::due(&self.core, &session) {
            session::end(&self.core, &scope, &[session.key()], reason).await?;
            return Err(ServiceError::SessionEnded { reason });
        }
        let caller = Caller::new(session);
        caller.live()?;
        Ok(caller)
    }

    /// The operator, if `token` is theirs.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub fn operator(&self, token: &str) -> Result<OperatorCaller, ServiceError> {
        let expected = self.core.options.operator_token.as_ref().ok_or(ServiceError::Unauthenticated)?;
        // Digests have one length, so that the time says nothing of the token's.
        let (given, expected) = (Sha256::digest(token.as_bytes()), Sha256::digest(expected.as_bytes()));
        if bool::from(given.as_slice().ct_eq(expected.as_slice())) {
            Ok(OperatorCaller::new(TenantScope::operator()))
        } else {
            Err(ServiceError::Unauthenticated)
        }
    }

    /// Ends the caller's session. When this returns `Ok`, its token is dead and its sockets are told.
    ///
    /// # Errors
    /// The store failed; then the session may still live, and the call should be repeated.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), ServiceError> {
        let ended = [caller.inner().key()];
        session::end(&self.core, caller.scope(), &ended, EndReason::SignedOut).await
    }

    /// The caller's sessions, the latest first.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionView>, ServiceError> {
        caller.live()?;
        session::list(&self.core, caller.scope(), caller.user(), Some(caller.session())).await
    }

    /// Ends one of the caller's sessions; it may be this one.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn end(&self, caller: &Caller, session: SessionId) -> Result<(), ServiceError> {
        caller.live()?;
        let key = session::key(&self.core, caller.scope(), caller.user(), session).await?;
        let reason = if session == caller.session() { EndReason::SignedOut } else { EndReason::Revoked };
        session::end(&self.core, caller.scope(), &[key], reason).await
    }

    /// Ends all the caller's sessions but this one, and says how many.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn end_others(&self, caller: &Caller) -> Result<usize, ServiceError> {
        caller.live()?;
        session::end_all(&self.core, caller.scope(), caller.user(), Some(caller.session())).await
    }

    /// Ends all the caller's sessions, this one too, and says how many.
    ///
    /// # Errors
    /// `SessionEnded`, or the store failed.
    pub async fn end_all(&self, caller: &Caller) -> Result<usize, ServiceError> {
        caller.live()?;
        session::end_all(&self.core, caller.scope(), caller.user(), None).await
    }

    /// Someone's sessions, for those who manage members.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn sessions_of(&self, caller: &Caller, user: UserId) -> Result<Vec<SessionView>, ServiceError> {
        caller.require(Right::ManageMembers)?;
        self.core.person(caller.scope(), user).await?.ok_or(ServiceError::NotFound { what: "member" })?;
        session::list(&self.core, caller.scope(), user, None).await
    }

    /// Ends all of someone's sessions, and says how many.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn end_of(&self, caller: &Caller, user: UserId) -> Result<usize, ServiceError> {
        caller.require(Right::ManageMembers)?;
        self.core.person(caller.scope(), user).await?.ok_or(ServiceError::NotFound { what: "member" })?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "session.end-all").subject("user", &user);
        self.core.audit.record(caller.scope(), entry).await?;
        session::end_all(&self.core, caller.scope(), user, None).await
    }

    /// A person did something: their idle exit is put off.
    ///
    /// # Errors
    /// `SessionEnded`.
    pub fn activity(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.live()?;
        caller.inner().touch(self.core.now());
        Ok(())
    }

    /// Makes sure that it is the caller's owner who asks for something grave: their password, once more.
    ///
    /// # Errors
    /// `Forbidden` if it is wrong, `RateLimited`, `SessionEnded`, or the store failed.
    pub async fn confirm(&self, caller: &Caller, password: &Zeroizing<String>) -> Result<(), ServiceError> {
        caller.live()?;
        password::check_length(password)?;
        let guess = sign_in::account_digest(&[caller.tenant().as_bytes(), caller.user().as_bytes()]);
        self.core.attempts.begin(guess, self.core.now())?;
        let key = records::account(caller.user());
        let found = records::get::<Account>(&*self.core.ports.state, caller.scope(), &key, "account").await?;
        let (account, _) = found.ok_or(ServiceError::NotFound { what: "member" })?;
        if !self.core.passwords.verify(password, Some(&account.password)).await? {
            return Err(ServiceError::Forbidden { action: "do this without the present password" });
        }
        self.core.attempts.succeeded(guess);
        Ok(())
    }

    /// Changes the caller's own password, and ends their other sessions.
    ///
    /// # Errors
    /// `Forbidden` if the present password is wrong, `Invalid` if the new one is too short or long,
    /// `RateLimited`, `SessionEnded`, or the store failed.
    pub async fn change_password(
        &self,
        caller: &Caller,
        present: Zeroizing<String>,
        new: Zeroizing<String>,
    ) -> Result<(), ServiceError> {
        caller.live()?;
        password::check_length(&present)?;
        check_new(&new, self.core.tenants.policy(caller.tenant()).password_length)?;
        let guess = sign_in::account_digest(&[caller.tenant().as_bytes(), caller.user().as_bytes()]);
        self.core.attempts.begin(guess, self.core.now())?;
        let key = records::account(caller.user());
        let found = records::get::<Account>(&*self.core.ports.state, caller.scope(), &key, "account").await?;
        let (mut account, expect) = found.ok_or(ServiceError::NotFound { what: "member" })?;
        if !self.core.passwords.verify(&present, Some(&account.password)).await? {
            return Err(ServiceError::Forbidden { action: "change the password without the present one" });
        }
        self.core.attempts.succeeded(guess);
        account.password = self.core.passwords.hash(&new).await?;
        account.revision += 1;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "member.password").subject("user", &caller.user());
        let write = records::put(key, &account, expect)?;
        self.core.audit.commit(caller.scope(), vec![write], entry).await?;
        self.end_others(caller).await.map(drop)
    }
}
