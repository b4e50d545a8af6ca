//! Members: the accounts of one tenant, their roles and what people see of each other.

mod account;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{Right, Role, Timestamp, UserId};
use zeroize::Zeroizing;

pub(crate) use account::{
    Account, LoginRecord, agent, change_agent, check, create, find, normalise_login, set_password,
};
use account::{change, check_locale, check_name};

use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::{Caller, ServiceError, authentication, records};

/// Most members of one page.
const PAGE: usize = 200;

/// An account to be added.
#[derive(Clone)]
pub struct NewMember {
    /// What they type at sign-in: 1 to 64 characters without spaces; case and width do not count.
    pub login: String,
    /// What others see.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// Their language as a BCP 47 tag, such as `en` or `zh-Hans`.
    pub locale: Option<String>,
    /// Their first password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for NewMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMember").field("role", &self.role).finish_non_exhaustive()
    }
}

/// What an account's colleagues see of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its identifier.
    pub id: UserId,
    /// What its owner types at sign-in.
    pub login: String,
    /// What others see.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its language as a BCP 47 tag.
    pub locale: Option<String>,
    /// Whether it is shut.
    pub disabled: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// What changes in one's own profile; nothing leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// What others see.
    pub name: Option<String>,
    /// The language, or nothing to forget it.
    pub locale: Option<Option<String>>,
}

/// The accounts of a tenant.
#[derive(Clone)]
pub struct Members {
    core: Arc<Core>,
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members")
    }
}

impl Members {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Adds an account.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `Conflict` if the login name is taken, `SessionEnded`, or the store failed.
    pub async fn add(&self, caller: &Caller, new: NewMember) -> Result<Profile, ServiceError> {
        caller.require(Right::ManageMembers)?;
        may_touch(caller, new.role)?;
        let least = self.core.tenants.policy(caller.tenant()).password_length;
        create(&self.core, caller.scope(), &actor(caller), new, least).await
    }

    /// Accounts in the order of their making, after `after`, at most `limit` (1 to 200).
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(
        &self,
        caller: &Caller,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Profile>, ServiceError> {
        caller.require(Right::SeeMembers)?;
        let prefix = records::under("account", &[]);
        let after = after.map(records::account);
        let limit = limit.clamp(1, PAGE);
        let found = self.core.ports.state.scan(caller.scope(), &prefix, after.as_ref(), limit).await?;
        found.iter().map(|(_, kept)| Ok(records::decode::<Account>(kept, "account")?.profile)).collect()
    }

    /// One account: everybody may see their own, the others those who may see members.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, user: UserId) -> Result<Profile, ServiceError> {
        if user == caller.user() {
            return self.me(caller);
        }
        caller.require(Right::SeeMembers)?;
        let person = self.core.person(caller.scope(), user).await?.ok_or(ABSENT)?;
        Ok(Profile::clone(&person.profile.load()))
    }

    /// The caller's own account.
    ///
    /// # Errors
    /// `SessionEnded`.
    pub fn me(&self, caller: &Caller) -> Result<Profile, ServiceError> {
        caller.live()?;
        Ok(Profile::clone(&caller.profile()))
    }

    /// Changes the caller's own name or language.
    ///
    /// # Errors
    /// `Invalid`, `SessionEnded`, or the store failed.
    pub async fn update_me(&self, caller: &Caller, new: ProfileChange) -> Result<Profile, ServiceError> {
        caller.live()?;
        if let Some(name) = &new.name {
            check_name(name)?;
        }
        if let Some(Some(locale)) = &new.locale {
            check_locale(locale)?;
        }
        let entry = entry(caller, "member.profile", caller.user());
        change(&self.core, caller.scope(), caller.user(), entry, |account| {
            if let Some(name) = &new.name {
                account.profile.name.clone_from(name);
            }
            if let Some(locale) = &new.locale {
                account.profile.locale.clone_from(locale);
            }
            Ok(())
        })
        .await
    }

    /// Changes an account's role. Sessions that run have the new one at once.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` if it is the last owner, `SessionEnded`, or the store failed.
    pub async fn set_role(&self, caller: &Caller, user: UserId, role: Role) -> Result<Profile, ServiceError> {
        caller.require(Right::ManageMembers)?;
        may_touch(caller, role)?;
        let entry = entry(caller, "member.role", user).detail("role", json(role)?);
        change(&self.core, caller.scope(), user, entry, |account| {
            may_touch(caller, account.profile.role)?;
            if account.password.is_nobody() && role != Role::Agent {
                return Err(ServiceError::Conflict { what: "an agent stays an agent" });
            }
            account.profile.role = role;
            Ok(())
        })
        .await
    }

    /// Shuts an account, which ends its sessions, or opens it again.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` if it is the last owner or the caller's own, `SessionEnded`,
    /// or the store failed.
    pub async fn set_disabled(&self, caller: &Caller, user: UserId, disabled: bool) -> Result<Profile, ServiceError> {
        caller.require(Right::ManageMembers)?;
        if user == caller.user() {
            return Err(ServiceError::Conflict { what: "nobody can shut their own account" });
        }
        let entry = entry(caller, if disabled { "member.disable" } else { "member.enable" }, user);
        let profile = change(&self.core, caller.scope(), user, entry, |account| {
            may_touch(caller, account.profile.role)?;
            account.profile.disabled = disabled;
            Ok(())
        })
        .await?;
        if disabled {
            authentication::end_all(&self.core, caller.scope(), user, None).await?;
        }
        Ok(profile)
    }

    /// Gives an account a new password, and ends its sessions.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid`, `SessionEnded`, or the store failed.
    pub async fn reset_password(
        &self,
        caller: &Caller,
        user: UserId,
        password: Zeroizing<String>,
    ) -> Result<Profile, ServiceError> {
        caller.require(Right::ManageMembers)?;
        let person = self.core.person(caller.scope(), user).await?.ok_or(ABSENT)?;
        may_touch(caller, person.profile.load().role)?;
        set_password(&self.core, caller.scope(), &actor(caller), user, password).await
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "member" };

fn actor(caller: &Caller) -> Actor {
    Actor::User { id: caller.user() }
}

fn entry(caller: &Caller, action: &str, user: UserId) -> NewEntry {
    NewEntry::new(actor(caller), action).subject("user", &user)
}

fn json(role: Role) -> Result<serde_json::Value, ServiceError> {
    serde_json::to_value(role).map_err(|_| ServiceError::Internal { what: "a role cannot be written" })
}

/// Owners and admins are touched only by those who may make them.
fn may_touch(caller: &Caller, role: Role) -> Result<(), ServiceError> {
    if matches!(role, Role::Owner | Role::Admin) { caller.require(Right::ManageAdmins) } else { Ok(()) }
}
