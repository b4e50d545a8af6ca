//! All tenants, in memory: there are few, and every sign-in asks for one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use warbler_domain::TenantId;

use super::{Tenant, TenantPolicy};

/// All tenants.
#[derive(Default)]
pub(crate) struct TenantTable {
    tenants: ArcSwap<HashMap<TenantId, Arc<Tenant>>>,
}

impl TenantTable {
    pub(crate) fn put(&self, tenant: Tenant) {
        let tenant = Arc::new(tenant);
        self.change(|tenants| drop(tenants.insert(tenant.id, Arc::clone(&tenant))));
    }

    pub(crate) fn remove(&self, id: TenantId) {
        self.change(|tenants| drop(tenants.remove(&id)));
    }

    fn change(&self, apply: impl Fn(&mut HashMap<TenantId, Arc<Tenant>>)) {
        self.tenants.rcu(|present| {
            let mut tenants = HashMap::clone(present);
            apply(&mut tenants);
            tenants
        });
    }

    pub(crate) fn get(&self, id: TenantId) -> Option<Tenant> {
        self.tenants.load().get(&id).map(|tenant| Tenant::clone(tenant))
    }

    pub(crate) fn by_slug(&self, slug: &str) -> Option<TenantId> {
        self.tenants.load().values().find(|tenant| tenant.slug == slug).map(|tenant| tenant.id)
    }

    /// The tenant's policy; the default one for a tenant that was just removed.
    pub(crate) fn policy(&self, id: TenantId) -> TenantPolicy {
        self.tenants.load().get(&id).map(|tenant| tenant.policy.clone()).unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> Vec<TenantId> {
        self.tenants.load().keys().copied().collect()
    }

    pub(crate) fn all(&self) -> Vec<Tenant> {
        let mut all: Vec<_> = self.tenants.load().values().map(|tenant| Tenant::clone(tenant)).collect();
        all.sort_by(|one, other| one.slug.cmp(&other.slug));
        all
    }
}
