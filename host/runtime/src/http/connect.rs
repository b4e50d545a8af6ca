//! Connections: names are looked up here, and every address is checked before it is connected to, so
//! that a name cannot change its mind between the check and the use.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::address;

/// The longest that connecting to one address may take; another may follow.
const CONNECT: Duration = Duration::from_secs(5);

/// Looks names up. A port, so that tests can be anybody's name server.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of `host`.
    ///
    /// # Errors
    /// The name is unknown, or no server answered.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no importance to the lookup.
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A host has no address that a plugin may reach.
#[derive(Debug)]
pub(crate) struct Private(String);

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has only private addresses", self.0)
    }
}

impl std::error::Error for Private {}

/// Connects to public addresses.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) exceptions: Arc<BTreeSet<SocketAddr>>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found = match host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => self.resolver.resolve(host).await?,
        };
        let reachable = found
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .filter(|address| address::is_allowed(*address, &self.exceptions));
        let mut error = io::Error::new(io::ErrorKind::PermissionDenied, Private(host.to_owned()));
        for address in reachable {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it, HTTP/2 waits 40 ms for acknowledgements that the peer delays.
                    stream.set_nodelay(true)?;
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(refused)) => error = refused,
                Err(_) => error = io::Error::new(io::ErrorKind::TimedOut, "connecting took too long"),
            }
        }
        Err(error)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
