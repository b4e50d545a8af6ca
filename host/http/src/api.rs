//! What every handler works with: the service, the options, and the sockets that are open.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warbler_domain::{ByteSize, Ids, MessageLimits};
use warbler_service::Service;

/// What a frame may have beside the content of a message.
const FRAME: usize = 64 * 1024;

/// Renders the metrics for Prometheus.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What an operator may set about the API.
#[derive(Clone)]
pub struct ApiOptions {
    /// Whether clients reach the host by TLS, so that browsers may be told to insist on it.
    pub tls: bool,
    /// A request that takes longer is given up; files may take longer.
    pub request_timeout: Duration,
    /// What a message may carry, which limits frames and bodies.
    pub messages: MessageLimits,
    /// The largest file.
    pub attachment: ByteSize,
    /// Sends of one connection that may be on their way at a time.
    pub send_window: usize,
    /// Time between two pings; a peer that was silent for two of them is taken for dead.
    pub ping_every: Duration,
    /// A client has so long to say hello.
    pub hello_timeout: Duration,
    /// Renders the metrics.
    pub metrics: RenderMetrics,
    /// Whether programs on the same machine may read them without the operator's token.
    pub metrics_on_loopback: bool,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            tls: false,
            request_timeout: Duration::from_secs(30),
            messages: MessageLimits::default(),
            attachment: ByteSize::mib(100),
            send_window: 32,
            // Below the idle timeouts of common proxies, which begin at 60 s.
            ping_every: Duration::from_secs(30),
            hello_timeout: Duration::from_secs(10),
            metrics: Arc::new(String::new),
            metrics_on_loopback: true,
        }
    }
}

impl ApiOptions {
    /// The longest frame that a client may send: the longest message and as much again beside it.
    pub(crate) fn frame_limit(&self) -> usize {
        FRAME + self.messages.text.as_usize().max(self.messages.custom.as_usize())
    }
}

impl std::fmt::Debug for ApiOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiOptions").field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// The API of one host.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

struct Inner {
    service: Service,
    ids: Arc<dyn Ids>,
    options: ApiOptions,
    sockets: TaskTracker,
    closing: CancellationToken,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("sockets", &self.inner.sockets.len()).finish_non_exhaustive()
    }
}

impl Api {
    /// An API over `service`; `ids` name its requests.
    #[must_use]
    pub fn new(service: Service, ids: Arc<dyn Ids>, options: ApiOptions) -> Self {
        let (sockets, closing) = (TaskTracker::new(), CancellationToken::new());
        Self { inner: Arc::new(Inner { service, ids, options, sockets, closing }) }
    }

    /// Closes every WebSocket with code 1001 and waits until they are closed, at most for `drain`.
    pub async fn close_sockets(&self, drain: Duration) {
        self.inner.closing.cancel();
        self.inner.sockets.close();
        if tokio::time::timeout(drain, self.inner.sockets.wait()).await.is_err() {
            tracing::warn!(open = self.inner.sockets.len(), "some sockets did not close in time");
        }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.inner.service
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        &*self.inner.ids
    }

    pub(crate) fn options(&self) -> &ApiOptions {
        &self.inner.options
    }

    pub(crate) fn sockets(&self) -> &TaskTracker {
        &self.inner.sockets
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }
}
