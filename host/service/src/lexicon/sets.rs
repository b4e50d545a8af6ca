//! The compiled word lists of every tenant, as filters find them: a snapshot that is swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use warbler_domain::TenantId;
use warbler_text::LexiconSet;

/// The present sets. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LexiconSets {
    sets: Arc<ArcSwap<HashMap<TenantId, Arc<LexiconSet>>>>,
    /// What tenants without lists of their own have: the built-in ones.
    bare: Arc<LexiconSet>,
}

impl LexiconSets {
    /// The lists of `tenant` at this moment.
    pub(crate) fn get(&self, tenant: TenantId) -> Arc<LexiconSet> {
        Arc::clone(self.sets.load().get(&tenant).unwrap_or(&self.bare))
    }

    pub(super) fn put(&self, tenant: TenantId, set: LexiconSet) {
        let set = Arc::new(set);
        self.sets.rcu(|sets| {
            let mut sets = HashMap::clone(sets);
            sets.insert(tenant, Arc::clone(&set));
            sets
        });
    }

    pub(super) fn update(&self, tenant: TenantId, change: impl Fn(&LexiconSet) -> LexiconSet) {
        self.put(tenant, change(&self.get(tenant)));
    }

    pub(super) fn forget(&self, tenant: TenantId) {
        self.sets.rcu(|sets| {
            let mut sets = HashMap::clone(sets);
            sets.remove(&tenant);
            sets
        });
    }
}
