//! Tool servers on the network, by streamable HTTP, at addresses that a tenant's admin may name.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use warbler_domain::{ToolError, ToolServer, is_public};

use crate::mcp::failure;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What an event may be longer than the answer in it.
const AROUND: usize = 64 * 1024;

/// A transport to `url` that reaches public addresses, and any if its host is among `exceptions`.
///
/// # Errors
/// `Unreachable`, if the URL is none, or leads inwards.
pub(crate) async fn transport(
    url: &str,
    server: &ToolServer,
    exceptions: &BTreeSet<String>,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, ToolError> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed = parsed.ok_or_else(|| failure::unreachable("the URL is not an HTTP address"))?;
    let port = parsed.port_or_known_default().unwrap_or_default();
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let excepted = exceptions.contains(&format!("{}:{port}", parsed.host_str().unwrap_or_default()));
    let guard = Guard { port, excepted };
    // An address in place of a name is never looked up, so it is checked here; a name is checked here for the
    // sake of a clear error, and at every later lookup.
    guard.allowed(&host).await.map_err(|error| failure::unreachable(&error.to_string()))?;
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // A reused connection whose last answer was not read to its end stalls for the delayed
        // acknowledgement of TCP, as rmcp found for its own client.
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(guard))
        .user_agent(concat!("warbler/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| failure::unreachable("TLS cannot be set up"))?;
    let longest = server.max_answer.saturating_mul(4).saturating_add(AROUND);
    let mut config = StreamableHttpClientTransportConfig::with_uri(url).max_sse_event_size(longest);
    if let Some(token) = &server.token {
        config = config.auth_header(token.as_str());
    }
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// Looks names up, and keeps back addresses that lead inwards.
#[derive(Debug, Clone, Copy)]
struct Guard {
    port: u16,
    /// Whether the host may be anywhere.
    excepted: bool,
}

impl Guard {
    async fn allowed(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((host, self.port)).await?;
        let allowed = found.filter(|address| self.excepted || is_public(address.ip()));
        let allowed: Vec<SocketAddr> = allowed.collect();
        if allowed.is_empty() {
            return Err(io::Error::other("the address is private, and not among those that the operator allows"));
        }
        Ok(allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let addresses: Addrs = Box::new(guard.allowed(name.as_str()).await?.into_iter());
            Ok(addresses)
        })
    }
}
