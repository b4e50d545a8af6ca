//! The import `http`: what is granted is reached, what is private is not, and secrets stay the host's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hyper::Version;
use warbler_domain::{ByteSize, Reason};
use warbler_runtime::{HttpOptions, Resolver, Runtime};

use crate::harness::{Plugin, SECRET, options, plan};
use crate::server::{Server, leads, says};

/// A name server that says what the test says, and something else from the second question on.
struct Names {
    first: IpAddr,
    later: IpAddr,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(vec![if before == 0 { self.first } else { self.later }])
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn always(ip: IpAddr) -> Arc<Names> {
    Arc::new(Names { first: ip, later: ip, asked: AtomicUsize::new(0) })
}

fn runtime(http: HttpOptions) -> Arc<Runtime> {
    let mut options = options();
    options.http = http;
    Runtime::new(options).unwrap()
}

/// A runtime whose plugins may reach these servers, although they are on this machine.
fn reaching(addresses: &[SocketAddr]) -> HttpOptions {
    HttpOptions {
        private_addresses: addresses.iter().copied().collect(),
        resolver: Some(always(LOOPBACK)),
        ..HttpOptions::default()
    }
}

async fn fetcher(runtime: &Runtime, grants: &[&str]) -> Plugin {
    let plan = plan("fetch").with(|r| {
        r.grants.http = grants.iter().map(|&grant| grant.to_owned()).collect();
        r.grants.secrets = ["token".into()].into();
    });
    plan.load(runtime).await
}

/// What came of a request: which case, and its words.
async fn get(plugin: &Plugin, url: &str) -> (String, String) {
    let Reason { code, text } = plugin.held(url).await;
    (code.trim_end().to_owned(), text)
}

fn is(got: &(String, String), case: &str, words: &str) {
    assert!(got.0 == case && got.1.contains(words), "{got:?} is not {case}: {words}");
}

#[tokio::test]
async fn a_granted_host_is_reached_over_one_connection_with_the_secret_put_in() {
    let server = Server::answering(|_| says(200, "hello from afar")).await;
    let runtime = runtime(reaching(&[server.address]));
    let plugin = fetcher(&runtime, &[&server.grant()]).await;
    for _ in 0..3 {
        is(&get(&plugin, &server.url("/a")).await, "ok", "hello from afar");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].line, "GET /a");
    assert_eq!(seen[0].authorization, Some(format!("Bearer {SECRET}")));
    assert!(plugin.log.all().iter().all(|line| !line.contains(SECRET)));
}

#[tokio::test]
async fn http_2_over_tls_is_spoken_to_a_server_that_can() {
    let (server, certificate) = Server::secure("api.example.com", |_| says(200, "over tls")).await;
    let http = HttpOptions { extra_roots: vec![certificate], ..reaching(&[server.address]) };
    let runtime = runtime(http);
    let grant = format!("*.example.com:{}", server.address.port());
    let plugin = fetcher(&runtime, &[&grant]).await;
    let url = format!("https://api.example.com:{}/x", server.address.port());
    is(&get(&plugin, &url).await, "ok", "over tls");
    assert_eq!(server.seen()[0].version, Version::HTTP_2);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let (server, _) = Server::secure("api.example.com", |_| says(200, "hello")).await;
    let runtime = runtime(reaching(&[server.address]));
    let url = format!("https://api.example.com:{}/", server.address.port());
    let plugin = fetcher(&runtime, &[&format!("api.example.com:{}", server.address.port())]).await;
    is(&get(&plugin, &url).await, "unreachable", "");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn what_is_not_granted_is_denied_before_anything_is_sent() {
    let server = Server::answering(|_| says(200, "hello")).await;
    let runtime = runtime(reaching(&[server.address]));
    let plugin = fetcher(&runtime, &["api.example.com:443"]).await;
    is(&get(&plugin, &server.url("/")).await, "denied", "was not granted");
    is(&get(&plugin, "https://api.example.com:8443/").await, "denied", "was not granted");
    is(&get(&plugin, "ftp://api.example.com/").await, "denied", "neither http nor https");
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_private_address_is_denied_even_if_it_was_granted() {
    let server = Server::answering(|_| says(200, "hello")).await;
    let runtime = runtime(HttpOptions::default());
    let port = server.address.port();
    let mapped = format!("[::ffff:7f00:1]:{port}");
    let plugin = fetcher(&runtime, &[&server.grant(), &mapped, "169.254.169.254:80"]).await;
    is(&get(&plugin, &server.url("/")).await, "denied", "is a private address");
    is(&get(&plugin, &format!("http://0x7f.1:{port}/")).await, "denied", "is a private address");
    is(&get(&plugin, &format!("http://{mapped}/")).await, "denied", "is a private address");
    is(&get(&plugin, "http://169.254.169.254/latest/meta-data").await, "denied", "is a private address");
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_denied_whenever_it_does() {
    let server = Server::answering(|_| says(200, "hello")).await;
    let port = server.address.port();
    let http = HttpOptions { resolver: Some(always(LOOPBACK)), ..HttpOptions::default() };
    let runtime = runtime(http);
    let plugin = fetcher(&runtime, &[&format!("rebound.example.com:{port}")]).await;
    is(&get(&plugin, &format!("http://rebound.example.com:{port}/")).await, "denied", "only private addresses");
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_looked_up_and_checked_for_every_connection() {
    // Connections close after each answer, so that the second request has to connect again.
    let server = Server::answering(|_| {
        let mut answer = says(200, "hello");
        answer.headers_mut().insert("connection", "close".parse().unwrap());
        answer
    });
    let server = server.await;
    let port = server.address.port();
    let names = Arc::new(Names { first: LOOPBACK, later: "10.0.0.1".parse().unwrap(), asked: AtomicUsize::new(0) });
    let runtime = runtime(HttpOptions { resolver: Some(names), ..reaching(&[server.address]) });
    let plugin = fetcher(&runtime, &[&format!("api.example.com:{port}")]).await;
    let url = format!("http://api.example.com:{port}/");
    is(&get(&plugin, &url).await, "ok", "hello");
    is(&get(&plugin, &url).await, "denied", "only private addresses");
}

#[tokio::test]
async fn redirects_are_followed_within_the_grants_and_no_further() {
    let inner = Server::answering(|_| says(200, "the inner sanctum")).await;
    let inner_url = inner.url("/secret");
    let server = Server::answering(move |seen| match seen.line.as_str() {
        "GET /here" => leads(302, "/there"),
        "GET /there" => says(200, "there"),
        "GET /inwards" => leads(302, &inner_url),
        "GET /metadata" => leads(307, "http://169.254.169.254/latest"),
        _ => leads(301, "/again"),
    });
    let server = server.await;
    let runtime = runtime(reaching(&[server.address]));
    let plugin = fetcher(&runtime, &[&server.grant(), "169.254.169.254:80"]).await;
    is(&get(&plugin, &server.url("/here")).await, "ok", "there");
    is(&get(&plugin, &server.url("/inwards")).await, "denied", "was not granted");
    is(&get(&plugin, &server.url("/metadata")).await, "denied", "is a private address");
    is(&get(&plugin, &server.url("/round-and-round")).await, "denied", "more than 5 times");
    assert_eq!(inner.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_secret_does_not_follow_a_redirect_to_another_host() {
    let other = Server::answering(|_| says(200, "other")).await;
    let to = other.url("/");
    let server = Server::answering(move |_| leads(302, &to)).await;
    let runtime = runtime(reaching(&[server.address, other.address]));
    let plugin = fetcher(&runtime, &[&server.grant(), &other.grant()]).await;
    is(&get(&plugin, &server.url("/")).await, "ok", "other");
    assert!(server.seen()[0].authorization.is_some());
    assert_eq!(other.seen()[0].authorization, None);
}

#[tokio::test]
async fn a_secret_that_was_not_granted_is_not_put_in() {
    let server = Server::answering(|_| says(200, "hello")).await;
    let runtime = runtime(reaching(&[server.address]));
    let plugin = plan("fetch").with(|r| r.grants.http = [server.grant()].into()).load(&runtime).await;
    is(&get(&plugin, &server.url("/")).await, "denied", "\"token\", which was not granted");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_response_that_is_too_long_is_not_read() {
    let server = Server::answering(|_| says(200, vec![b'x'; 5_000])).await;
    let http = HttpOptions { max_response: ByteSize(4_999), ..reaching(&[server.address]) };
    let runtime = runtime(http);
    let plugin = fetcher(&runtime, &[&server.grant()]).await;
    is(&get(&plugin, &server.url("/")).await, "too-large", "");
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout_and_one_that_is_not_there_is_unreachable() {
    let silent = Server::silent().await;
    let gone = Server::silent().await.address;
    let http = HttpOptions { timeout: Duration::from_millis(100), ..reaching(&[silent.address, gone]) };
    let runtime = runtime(http);
    let plugin = fetcher(&runtime, &[&silent.grant(), &gone.to_string()]).await;
    is(&get(&plugin, &silent.url("/")).await, "timeout", "");
    is(&get(&plugin, &format!("http://{gone}/")).await, "unreachable", &gone.to_string());
}

#[tokio::test]
async fn requests_made_together_are_answered_in_their_order_over_one_connection() {
    let (server, certificate) = Server::secure("api.example.com", |seen| match seen.line.as_str() {
        "GET /c" => says(404, "?"),
        line => says(200, line.trim_start_matches("GET /").to_owned()),
    })
    .await;
    let http = HttpOptions { extra_roots: vec![certificate], ..reaching(&[server.address]) };
    let runtime = runtime(http);
    let grant = format!("api.example.com:{}", server.address.port());
    let plugin = plan("fetch-all").with(|r| r.grants.http = [grant.clone()].into()).load(&runtime).await;
    let reason = plugin.held(&format!("https://{grant}/")).await;
    assert_eq!(reason.text, "ab?defghijklmnopqrstuvwxyz");
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    assert!(server.seen().iter().all(|seen| seen.version == Version::HTTP_2));
    // Where each is refused, each says so.
    assert_eq!(plugin.held("https://elsewhere.example.com/").await.text, "-".repeat(26));
}
