//! The parts that have to do with plugins, put together: what the service and the routes call.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use warbler_domain::TenantId;

use crate::audit::Audit;
use crate::filters::FilterChains;
use crate::installation::{PluginOptions, Plugins};
use crate::lexicon::{LexiconSets, WordLists};
use crate::ports::{Ports, Tasks};
use crate::publisher::{Publishers, Trust};

/// Tenants whose word lists are read at a time when the host starts; compiling takes a core each.
const PARALLEL: usize = 4;

/// Plugins and what belongs to them.
#[derive(Debug, Clone)]
pub struct Extensions {
    /// The audit logs.
    pub audit: Audit,
    /// The filters that every message passes.
    pub filters: FilterChains,
    /// What tenants have installed.
    pub plugins: Plugins,
    /// Whom plugins may come from.
    pub publishers: Publishers,
    /// The tenants' word lists.
    pub word_lists: WordLists,
    trust: Trust,
}

impl Extensions {
    /// Everything empty; [`start`](Self::start) loads what is kept.
    #[must_use]
    pub fn new(ports: &Ports, tasks: &Tasks, options: PluginOptions) -> Self {
        let audit = Audit::new(Arc::clone(&ports.state), Arc::clone(&ports.clock), tasks.clone());
        let sets = LexiconSets::default();
        let filters = FilterChains::new(sets.clone());
        let word_lists = WordLists::new(ports, audit.clone(), tasks.clone(), sets);
        let (state, clock) = (Arc::clone(&ports.state), Arc::clone(&ports.clock));
        let trust = Trust::new(state, audit.clone(), clock, tasks.clone());
        let plugins =
            Plugins::new(ports.clone(), tasks.clone(), options, trust.clone(), audit.clone(), filters.clone());
        let publishers = Publishers::new(trust.clone(), plugins.clone());
        Self { audit, filters, plugins, publishers, word_lists, trust }
    }

    /// Loads what `tenants` have: trust, word lists, plugins. It always comes to an end without an error:
    /// what cannot be read is reported, and failure policies are in force for it. No message may be
    /// judged before it has returned.
    pub async fn start(&self, tenants: &[TenantId]) {
        if let Err(error) = self.trust.load().await {
            tracing::error!(%error, "whom the operator trusts could not be read: nobody is trusted");
        }
        stream::iter(tenants).for_each_concurrent(PARALLEL, |tenant| self.word_lists.load(*tenant)).await;
        self.plugins.start(tenants).await;
    }

    /// Forgets a tenant that was removed.
    pub fn forget(&self, tenant: TenantId) {
        self.plugins.forget(tenant);
        self.word_lists.forget(tenant);
    }
}
