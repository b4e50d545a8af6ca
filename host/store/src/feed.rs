//! Live fan-out within one node.

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use warbler_domain::{Feed, Signal, StoreError, TenantId, TenantScope};

/// Signals that a slow subscriber may be behind; older ones it misses. Signals are live, so that
/// being late is the same as being away.
const BEHIND: usize = 16 * 1024;

/// Live fan-out within one node.
pub(crate) struct LocalFeed(broadcast::Sender<(TenantId, Signal)>);

impl LocalFeed {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

#[async_trait]
impl Feed for LocalFeed {
    async fn publish(&self, scope: &TenantScope, signal: Signal) -> Result<(), StoreError> {
        // That nobody subscribes is no error.
        drop(self.0.send((scope.tenant(), signal)));
        Ok(())
    }

    fn subscribe(&self) -> BoxStream<'static, (TenantId, Signal)> {
        BroadcastStream::new(self.0.subscribe()).filter_map(|signal| async { signal.ok() }).boxed()
    }
}
