//! A streamed answer: server-sent events (WHATWG HTML, 9.2) in, parts out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsource_stream::{EventStream, EventStreamError, Eventsource as _};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use warbler_domain::{Completion, ModelError, Part};

use crate::openai::assembly::Assembly;
use crate::openai::bytes::Timed;
use crate::openai::failure;

/// The longest wait for the usage after the model has finished.
const FOR_USAGE: Duration = Duration::from_secs(2);

/// What an event may be longer than the answer that it brings: its identifiers, and the names of its fields.
const AROUND: usize = 64 * 1024;

/// An answer that is being read.
pub(crate) struct Answer {
    events: EventStream<BoxStream<'static, Result<bytes::Bytes, ModelError>>>,
    /// Bytes since the last whole event, so that one without an end is noticed.
    pending: Arc<AtomicUsize>,
    assembly: Assembly,
    failed: bool,
}

impl Answer {
    /// Reads `chunks` into `assembly`.
    pub(crate) fn new(chunks: Timed, assembly: Assembly, limit: usize) -> Self {
        let pending = Arc::new(AtomicUsize::new(0));
        let most = limit.saturating_mul(2).saturating_add(AROUND);
        let counted = Arc::clone(&pending);
        let chunks = chunks.map(move |chunk| {
            let chunk = chunk?;
            let before = counted.fetch_add(chunk.len(), Ordering::Relaxed);
            if before.saturating_add(chunk.len()) > most { Err(failure::too_long(limit)) } else { Ok(chunk) }
        });
        Self { events: chunks.boxed().eventsource(), pending, assembly, failed: false }
    }

    /// The parts, as they come.
    pub(crate) fn into_stream(self) -> Completion {
        stream::unfold(self, |mut answer| async { answer.next().await.map(|part| (part, answer)) }).boxed()
    }

    async fn next(&mut self) -> Option<Result<Part, ModelError>> {
        loop {
            if let Some(part) = self.assembly.pop() {
                return Some(Ok(part));
            }
            if self.failed || self.assembly.is_over() {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.failed = true;
                return Some(Err(error));
            }
        }
    }

    async fn advance(&mut self) -> Result<(), ModelError> {
        let event = if self.assembly.is_settled() {
            // Whether the rest comes or not, the answer is there.
            tokio::time::timeout(FOR_USAGE, self.events.next()).await.unwrap_or_default().filter(Result::is_ok)
        } else {
            self.events.next().await
        };
        match event {
            None => self.assembly.end(),
            Some(Ok(event)) => {
                self.pending.store(0, Ordering::Relaxed);
                self.assembly.event(&event.data)
            }
            Some(Err(EventStreamError::Transport(error))) => Err(error),
            Some(Err(EventStreamError::Utf8(_) | EventStreamError::Parser(_))) => {
                Err(failure::nonsense("it is no stream of events in UTF-8"))
            }
        }
    }
}
