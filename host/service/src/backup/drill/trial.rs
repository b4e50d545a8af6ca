//! A service of one's own over a store that is thrown away: what is restored into it is nobody's.

use std::sync::Arc;

use async_trait::async_trait;
use warbler_domain::{BackupError, InstallationId, ScratchStore, StoreError, TenantId, TenantScope};

use super::super::Inner;
use super::super::target::{RunningSink, TenantPlugins};
use crate::Ports;
use crate::audit::Audit;
use crate::core::Core;
use crate::lexicon::{LexiconSets, WordLists};
use crate::ports::Tasks;

/// Into which a restore is tried.
pub(super) struct Trial {
    pub(super) inner: Inner,
    store: ScratchStore,
    tasks: Tasks,
}

/// Nothing of a tenant's plugins runs in a trial.
struct NoPlugins;

#[async_trait]
impl TenantPlugins for NoPlugins {
    fn running_sinks(&self, _tenant: TenantId) -> Vec<RunningSink> {
        Vec::new()
    }

    async fn take_up(&self, _scope: &TenantScope, _installation: InstallationId, _active: bool) -> Option<String> {
        None
    }
}

impl Inner {
    /// An empty store for about so many bytes, in which the tenant has a key that is made for this.
    pub(super) async fn begin_trial(&self, scope: &TenantScope, bytes: u64) -> Result<Trial, BackupError> {
        let store = self.core.ports.scratch.open(bytes).await?;
        let tasks = Tasks::default();
        let ports = Ports {
            log: Arc::clone(&store.log),
            state: Arc::clone(&store.state),
            blobs: Arc::clone(&store.blobs),
            feed: Arc::clone(&store.feed),
            keys: Arc::clone(&store.keys),
            ..self.core.ports.clone()
        };
        let audit = Audit::new(Arc::clone(&ports.state), Arc::clone(&ports.clock), tasks.clone());
        let word_lists = WordLists::new(&ports, audit.clone(), tasks.clone(), LexiconSets::default());
        let (options, filters, hub) = (self.core.options.clone(), self.core.filters.clone(), self.core.hub.clone());
        let core = Arc::new(Core::new(ports, options, tasks.clone(), audit, filters, hub));
        let made = store.keys.create(scope.tenant()).await;
        let trial = Trial { inner: Inner::new(core, word_lists, Arc::new(NoPlugins)), store, tasks };
        match made {
            Ok(()) => Ok(trial),
            Err(error) => {
                trial.end().await?;
                Err(error.into())
            }
        }
    }
}

impl Trial {
    /// Throws it all away.
    pub(super) async fn end(self) -> Result<(), StoreError> {
        let Self { inner, store, tasks } = self;
        let stores = Arc::clone(&inner.core.ports.scratch);
        tasks.finish().await;
        drop(inner);
        stores.discard(store).await
    }
}
