//! Publishers: whom the operator trusts to sign plugins, what is revoked, the development mode of single
//! tenants, and how a tenant narrows all that. Checking signatures is `warbler_package`'s work.
//!
//! A change takes effect at once: when the call returns, running plugins that are no longer trusted are
//! unloaded, and their failure policy is in force.
//!
//! The operator's methods take an [`OperatorCaller`]; a tenant's narrowing needs `Right::ManagePlugins`.

mod trust;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use warbler_domain::{Right, TenantId, Timestamp};
use warbler_package::{Digest, KeyId, Narrowing, PublicKey, Publisher, Requirement, RevocationList};

use crate::audit::NewEntry;
use crate::installation::Plugins;
use crate::plugin_author::Author;
use crate::{Caller, OperatorCaller, ServiceError};
pub(crate) use trust::Trust;
use trust::Trusted;

/// Most publishers and revocations that are kept; far beyond what an operator can oversee.
const ENTRIES: usize = 10_000;

/// Longest name of a publisher, and longest reason, in bytes.
const TEXT: usize = 256;

/// A tenant's local key, accepted in development mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct DevelopmentKey {
    /// What people call it.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Since when it is accepted.
    pub since: Timestamp,
}

/// Everything that the operator trusts and has revoked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustView {
    /// The trusted publishers.
    pub publishers: Vec<Publisher>,
    /// Whose signatures a package needs.
    pub require: Requirement,
    /// What is revoked.
    pub revoked: RevocationList,
    /// Tenants in development mode. Each of them accepts packages that nobody reviewed.
    pub development: BTreeMap<TenantId, DevelopmentKey>,
}

/// What a change of trust did to running plugins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Enforced {
    /// Installations that were unloaded, as `TENANT/INSTALLATION`.
    pub unloaded: Vec<String>,
}

/// Whom plugins may come from.
#[derive(Clone)]
pub struct Publishers {
    trust: Trust,
    plugins: Plugins,
}

impl fmt::Debug for Publishers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publishers")
    }
}

impl Publishers {
    pub(crate) const fn new(trust: Trust, plugins: Plugins) -> Self {
        Self { trust, plugins }
    }

    /// Everything that is trusted and revoked.
    ///
    /// # Errors
    /// None at present; the caller's authority is in its type.
    pub fn list(&self, _operator: &OperatorCaller) -> Result<TrustView, ServiceError> {
        Ok(TrustView::from(&*self.trust.present()))
    }

    /// Trusts a publisher from now on, or changes what is known of the one with the same key.
    ///
    /// # Errors
    /// `Invalid` if the name is empty or too long, another publisher bears it or the key's id, or the key
    /// is revoked; the store failed.
    pub async fn add(&self, _operator: &OperatorCaller, publisher: Publisher) -> Result<Enforced, ServiceError> {
        check_text("name", &publisher.name)?;
        if publisher.development {
            return Err(ServiceError::invalid("development", "is for the key of one tenant, not for a publisher"));
        }
        let entry = operators("publisher.add")
            .subject("publisher", &publisher.key.id())
            .detail("name", publisher.name.as_str());
        self.change(entry, move |trusted| trusted.add(publisher)).await
    }

    /// Trusts a publisher no longer. Its running plugins are unloaded.
    ///
    /// # Errors
    /// `NotFound`; the store failed.
    pub async fn remove(&self, _operator: &OperatorCaller, key: KeyId) -> Result<Enforced, ServiceError> {
        let entry = operators("publisher.remove").subject("publisher", &key);
        self.change(entry, move |trusted| {
            let before = trusted.publishers.len();
            trusted.publishers.retain(|publisher| publisher.key.id() != key);
            if trusted.publishers.len() == before {
                return Err(ServiceError::NotFound { what: "publisher" });
            }
            Ok(())
        })
        .await
    }

    /// Revokes a key for good: nothing that it signed is accepted any more, whenever it was signed. The
    /// key need not be known.
    ///
    /// # Errors
    /// `Invalid` if the reason is empty or too long; the store failed.
    pub async fn revoke_key(
        &self,
        operator: &OperatorCaller,
        key: KeyId,
        reason: String,
    ) -> Result<Enforced, ServiceError> {
        self.revoke(operator, RevocationList { keys: [(key, reason)].into(), ..RevocationList::default() }).await
    }

    /// Revokes one package for good.
    ///
    /// # Errors
    /// As for [`revoke_key`](Self::revoke_key).
    pub async fn revoke_digest(
        &self,
        operator: &OperatorCaller,
        digest: Digest,
        reason: String,
    ) -> Result<Enforced, ServiceError> {
        self.revoke(operator, RevocationList { digests: [(digest, reason)].into(), ..RevocationList::default() }).await
    }

    /// Adds a whole list of revocations, such as one brought on a disk to a host without a network.
    ///
    /// # Errors
    /// As for [`revoke_key`](Self::revoke_key).
    pub async fn revoke(&self, _operator: &OperatorCaller, list: RevocationList) -> Result<Enforced, ServiceError> {
        for reason in list.keys.values().chain(list.digests.values()) {
            check_text("reason", reason)?;
        }
        let words = |ids: Vec<String>| ids.into_iter().take(100).collect::<Vec<_>>();
        let entry = operators("publisher.revoke")
            .detail("keys", words(list.keys.keys().map(ToString::to_string).collect()))
            .detail("digests", words(list.digests.keys().map(ToString::to_string).collect()))
            .detail("revocations", list.keys.len() + list.digests.len());
        self.change(entry, move |trusted| {
            trusted.revoked.add(&list);
            Ok(())
        })
        .await
    }

    /// Sets whose signatures every package needs.
    ///
    /// # Errors
    /// The store failed.
    pub async fn require(
        &self,
        _operator: &OperatorCaller,
        requirement: Requirement,
    ) -> Result<Enforced, ServiceError> {
        let keys = match &requirement {
            Requirement::AnyOf => Vec::new(),
            Requirement::AllOf(keys) => keys.iter().map(ToString::to_string).collect(),
        };
        let entry = operators("publisher.require").detail("all-of", keys);
        self.change(entry, move |trusted| {
            trusted.require = requirement;
            Ok(())
        })
        .await
    }

    /// Puts one tenant into development mode with a local key, or out of it with none. Packages signed by
    /// the key alone are marked as such wherever they are listed.
    ///
    /// # Errors
    /// `Invalid` if the name is empty or too long, or the key is revoked; the store failed.
    pub async fn set_development_key(
        &self,
        _operator: &OperatorCaller,
        tenant: TenantId,
        key: Option<(String, PublicKey)>,
    ) -> Result<Enforced, ServiceError> {
        if let Some((name, key)) = &key {
            check_text("name", name)?;
            tracing::warn!(%tenant, key = %key.id(), "DEVELOPMENT MODE: packages by a local key are accepted");
        }
        let entry = operators("publisher.development")
            .subject("tenant", &tenant)
            .detail("key", key.as_ref().map(|(_, key)| key.id().to_string()));
        let since = self.trust.now();
        self.change(entry, move |trusted| {
            let key = key.map(|(name, key)| DevelopmentKey { name, key, since });
            trusted.develop(tenant, key)
        })
        .await
    }

    /// The tenant's development key, if it is in development mode. Every page of its console says so.
    ///
    /// # Errors
    /// The caller may not see plugins.
    pub fn development(&self, caller: &Caller) -> Result<Option<DevelopmentKey>, ServiceError> {
        caller.require(Right::SeePlugins)?;
        Ok(self.trust.present().development.get(&caller.scope().tenant()).cloned())
    }

    /// How the tenant narrows the operator's trust.
    ///
    /// # Errors
    /// The caller may not see it, or the store failed.
    pub async fn narrowing(&self, caller: &Caller) -> Result<Narrowing, ServiceError> {
        caller.require(Right::SeePlugins)?;
        self.trust.narrowing(caller.scope()).await
    }

    /// Narrows the operator's trust for this tenant. It can only refuse more, never accept more.
    ///
    /// # Errors
    /// The caller may not; `Invalid` if a reason is too long; the store failed.
    pub async fn narrow(&self, caller: &Caller, narrowing: Narrowing) -> Result<Enforced, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        for reason in narrowing.revoked.keys.values().chain(narrowing.revoked.digests.values()) {
            check_text("reason", reason)?;
        }
        let tenant = caller.scope().tenant();
        self.trust.narrow(&Author::from(caller), narrowing).await?;
        Ok(Enforced { unloaded: self.plugins.enforce(Some(tenant)).await })
    }

    async fn change(
        &self,
        entry: NewEntry,
        change: impl FnOnce(&mut Trusted) -> Result<(), ServiceError> + Send + 'static,
    ) -> Result<Enforced, ServiceError> {
        self.trust.change(entry, change).await?;
        Ok(Enforced { unloaded: self.plugins.enforce(None).await })
    }
}

impl From<&Trusted> for TrustView {
    fn from(trusted: &Trusted) -> Self {
        Self {
            publishers: trusted.publishers.clone(),
            require: trusted.require.clone(),
            revoked: trusted.revoked.clone(),
            development: trusted.development.clone(),
        }
    }
}

fn operators(action: &str) -> NewEntry {
    NewEntry::new(Author::operator().actor, action)
}

fn check_text(field: &'static str, text: &str) -> Result<(), ServiceError> {
    if text.trim().is_empty() || text.len() > TEXT {
        return Err(ServiceError::length(field, TEXT));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
