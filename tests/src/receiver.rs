//! A receiver of webhooks on the loopback: takes what plugins post over HTTP/1.1, keeps it, and answers
//! as it is told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A receiver. It ends when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    got: watch::Receiver<Vec<Value>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts a receiver on a free port, which answers 200.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let status = Arc::new(AtomicU16::new(200));
        let (keep, got) = watch::channel(Vec::new());
        let (keep, answer) = (Arc::new(keep), Arc::clone(&status));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keep, answer) = (Arc::clone(&keep), Arc::clone(&answer));
                tokio::spawn(async move {
                    let service = service_fn(move |request| take(request, Arc::clone(&keep), Arc::clone(&answer)));
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, status, got, task })
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The section of a host's configuration that lets plugins reach it.
    #[must_use]
    pub fn allowed(&self) -> String {
        format!("[plugins]\nallow_private_http = [\"{}\"]\n", self.address)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// What came so far.
    #[must_use]
    pub fn got(&self) -> Vec<Value> {
        self.got.borrow().clone()
    }

    /// Waits until what came satisfies `enough`, and gives it.
    ///
    /// # Errors
    /// The receiver ended.
    pub async fn until(&self, enough: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
        let mut got = self.got.clone();
        let seen = got.wait_for(|got| enough(got)).await?;
        Ok(seen.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    keep: Arc<watch::Sender<Vec<Value>>>,
    status: Arc<AtomicU16>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let status = status.load(Ordering::Relaxed);
    // What is refused did not arrive.
    if status < 300
        && let Ok(value) = serde_json::from_slice(&body)
    {
        keep.send_modify(|got| got.push(value));
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}
