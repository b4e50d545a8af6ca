//! The client: pooled connections over HTTP/1.1 and HTTP/2, TLS by rustls with public roots.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use super::connect::{Connector, SystemResolver};
use crate::RuntimeError;
use crate::options::HttpOptions;

/// Connections that are kept per host, and for how long.
const IDLE_PER_HOST: usize = 32;
const IDLE: Duration = Duration::from_secs(30);

/// What requests of all plugins go through.
#[derive(Clone)]
pub(crate) struct Client {
    pool: legacy::Client<HttpsConnector<Connector>, Full<Bytes>>,
    pub(super) exceptions: Arc<BTreeSet<SocketAddr>>,
    pub(super) timeout: Duration,
    pub(super) max_response: u64,
}

impl Client {
    pub(crate) fn new(options: HttpOptions) -> Result<Self, RuntimeError> {
        let exceptions = Arc::new(options.private_addresses);
        let resolver = options.resolver.unwrap_or_else(|| Arc::new(SystemResolver));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(options.extra_roots).map_err(RuntimeError::Tls)?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Connector { resolver, exceptions: Arc::clone(&exceptions) });
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(https);
        Ok(Self { pool, exceptions, timeout: options.timeout, max_response: options.max_response.0 })
    }

    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        self.pool.request(request).await
    }
}

fn tls(extra: Vec<rustls::pki_types::CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra {
        roots.add(root)?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
