//! The compiler's queue: components are compiled a few at a time, on threads apart from live traffic,
//! and kept in the cache if there is one.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use warbler_domain::{LoadError, Timestamp};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::failure;

/// Compiles components.
pub(crate) struct Compiler {
    engine: Engine,
    cache: Option<Cache>,
    queue: Semaphore,
}

impl Compiler {
    pub(crate) fn new(engine: Engine, cache: Option<Cache>, at_a_time: usize) -> Arc<Self> {
        Arc::new(Self { engine, cache, queue: Semaphore::new(at_a_time.max(1)) })
    }

    /// The compiled code that `parts` decide, if the cache has it.
    pub(crate) async fn cached(self: &Arc<Self>, parts: &[&[u8]]) -> Result<Option<Component>, LoadError> {
        let Some(name) = self.cache.as_ref().map(|cache| cache.name(parts)) else { return Ok(None) };
        self.aside(move |me| me.cache.as_ref().and_then(|cache| cache.load(&me.engine, &name))).await
    }

    /// Compiles `bytes`, and keeps the code as what `parts` decide.
    pub(crate) async fn compile(self: &Arc<Self>, parts: &[&[u8]], bytes: Bytes) -> Result<Component, LoadError> {
        let name = self.cache.as_ref().map(|cache| cache.name(parts));
        let _turn = self.queue.acquire().await.map_err(|closed| LoadError::Cache(Box::new(closed)))?;
        let compiled = self.aside(move |me| me.compile_now(name.as_deref(), &bytes)).await?;
        compiled.map_err(|error| LoadError::Compile { text: failure::chain(&error) })
    }

    /// Deletes compiled code that was not used for long, as it is `now`.
    pub(crate) fn prune(&self, now: Timestamp) {
        let pruned = self.cache.as_ref().map_or(Ok(()), |cache| cache.prune(now));
        if let Err(error) = pruned {
            tracing::warn!(%error, "old compiled code could not be deleted");
        }
    }

    /// Does `work` on a thread where it may take its time.
    pub(crate) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let me = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&me)).await.map_err(|failed| LoadError::Cache(Box::new(failed)))
    }

    fn compile_now(&self, name: Option<&str>, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some((cache, name)) = self.cache.as_ref().zip(name) else {
            return Component::from_binary(&self.engine, bytes);
        };
        let code = self.engine.precompile_component(bytes)?;
        match cache.keep(name, &code) {
            // Mapped from its file, the code takes no private memory.
            Ok(()) => match cache.load(&self.engine, name) {
                Some(component) => Ok(component),
                None => Component::from_binary(&self.engine, bytes),
            },
            Err(error) => {
                tracing::warn!(%error, "compiled code cannot be kept, and will be compiled again next time");
                Component::from_binary(&self.engine, bytes)
            }
        }
    }
}
