//! What the service is given: the ports of the domain, randomness, and a place for its tasks.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warbler_domain::{Blobs, Clock, Feed, Ids, MessageLog, PluginRuntime, State, TenantKeys};

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
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes identifiers.
    pub ids: Arc<dyn Ids>,
    /// Makes tokens and salts.
    pub entropy: Arc<dyn Entropy>,
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
