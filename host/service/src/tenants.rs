//! Tenants: what the operator adds and removes, and the policy that each one's admins set.

mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{Expect, Right, Role, StateKey, StoreError, TenantId, TenantScope, Timestamp};
use zeroize::Zeroizing;

pub(crate) use table::TenantTable;

use crate::audit::{Actor, NewEntry};
use crate::authentication::check_new;
use crate::core::Core;
use crate::members::{self, NewMember, Profile};
use crate::plugin_wiring::Extensions;
use crate::{Caller, OperatorCaller, ServiceError, records};

/// Longest name of a tenant, in bytes.
const NAME: usize = 200;

/// What a tenant's admins decide about sign-in and sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantPolicy {
    /// After so many seconds in which no person did anything a session ends; 0 for never.
    pub idle_exit_seconds: u64,
    /// The greatest age of a session, in seconds.
    pub session_seconds: u64,
    /// The least length of a password, in characters.
    pub password_length: usize,
    /// Messages are erased after so many days, and no backup brings them back; 0 for never.
    #[serde(default)]
    pub retention_days: u32,
}

impl Default for TenantPolicy {
    fn default() -> Self {
        // NIST SP 800-63B asks for 8 characters at least where a password is the only factor of AAL1,
        // and for a new sign-in every 30 days.
        Self { idle_exit_seconds: 0, session_seconds: 30 * 24 * 3600, password_length: 8, retention_days: 0 }
    }
}

impl TenantPolicy {
    /// How long nobody may do anything; nothing if it does not matter.
    #[must_use]
    pub fn idle_exit(&self) -> Option<Duration> {
        (self.idle_exit_seconds > 0).then(|| Duration::from_secs(self.idle_exit_seconds))
    }
}

/// One enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its identifier.
    pub id: TenantId,
    /// What its people type at sign-in.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// What its admins decided.
    pub policy: TenantPolicy,
    /// Since when.
    pub created_at: Timestamp,
}

/// A tenant to be added.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// 2 to 40 of `a-z`, `0-9` and `-`, not at either end.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// Its policy.
    pub policy: TenantPolicy,
    /// Its first account; its role is always owner.
    pub owner: NewMember,
}

impl Tenant {
    /// Whether `slug` may be a tenant's.
    fn is_slug(slug: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (2..=40).contains(&slug.len()) && slug.bytes().all(is_plain) && !slug.starts_with('-') && !slug.ends_with('-')
    }
}

impl TenantPolicy {
    fn check(&self) -> Result<(), ServiceError> {
        let within = |field, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let problem = format!("must be from {least} to {most}");
            Err(ServiceError::Invalid { field, problem, limit: Some(if value < least { least } else { most }) })
        };
        if self.idle_exit_seconds > 0 {
            // Shorter ones would end sessions between two sweeps of people who are there.
            within("policy.idle_exit_seconds", self.idle_exit_seconds, 30, 30 * 24 * 3600)?;
        }
        within("policy.session_seconds", self.session_seconds, 60, 366 * 24 * 3600)?;
        within("policy.password_length", u64::try_from(self.password_length).unwrap_or(u64::MAX), 8, 128)?;
        // A hundred years are as good as for ever, and shorter than what a clock can count.
        within("policy.retention_days", self.retention_days.into(), 0, 36_500)
    }
}

/// The tenants of the host.
#[derive(Clone)]
pub struct Tenants {
    core: Arc<Core>,
    extensions: Extensions,
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tenants")
    }
}

impl Tenants {
    pub(crate) const fn new(core: Arc<Core>, extensions: Extensions) -> Self {
        Self { core, extensions }
    }

    /// Reads the tenants that there are.
    pub(crate) async fn load(&self) -> Result<Vec<TenantId>, ServiceError> {
        let scope = TenantScope::operator();
        let prefix = records::under("tenant", &[]);
        for (_, kept) in records::scan_all(&*self.core.ports.state, &scope, &prefix, usize::MAX).await? {
            self.core.tenants.put(records::decode(&kept, "tenant")?);
        }
        Ok(self.core.tenants.ids())
    }

    /// Adds a tenant and its owner.
    ///
    /// # Errors
    /// `Invalid`, `Conflict` if the slug is taken, or the store failed.
    pub async fn add(&self, operator: &OperatorCaller, new: NewTenant) -> Result<(Tenant, Profile), ServiceError> {
        if !Tenant::is_slug(&new.slug) {
            return Err(ServiceError::invalid("slug", "must have 2 to 40 of a-z, 0-9 and - between them"));
        }
        check_name(&new.name)?;
        new.policy.check()?;
        check_new(&new.owner.password, new.policy.password_length)?;
        members::check(&new.owner)?;
        let state = &*self.core.ports.state;
        let slug = records::slug(&state.blind(operator.scope(), "slug", new.slug.as_bytes())?);
        if state.get(operator.scope(), &slug).await?.is_some() {
            return Err(ServiceError::Conflict { what: "the slug is taken" });
        }
        let tenant = Tenant {
            id: TenantId::from_uuid(self.core.ports.ids.next()),
            slug: new.slug,
            name: new.name,
            policy: new.policy,
            created_at: self.core.now(),
        };
        self.core.ports.keys.create(tenant.id).await?;
        match self.keep(operator, &tenant, slug, new.owner).await {
            Ok(owner) => {
                self.core.tenants.put(tenant.clone());
                Ok((tenant, owner))
            }
            Err(error) => {
                // Nobody knows of this tenant, so nothing is lost with its key.
                self.core.ports.keys.destroy(tenant.id).await?;
                Err(error)
            }
        }
    }

    /// Keeps a new tenant; the owner first, because one that is listed can be signed in to.
    async fn keep(
        &self,
        operator: &OperatorCaller,
        tenant: &Tenant,
        slug: StateKey,
        owner: NewMember,
    ) -> Result<Profile, ServiceError> {
        let scope = TenantScope::own_work(tenant.id);
        let owner = NewMember { role: Role::Owner, ..owner };
        let least = tenant.policy.password_length;
        let owner = members::create(&self.core, &scope, &Actor::Operator, owner, least).await?;
        let writes = vec![
            records::put(slug, &tenant.id, Expect::Absent)?,
            records::put(records::tenant(tenant.id), tenant, Expect::Absent)?,
        ];
        let entry = NewEntry::new(Actor::Operator, "tenant.add").subject("tenant", &tenant.id);
        match self.core.audit.commit(operator.scope(), writes, entry).await {
            Ok(_) => Ok(owner),
            Err(StoreError::Conflict { .. }) => Err(ServiceError::Conflict { what: "the slug is taken" }),
            Err(error) => Err(error.into()),
        }
    }

    /// All tenants, by slug.
    #[must_use]
    pub fn list(&self, _operator: &OperatorCaller) -> Vec<Tenant> {
        self.core.tenants.all()
    }

    /// The tenant with this slug.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn find(&self, _operator: &OperatorCaller, slug: &str) -> Result<Tenant, ServiceError> {
        self.core.tenants.by_slug(slug).and_then(|id| self.core.tenants.get(id)).ok_or(ABSENT)
    }

    /// Removes a tenant: nobody can sign in, its sessions end, and its key is destroyed, so that nothing
    /// of it can be read again. May be called again if it failed half way.
    ///
    /// # Errors
    /// `NotFound`, or the store failed.
    pub async fn remove(&self, operator: &OperatorCaller, id: TenantId) -> Result<(), ServiceError> {
        let state = &*self.core.ports.state;
        let key = records::tenant(id);
        let found = records::get::<Tenant>(state, operator.scope(), &key, "tenant").await?;
        let (tenant, expect) = found.ok_or(ABSENT)?;
        // Off the list here first; the records go last, so that a removal cut short can be repeated.
        self.core.tenants.remove(id);
        self.core.forget_tenant(id);
        self.extensions.forget(id);
        self.core.ports.keys.destroy(id).await?;
        let slug = records::slug(&state.blind(operator.scope(), "slug", tenant.slug.as_bytes())?);
        let writes = vec![records::delete(key, expect), records::delete(slug, Expect::Any)];
        let entry = NewEntry::new(Actor::Operator, "tenant.remove").subject("tenant", &id);
        self.core.audit.commit(operator.scope(), writes, entry).await?;
        self.core.forget_tenant(id);
        Ok(())
    }

    /// Adds an account to a tenant, whatever its role.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant, `Invalid`, `Conflict` if the login name is taken, or the
    /// store failed.
    pub async fn add_member(
        &self,
        _operator: &OperatorCaller,
        tenant: TenantId,
        new: NewMember,
    ) -> Result<Profile, ServiceError> {
        let least = self.core.tenants.get(tenant).ok_or(ABSENT)?.policy.password_length;
        members::create(&self.core, &TenantScope::own_work(tenant), &Actor::Operator, new, least).await
    }

    /// Gives an account a new password, and ends its sessions.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant or account, `Invalid`, or the store failed.
    pub async fn reset_password(
        &self,
        _operator: &OperatorCaller,
        tenant: TenantId,
        login: &str,
        password: Zeroizing<String>,
    ) -> Result<Profile, ServiceError> {
        self.core.tenants.get(tenant).ok_or(ABSENT)?;
        let scope = TenantScope::own_work(tenant);
        let user = members::find(&self.core, &scope, login).await?;
        members::set_password(&self.core, &scope, &Actor::Operator, user, password).await
    }

    /// The caller's own tenant.
    ///
    /// # Errors
    /// `SessionEnded`.
    pub fn own(&self, caller: &Caller) -> Result<Tenant, ServiceError> {
        caller.live()?;
        self.core.tenants.get(caller.tenant()).ok_or(ABSENT)
    }

    /// Changes the policy of the caller's tenant. It holds for sessions that run, too.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `Conflict` if someone else changes it just now, or the store failed.
    pub async fn set_policy(&self, caller: &Caller, policy: TenantPolicy) -> Result<Tenant, ServiceError> {
        caller.require(Right::ManagePolicy)?;
        policy.check()?;
        // Tenants are the host's own records; the caller's right to change this one was just checked.
        let scope = TenantScope::operator();
        let key = records::tenant(caller.tenant());
        let found = records::get::<Tenant>(&*self.core.ports.state, &scope, &key, "tenant").await?;
        let (mut tenant, expect) = found.ok_or(ABSENT)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "policy.change")
            .detail("idle-exit-seconds", policy.idle_exit_seconds)
            .detail("session-seconds", policy.session_seconds)
            .detail("password-length", policy.password_length)
            .detail("retention-days", policy.retention_days);
        self.core.audit.record(caller.scope(), entry).await?;
        tenant.policy = policy;
        self.core.ports.state.commit(&scope, vec![records::put(key, &tenant, expect)?]).await?;
        self.core.tenants.put(tenant.clone());
        Ok(tenant)
    }
}

/// What a tenant has from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CameBack {
    /// Whether it has its name again.
    pub(crate) name: bool,
    /// Whether it has its policy again.
    pub(crate) policy: bool,
}

/// Gives a tenant the name and the policy that a backup has. A policy that somebody has set stays.
pub(crate) async fn bring_back(
    core: &Core,
    scope: &TenantScope,
    name: Option<&str>,
    policy: &TenantPolicy,
) -> Result<CameBack, ServiceError> {
    // Tenants are the host's own records; this one is the restored tenant's own.
    let (host, key) = (TenantScope::operator(), records::tenant(scope.tenant()));
    let mut came = CameBack::default();
    // One that is being removed, or of a trial, is not listed.
    if core.tenants.get(scope.tenant()).is_none() {
        return Ok(came);
    }
    let found = records::get::<Tenant>(&*core.ports.state, &host, &key, "tenant").await?;
    let Some((mut tenant, expect)) = found else { return Ok(came) };
    if let Some(name) = name
        && name != tenant.name
        && check_name(name).is_ok()
    {
        name.clone_into(&mut tenant.name);
        came.name = true;
    }
    if tenant.policy == TenantPolicy::default() && tenant.policy != *policy && policy.check().is_ok() {
        tenant.policy = policy.clone();
        came.policy = true;
    }
    if came != CameBack::default() {
        let told = NewEntry::new(Actor::Host, "tenant.restore")
            .detail("name", came.name)
            .detail("policy", came.policy)
            .detail("idle-exit-seconds", tenant.policy.idle_exit_seconds)
            .detail("session-seconds", tenant.policy.session_seconds)
            .detail("password-length", tenant.policy.password_length)
            .detail("retention-days", tenant.policy.retention_days);
        core.audit.record(scope, told).await?;
        core.ports.state.commit(&host, vec![records::put(key, &tenant, expect)?]).await?;
        core.tenants.put(tenant);
    }
    Ok(came)
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "tenant" };

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.trim().is_empty() || name.len() > NAME { Err(ServiceError::length("name", NAME)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_lower_case_words() {
        for good in ["ab", "acme", "acme-2", &"a".repeat(40)] {
            assert!(Tenant::is_slug(good), "{good}");
        }
        for bad in ["", "a", "Acme", "a b", "-ab", "ab-", "a_b", "ä-b", &"a".repeat(41)] {
            assert!(!Tenant::is_slug(bad), "{bad}");
        }
    }
}
