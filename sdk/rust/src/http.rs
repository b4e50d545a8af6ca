//! Requests to the granted hosts, over connections that the host pools. Permission `http`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::http as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::http as host;

pub use crate::bindings::imports::warbler::plugin::http::{Error, Request, Response};

use crate::Failure;

/// How long a request may take unless it says otherwise, in milliseconds. Well within the ten
/// seconds that a push provider has.
const DEFAULT_TIMEOUT_MS: u32 = 5_000;

/// How long to wait before a server is asked again that did not answer, in milliseconds.
const RETRY_MS: u64 = 1_000;

impl From<Error> for Failure {
    /// So that `?` does in a hook: a server that did not answer is asked again, and the rest is a person's
    /// to mend.
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout | Error::Unreachable(_) => Self::Unavailable(RETRY_MS),
            Error::Denied(text) => Self::Misconfigured(text),
            Error::TooLarge(limit) => Self::Unsupported(format!("the response is longer than {limit} bytes")),
        }
    }
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: Vec::new(), timeout_ms: DEFAULT_TIMEOUT_MS }
    }

    /// The same with one more header. `{{secret:NAME}}` in `value` is replaced by the host.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Response {
    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Sends `request` and waits for the whole response.
///
/// # Errors
/// The host was not granted or has a private address, it did not answer in time, or the answer is too large.
pub fn fetch(request: &Request) -> Result<Response, Error> {
    host::fetch(request)
}

/// Sends up to 100 requests, several at a time, and waits for what comes of each, in their order. This
/// is how a plugin has more than one request under way.
#[must_use]
pub fn fetch_all(requests: &[Request]) -> Vec<Result<Response, Error>> {
    host::fetch_all(requests)
}
