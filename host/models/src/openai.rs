//! The client of APIs that are compatible with `OpenAI`'s chat completions and embeddings
//! (<https://platform.openai.com/docs/api-reference>), which most providers and local servers speak.

mod answer;
mod assembly;
mod bytes;
mod estimate;
mod failure;
mod request;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Response, StatusCode};
use tokio::time::Instant;
use warbler_domain::{Clock, Completion, Ids, ModelClient, ModelEndpoint, ModelError, Prompt};

use crate::ClientError;
use answer::Answer;
use assembly::Assembly;
use request::{Dialect, Request};

/// Longest wait for a connection. A provider that is there answers within a round trip or two.
const CONNECT: Duration = Duration::from_secs(10);

/// How often an idle HTTP/2 connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The longest that a provider may ask to wait, for the wait to happen here and not be told to the caller.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// Texts in one request for vectors. Ten is the least that a provider in wide use allows.
const BATCH: usize = 10;

/// Requests for vectors that one call has under way.
const BATCHES_AT_ONCE: usize = 2;

/// Speaks to providers of models. Connections are kept and shared; the key travels with each request.
#[derive(Clone)]
pub struct OpenAiClient {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl OpenAiClient {
    /// A client that reads `Retry-After` by `clock`, and spreads its second attempts with randomness from `ids`.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            // A key must not follow a redirect to wherever it leads.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("warbler/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self { http, clock, ids })
    }

    /// Sends a request, once more where that is safe, and gives an answer of success. `deadline` is when its
    /// head must have come.
    async fn send(&self, request: &Request<'_>, deadline: Instant) -> Result<Response, Failed> {
        match self.attempt(request, deadline).await {
            Err(Failed { error, again: Some(wait), .. }) if Instant::now() + wait < deadline => {
                tracing::debug!(%error, ?wait, "asking the model again");
                tokio::time::sleep(wait).await;
                self.attempt(request, deadline).await
            }
            other => other,
        }
    }

    async fn attempt(&self, request: &Request<'_>, deadline: Instant) -> Result<Response, Failed> {
        let sent = tokio::time::timeout_at(deadline, request.build(&self.http)?.send());
        let response = match sent.await {
            Err(_) => return Err(failure::quiet().into()),
            Ok(Err(error)) => {
                // Nothing was sent if there was no connection, so a second attempt repeats nothing.
                let again = error.is_connect().then(|| self.jitter(Duration::from_millis(100)));
                return Err(Failed { again, ..failure::of_transport(error).into() });
            }
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = failure::retry_after(response.headers(), self.clock.now());
        let body = tokio::time::timeout_at(deadline, bytes::start_of(response)).await.unwrap_or_default();
        let error = failure::of_status(status, after, &body, request.secrets());
        let unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
        let again =
            after.filter(|after| unavailable && *after <= SHORT_WAIT).map(|after| after + self.jitter(after / 4));
        Err(Failed { error, again, status: Some(status) })
    }

    /// A random time from half of `span` to `span`, so that many waiting callers do not come back at once.
    fn jitter(&self, span: Duration) -> Duration {
        // The last eight bytes of a UUIDv7 are random, but for two bits of the first.
        let random = self.ids.next().as_bytes().last().copied().unwrap_or_default();
        span.mul_f64(0.5 + f64::from(random) / 512.0)
    }

    /// Sends a prompt in the dialect that the provider turns out to understand.
    async fn ask(&self, endpoint: &ModelEndpoint, prompt: &Prompt, deadline: Instant) -> Result<Response, ModelError> {
        let mut dialect = Dialect::default();
        loop {
            let request = Request::completion(endpoint, prompt, dialect)?;
            match self.send(&request, deadline).await {
                Ok(response) => return Ok(response),
                // A request that was not understood was not acted on either.
                Err(Failed {
                    error, status: Some(StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY), ..
                }) => {
                    dialect = dialect.without_what_is_refused(&error).ok_or(error)?;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }

    async fn embed_batch(&self, endpoint: &ModelEndpoint, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let request = Request::embeddings(endpoint, texts)?;
        let began = Instant::now();
        let response = self.send(&request, began + endpoint.first_byte).await.map_err(|failed| failed.error)?;
        let limit = endpoint.max_answer.max(texts.len().saturating_mul(wire::LONGEST_VECTOR));
        let whole = tokio::time::timeout_at(began + endpoint.whole, bytes::whole(response, limit));
        wire::vectors(&whole.await.map_err(|_| failure::quiet())??, texts.len())
    }
}

#[async_trait]
impl ModelClient for OpenAiClient {
    async fn complete(&self, endpoint: &ModelEndpoint, prompt: Prompt) -> Result<Completion, ModelError> {
        let began = Instant::now();
        let first_byte = began + endpoint.first_byte.min(endpoint.whole);
        let response = self.ask(endpoint, &prompt, first_byte).await?;
        let assembly = Assembly::new(&prompt, endpoint.max_answer, endpoint.key.clone());
        let streams = bytes::is_event_stream(&response);
        let limits = bytes::Limits { first_byte, pause: endpoint.pause, whole: began + endpoint.whole };
        if streams {
            return Ok(Answer::new(bytes::timed(response, limits), assembly, endpoint.max_answer).into_stream());
        }
        // Some proxies answer a request for a stream with one whole object.
        let whole = bytes::whole(response, endpoint.max_answer.saturating_mul(2).saturating_add(64 * 1024));
        let body = tokio::time::timeout_at(limits.whole, whole).await.map_err(|_| failure::quiet())??;
        assembly.of_whole(&body).map(|parts| stream::iter(parts.into_iter().map(Ok)).boxed())
    }

    async fn embed(&self, endpoint: &ModelEndpoint, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        // Made before they are polled: a closure over borrowed batches is not general enough for a boxed future.
        let asked: Vec<_> = texts.chunks(BATCH).map(|batch| self.embed_batch(endpoint, batch)).collect();
        let vectors: Vec<Vec<Vec<f32>>> = stream::iter(asked).buffered(BATCHES_AT_ONCE).try_collect().await?;
        let vectors: Vec<Vec<f32>> = vectors.into_iter().flatten().collect();
        let length = vectors.first().map(Vec::len);
        if vectors.iter().any(|vector| Some(vector.len()) != length) {
            return Err(failure::nonsense("vectors of different lengths"));
        }
        Ok(vectors)
    }
}

/// An attempt that gave nothing.
struct Failed {
    error: ModelError,
    /// After what time a second attempt is safe, if it is.
    again: Option<Duration>,
    status: Option<StatusCode>,
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self { error, again: None, status: None }
    }
}
