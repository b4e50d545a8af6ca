//! All agents, in memory: there are few, and every message of the host asks whether there are any.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use warbler_domain::{TenantId, UserId};

use super::record::AgentRecord;

type Of = HashMap<UserId, Arc<AgentRecord>>;

/// The agents of all tenants.
#[derive(Default)]
pub(super) struct AgentTable {
    tenants: ArcSwap<HashMap<TenantId, Arc<Of>>>,
}

impl AgentTable {
    /// Whether a tenant has any.
    pub(super) fn has_any(&self, tenant: TenantId) -> bool {
        self.tenants.load().contains_key(&tenant)
    }

    pub(super) fn get(&self, tenant: TenantId, user: UserId) -> Option<Arc<AgentRecord>> {
        self.tenants.load().get(&tenant)?.get(&user).cloned()
    }

    /// A tenant's agents, the oldest first.
    pub(super) fn of(&self, tenant: TenantId) -> Vec<Arc<AgentRecord>> {
        let mut all: Vec<_> =
            self.tenants.load().get(&tenant).into_iter().flat_map(|of| of.values().cloned()).collect();
        all.sort_by_key(|agent| agent.user);
        all
    }

    pub(super) fn put(&self, tenant: TenantId, agent: AgentRecord) {
        let agent = Arc::new(agent);
        self.change(tenant, |of| drop(of.insert(agent.user, Arc::clone(&agent))));
    }

    pub(super) fn remove(&self, tenant: TenantId, user: UserId) {
        self.change(tenant, |of| drop(of.remove(&user)));
    }

    pub(super) fn forget(&self, tenant: TenantId) {
        self.change(tenant, HashMap::clear);
    }

    fn change(&self, tenant: TenantId, apply: impl Fn(&mut Of)) {
        self.tenants.rcu(|present| {
            let mut tenants = HashMap::clone(present);
            let mut of = tenants.get(&tenant).map(|of| Of::clone(of)).unwrap_or_default();
            apply(&mut of);
            if of.is_empty() {
                tenants.remove(&tenant);
            } else {
                tenants.insert(tenant, Arc::new(of));
            }
            tenants
        });
    }
}
