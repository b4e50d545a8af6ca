//! The bytes of an answer: within their times and lengths, whatever they say.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::Instant;
use warbler_domain::ModelError;

use crate::openai::failure;

/// How much of an error's body is read.
const START: usize = 8 * 1024;

/// The times of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// When its first byte must have come.
    pub(crate) first_byte: Instant,
    /// The longest pause between bytes.
    pub(crate) pause: Duration,
    /// When all of it must have come.
    pub(crate) whole: Instant,
}

/// Bytes as they come. After an error there is nothing more.
pub(crate) type Timed = BoxStream<'static, Result<Bytes, ModelError>>;

/// Whether the answer comes event by event.
pub(crate) fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A server that does not say what it sends most likely sends what it was asked for.
    !kind.trim_start().to_ascii_lowercase().starts_with("application/json")
}

/// The body of `response`, held to `limits`.
pub(crate) fn timed(response: Response, limits: Limits) -> Timed {
    let body = response.bytes_stream().boxed();
    let began = (body, limits.first_byte, limits);
    let chunks = stream::unfold(Some(began), |state| async {
        let (mut body, deadline, limits) = state?;
        let chunk = match tokio::time::timeout_at(deadline.min(limits.whole), body.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(chunk))) => {
                let next = Instant::now() + limits.pause;
                return Some((Ok(chunk), Some((body, next, limits))));
            }
            Ok(Some(Err(error))) => failure::of_transport(error),
            // An answer that does not end would not end the next time either.
            Err(_) if limits.whole <= deadline => failure::refused("the answer did not end within its time"),
            Err(_) => failure::quiet(),
        };
        Some((Err(chunk), None))
    });
    chunks.boxed()
}

/// All of the body, if it is at most `limit` bytes.
pub(crate) async fn whole(response: Response, limit: usize) -> Result<Vec<u8>, ModelError> {
    let mut body = response.bytes_stream();
    let mut read = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(failure::of_transport)?;
        if read.len().saturating_add(chunk.len()) > limit {
            return Err(failure::too_long(limit));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// The start of the body, for the words of an error.
pub(crate) async fn start_of(response: Response) -> String {
    let mut body = response.bytes_stream();
    let mut read = Vec::new();
    while let Some(Ok(chunk)) = body.next().await {
        read.extend_from_slice(&chunk);
        if read.len() > START {
            read.truncate(START);
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}
