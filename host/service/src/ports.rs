//! What the service is given: the ports of the domain, randomness, and a place for its tasks.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warbler_domain::{
    BackupRepositories, Blobs, Chunk, Clock, Completion, Feed, Found, Ids, IndexedDocument, Knowledge, KnowledgeError,
    KnowledgeQuery, MessageLog, ModelClient, ModelEndpoint, ModelError, PluginRuntime, Prompt, RandomIds,
    ScratchStores, State, SystemClock, TenantKeys, TenantScope, ToolClient, ToolConnection, ToolError, ToolServer,
};
use warbler_store::Store;

/// Gives bytes that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`; `false` if the source failed.
    fn fill(&self, bytes: &mut [u8]) -> bool;
}

/// The system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> bool {
        aws_lc_rs::rand::fill(bytes).is_ok()
    }
}

/// The ports that the service works through.
#[derive(Clone)]
pub struct Ports {
    /// Every conversation's events.
    pub log: Arc<dyn MessageLog>,
    /// Small records.
    pub state: Arc<dyn State>,
    /// Files.
    pub blobs: Arc<dyn Blobs>,
    /// Live fan-out between nodes.
    pub feed: Arc<dyn Feed>,
    /// The keys of tenants.
    pub keys: Arc<dyn TenantKeys>,
    /// Makes plugins callable.
    pub runtime: Arc<dyn PluginRuntime>,
    /// Keeps versions of tenants' data in backup sinks.
    pub backups: Arc<dyn BackupRepositories>,
    /// Makes stores that are thrown away, to try a restore in.
    pub scratch: Arc<dyn ScratchStores>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes identifiers.
    pub ids: Arc<dyn Ids>,
    /// Makes tokens and salts.
    pub entropy: Arc<dyn Entropy>,
    /// What agents work with.
    pub agents: AgentPorts,
}

impl Ports {
    /// Those over `store`, with the system's clock, identifiers and randomness, and with nothing for agents.
    #[must_use]
    pub fn over(
        store: &Arc<Store>,
        runtime: Arc<dyn PluginRuntime>,
        backups: Arc<dyn BackupRepositories>,
        scratch: Arc<dyn ScratchStores>,
    ) -> Self {
        Self {
            log: store.log(),
            state: store.state(),
            blobs: store.blobs(),
            feed: store.feed(),
            keys: store.tenant_keys(),
            runtime,
            backups,
            scratch,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            entropy: Arc::new(SystemEntropy),
            agents: AgentPorts::default(),
        }
    }
}

/// What agents work with beside their plugins. By default there is nothing: no model answers, no tool server
/// is reached, and no document can be read.
#[derive(Clone)]
pub struct AgentPorts {
    /// Speaks to providers of models.
    pub models: Arc<dyn ModelClient>,
    /// Connects to tool servers.
    pub tools: Arc<dyn ToolClient>,
    /// Reads documents and finds passages.
    pub knowledge: Arc<dyn Knowledge>,
    /// Agents that tests put in the place of plugins; they outlive a restart, as installations do.
    #[cfg(test)]
    pub(crate) stand_ins: Arc<StandIns>,
}

#[cfg(test)]
pub(crate) type StandIns = parking_lot::Mutex<
    std::collections::HashMap<warbler_domain::InstallationId, crate::LiveHook<dyn warbler_domain::Agent>>,
>;

impl Default for AgentPorts {
    fn default() -> Self {
        Self {
            models: Arc::new(Nothing),
            tools: Arc::new(Nothing),
            knowledge: Arc::new(Nothing),
            #[cfg(test)]
            stand_ins: Arc::default(),
        }
    }
}

/// Stands where an adapter is not wired.
struct Nothing;

#[async_trait]
impl ModelClient for Nothing {
    async fn complete(&self, _endpoint: &ModelEndpoint, _prompt: Prompt) -> Result<Completion, ModelError> {
        Err(ModelError::Denied { text: "this host speaks to no models".to_owned() })
    }

    async fn embed(&self, _endpoint: &ModelEndpoint, _texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        Err(ModelError::Denied { text: "this host speaks to no models".to_owned() })
    }
}

#[async_trait]
impl ToolClient for Nothing {
    async fn connect(&self, _server: ToolServer) -> Result<Arc<dyn ToolConnection>, ToolError> {
        Err(ToolError::Unreachable { text: "this host speaks to no tool servers".to_owned() })
    }
}

#[async_trait]
impl Knowledge for Nothing {
    async fn read(&self, media_type: &str, _bytes: Bytes) -> Result<Vec<Chunk>, KnowledgeError> {
        Err(KnowledgeError::Unsupported { media_type: media_type.to_owned() })
    }

    async fn put(&self, _scope: &TenantScope, _document: IndexedDocument) -> Result<(), KnowledgeError> {
        Ok(())
    }

    async fn remove(&self, _scope: &TenantScope, _document: &str) -> Result<(), KnowledgeError> {
        Ok(())
    }

    fn forget(&self, _scope: &TenantScope) {}

    async fn search(&self, _scope: &TenantScope, _query: KnowledgeQuery) -> Result<Vec<Found>, KnowledgeError> {
        Ok(Vec::new())
    }
}

/// The service's background tasks, and how to end them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends or the service stops.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Told when the service stops.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Stops every task and waits for them.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
