//! The runtime itself: made from its options, it makes plugins callable.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use warbler_domain::{LoadError, LoadRequest, LoadedPlugin, PluginRuntime};

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::error::RuntimeError;
use crate::hook::Places;
use crate::house::House;
use crate::http::Client;
use crate::options::RuntimeOptions;
use crate::{engine, load, sweeper, ticker};

/// Makes plugins callable. Those that were loaded stay so when it is dropped.
pub struct Runtime {
    house: Arc<House>,
}

/// What the instances of all plugins take at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Instances that exist, idle or not.
    pub instances: u64,
    /// Their memories.
    pub memories: usize,
    /// Stacks of calls that are under way.
    pub stacks: usize,
}

impl Runtime {
    /// Makes a runtime, and starts its two threads.
    ///
    /// # Errors
    /// - [`RuntimeError::Engine`]: the address space for the pool cannot be reserved, or a setting is
    ///   not supported on this machine.
    /// - [`RuntimeError::Cache`]: the folder cannot be made or is not writable.
    /// - [`RuntimeError::Tls`]: an extra root certificate does not parse.
    /// - [`RuntimeError::Thread`]: the system has no thread left.
    pub fn new(options: RuntimeOptions) -> Result<Arc<Self>, RuntimeError> {
        let engine =
            engine::build(&options.pool).map_err(|error| RuntimeError::Engine(error.into_boxed_dyn_error()))?;
        let profile = engine::profile(&engine);
        let open = |path: std::path::PathBuf| {
            Cache::open(&path, &options.key, profile).map_err(|source| RuntimeError::Cache { path, source })
        };
        let cache = options.cache.clone().map(open).transpose()?;
        ticker::start(&engine)?;
        let house = Arc::new(House {
            compiler: Compiler::new(engine.clone(), cache, options.compilers),
            client: Client::new(options.http)?,
            key: options.key,
            clock: options.clock,
            folders: options.folders,
            mail: options.mail,
            reuse: options.reuse,
            lanes: Arc::new(Semaphore::new(options.share.lanes.max(1))),
            places: Places::of_all(&options.share, options.pool.instances),
            share: options.share,
            init_deadline: options.init_deadline,
            snapshots: options.snapshots,
            tenants: Mutex::new(HashMap::new()),
            installations: Mutex::new(Vec::new()),
            engine,
        });
        sweeper::start(&house)?;
        Ok(Arc::new(Self { house }))
    }

    /// Gives up instances that were not called for `unused`, and says how many. The runtime does so by
    /// itself; this is for a host that needs memory at once.
    #[allow(clippy::must_use_candidate)] // The number is told for those who care.
    pub fn evict_idle(&self, unused: Duration) -> usize {
        self.house.evict(unused, true)
    }

    /// What instances take at this moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self.house.engine.pooling_allocator_metrics() {
            Some(pool) => {
                Usage { instances: pool.component_instances(), memories: pool.memories(), stacks: pool.stacks() }
            }
            None => Usage { instances: 0, memories: 0, stacks: 0 },
        }
    }
}

#[async_trait]
impl PluginRuntime for Runtime {
    async fn load(&self, request: LoadRequest) -> Result<Arc<dyn LoadedPlugin>, LoadError> {
        let (tenant, installation) = (request.tenant, request.installation);
        match load::load(&self.house, request).await {
            Ok(loaded) => Ok(Arc::new(loaded)),
            Err(error) => {
                tracing::warn!(%tenant, %installation, code = error.code(), %error, "a plugin could not be loaded");
                Err(error)
            }
        }
    }
}
