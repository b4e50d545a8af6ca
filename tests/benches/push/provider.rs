//! A provider on the loopback: HTTP/2 over TLS with a certificate of its own, which answers 201 and counts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How long everything may take at most.
const PATIENCE: Duration = Duration::from_mins(10);

/// What is counted.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    connections: AtomicU64,
    expected: AtomicU64,
}

/// The provider.
pub(crate) struct Provider {
    address: SocketAddr,
    /// Its certificate, in a file.
    pub(crate) trust: PathBuf,
    /// The certificate itself.
    pub(crate) certificate: rustls::pki_types::CertificateDer<'static>,
    counts: Arc<Counts>,
    done: watch::Receiver<u64>,
}

impl Provider {
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let trust = folder.join("provider.pem");
        std::fs::write(&trust, made.cert.pem())?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let (tell, done) = watch::channel(0);
        let tell = Arc::new(tell);
        let shared = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counts, tell) = (acceptor.clone(), Arc::clone(&shared), Arc::clone(&tell));
                counts.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| take(request, Arc::clone(&counts), Arc::clone(&tell)));
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, trust, certificate, counts, done })
    }

    /// Where it listens, as `127.0.0.1:PORT`.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Begins to count to `count`.
    pub(crate) fn expect(&self, count: u64) {
        let seen = self.counts.requests.load(Ordering::Relaxed);
        self.counts.expected.store(seen + count, Ordering::Relaxed);
    }

    /// Waits until as many requests came as were expected.
    pub(crate) async fn all_came(&self) -> Result<()> {
        let expected = self.counts.expected.load(Ordering::Relaxed);
        let mut done = self.done.clone();
        let waited = tokio::time::timeout(PATIENCE, done.wait_for(|seen| *seen >= expected)).await;
        let seen = self.counts.requests.load(Ordering::Relaxed);
        waited.with_context(|| format!("{seen} of {expected} requests came"))??;
        Ok(())
    }
}

async fn take(
    request: Request<Incoming>,
    counts: Arc<Counts>,
    tell: Arc<watch::Sender<u64>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    let seen = counts.requests.fetch_add(1, Ordering::Relaxed) + 1;
    if seen == counts.expected.load(Ordering::Relaxed) {
        tell.send_replace(seen);
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
