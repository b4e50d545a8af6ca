//! One request of a plugin: checked, sent, followed through its redirects, and read within limits.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;
use warbler_domain::{Grants, SecretSource};

use super::address;
use super::client::Client;
use super::connect::Private;
use super::header::Headers;
use super::target::Target;

/// Most redirects that are followed.
const REDIRECTS: usize = 5;

/// What a response may take at least, in bytes, however many are fetched together.
const SHARE: u64 = 64 * 1024;

/// A request as the plugin wrote it.
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Zero for the host's own limit.
    pub(crate) timeout: Duration,
}

/// A response as the plugin gets it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// It was not granted, or leads to a private address; the words say which.
    Denied(String),
    /// It took too long.
    TimedOut,
    /// Nobody answered, or not in HTTP.
    Unreachable(String),
    /// The response is longer than so many bytes.
    TooLarge(u64),
}

/// Makes requests for one installation.
pub(crate) struct Fetcher {
    client: Client,
}

/// A request on its way through redirects.
struct Journey {
    method: Method,
    target: Target,
    headers: Headers,
    body: Bytes,
}

impl Fetcher {
    pub(crate) const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The same for `requests` made together, whose responses share the limit of one.
    pub(crate) fn shared_by(&self, requests: usize) -> Self {
        let requests = u64::try_from(requests).unwrap_or(u64::MAX).max(1);
        let max_response = (self.client.max_response / requests).max(SHARE.min(self.client.max_response));
        let mut client = self.client.clone();
        client.max_response = max_response;
        Self { client }
    }

    /// Makes a request.
    pub(crate) async fn fetch(
        &self,
        outgoing: Outgoing,
        grants: &Grants,
        secrets: &dyn SecretSource,
    ) -> Result<Answer, FetchError> {
        let limit = match outgoing.timeout {
            Duration::ZERO => self.client.timeout,
            asked => asked.min(self.client.timeout),
        };
        timeout(limit, self.travel(outgoing, grants, secrets)).await.unwrap_or(Err(FetchError::TimedOut))
    }

    async fn travel(
        &self,
        outgoing: Outgoing,
        grants: &Grants,
        secrets: &dyn SecretSource,
    ) -> Result<Answer, FetchError> {
        let target = Target::parse(&outgoing.url).map_err(FetchError::Denied)?;
        // Checked before any secret is looked up.
        self.check(&target, grants)?;
        let mut journey = Journey {
            method: method(&outgoing.method)?,
            target,
            headers: Headers::read(outgoing.headers, &grants.secrets, secrets).await.map_err(FetchError::Denied)?,
            body: outgoing.body,
        };
        for _ in 0..=REDIRECTS {
            let response = self.send(&journey).await?;
            let Some(location) = redirect(&response) else { return self.read(response).await };
            let location = location.map_err(FetchError::Denied)?;
            let next = journey.target.follow(&location).map_err(FetchError::Denied)?;
            self.check(&next, grants)?;
            journey = journey.turn(response.status(), next)?;
        }
        Err(FetchError::Denied(format!("it was redirected more than {REDIRECTS} times")))
    }

    /// Whether the target was granted. Names are checked once more, by address, when connecting.
    fn check(&self, target: &Target, grants: &Grants) -> Result<(), FetchError> {
        if !target.is_granted(&grants.http) {
            return Err(FetchError::Denied(format!("{} was not granted", target.authority())));
        }
        let private = |ip| !address::is_allowed(SocketAddr::new(ip, target.port()), &self.client.exceptions);
        if target.ip().is_some_and(private) {
            return Err(FetchError::Denied(format!("{} is a private address", target.authority())));
        }
        Ok(())
    }

    async fn send(&self, journey: &Journey) -> Result<Response<Incoming>, FetchError> {
        let mut request = Request::new(Full::new(journey.body.clone()));
        *request.method_mut() = journey.method.clone();
        *request.uri_mut() = journey.target.uri().map_err(FetchError::Denied)?;
        *request.headers_mut() = journey.headers.all.clone();
        self.client.send(request).await.map_err(|error| unreachable(&journey.target, &error))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, FetchError> {
        let limit = self.client.max_response;
        let (head, body) = response.into_parts();
        let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(FetchError::TooLarge(limit));
        }
        let body = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return FetchError::TooLarge(limit);
            }
            FetchError::Unreachable("the response broke off".into())
        })?;
        Ok(Answer { status: head.status.as_u16(), headers: texts(&head.headers), body: body.to_bytes() })
    }
}

impl Journey {
    /// The request that follows a redirect with `status` to `next` (RFC 9110, section 15.4).
    fn turn(mut self, status: StatusCode, next: Target) -> Result<Self, FetchError> {
        if self.target.downgrades_to(&next) {
            return Err(FetchError::Denied("it was redirected from https to http".into()));
        }
        let keeps_body = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if !keeps_body && !matches!(self.method, Method::GET | Method::HEAD) {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.leave_body();
        }
        if !self.target.same_origin(&next) {
            self.headers.leave_origin();
        }
        self.target = next;
        Ok(self)
    }
}

fn method(text: &str) -> Result<Method, FetchError> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if method != Method::CONNECT && method != Method::TRACE => Ok(method),
        _ => Err(FetchError::Denied(format!("{text:?} is not a method that a plugin can use"))),
    }
}

/// Where the response leads, if it is a redirect.
fn redirect(response: &Response<Incoming>) -> Option<Result<String, String>> {
    let follows = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| follows)?;
    Some(location.to_str().map(str::to_owned).map_err(|_| "it was redirected to what is not text".into()))
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Why `target` gave no response, by the innermost cause that says something.
fn unreachable(target: &Target, error: &(dyn Error + 'static)) -> FetchError {
    let mut cause = Some(error);
    let mut last = error;
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(private) = inner.and_then(|inner| inner.downcast_ref::<Private>()) {
            return FetchError::Denied(private.to_string());
        }
        last = error;
        cause = error.source();
    }
    FetchError::Unreachable(format!("{}: {last}", target.authority()))
}
