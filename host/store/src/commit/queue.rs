//! The queue before the committer, and what may stand in it.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use warbler_domain::{Appended, ConversationId, Event, Idempotency, Sequence, StateWrite, StoreError, TenantId};

use crate::codec::Named;
use crate::seal::Draft;

/// Requests that may wait. Senders wait for room beyond that.
const WAITING: usize = 4096;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// An append whose events have been encoded.
pub(crate) struct AppendRequest {
    pub(crate) tenant: TenantId,
    pub(crate) event: Event,
    pub(crate) draft: Draft,
    /// Origins of receipts that the events name.
    pub(crate) origins: Vec<Arc<Named>>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) amend: Option<(Sequence, Draft)>,
    pub(crate) writes: Vec<StateWrite>,
}

/// Events for places of their own.
pub(crate) struct PlaceRequest {
    pub(crate) tenant: TenantId,
    pub(crate) conversation: ConversationId,
    pub(crate) placed: Vec<PlacedDraft>,
    /// Origins of receipts that the events name.
    pub(crate) origins: Vec<Arc<Named>>,
    pub(crate) writes: Vec<StateWrite>,
}

/// An event for a place of its own, encoded.
pub(crate) struct PlacedDraft {
    pub(crate) sequence: Sequence,
    pub(crate) draft: Draft,
    /// Whether something stands there, of which it takes the place.
    pub(crate) over: bool,
}

/// What the committer can be asked for.
pub(super) enum Request {
    Append(Box<AppendRequest>, Reply<Appended>),
    Commit {
        tenant: TenantId,
        writes: Vec<StateWrite>,
        reply: Reply<()>,
    },
    Place(PlaceRequest, Reply<()>),
    /// Deletes some records of a tenant; the answer is whether there may be more.
    Purge {
        tenant: TenantId,
        reply: Reply<bool>,
    },
}

impl Request {
    /// Bytes that it will write, nearly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Append(append, _) => {
                let amend = append.amend.as_ref().map_or(0, |(_, draft)| draft.len());
                append.draft.len() + amend + size_of(&append.writes)
            }
            Self::Commit { writes, .. } => size_of(writes),
            Self::Place(place, _) => {
                place.placed.iter().map(|placed| placed.draft.len()).sum::<usize>() + size_of(&place.writes)
            }
            Self::Purge { .. } => 0,
        }
    }

    /// Answers that it could not be done.
    pub(super) fn refuse(self, error: StoreError) {
        // Those who no longer wait for the answer need none.
        match self {
            Self::Append(_, reply) => drop(reply.send(Err(error))),
            Self::Commit { reply, .. } | Self::Place(_, reply) => drop(reply.send(Err(error))),
            Self::Purge { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

fn size_of(writes: &[StateWrite]) -> usize {
    writes.iter().map(|write| write.key.as_str().len() + write.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
}

/// The queue, from the side of those who write.
pub(crate) struct Queue(RwLock<Option<mpsc::Sender<Request>>>);

impl Queue {
    pub(super) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(RwLock::new(Some(sender))), receiver)
    }

    /// Takes nothing more; what stands in the queue is still done.
    pub(crate) fn close(&self) {
        *self.0.write() = None;
    }

    /// Commits an event and what goes with it.
    pub(crate) async fn append(&self, append: AppendRequest) -> Result<Appended, StoreError> {
        self.ask(|reply| Request::Append(Box::new(append), reply)).await
    }

    /// Commits writes to state.
    pub(crate) async fn commit(&self, tenant: TenantId, writes: Vec<StateWrite>) -> Result<(), StoreError> {
        self.ask(|reply| Request::Commit { tenant, writes, reply }).await
    }

    /// Puts events into places of their own.
    pub(crate) async fn place(&self, place: PlaceRequest) -> Result<(), StoreError> {
        self.ask(|reply| Request::Place(place, reply)).await
    }

    /// Deletes all records of a tenant.
    pub(crate) async fn purge(&self, tenant: TenantId) -> Result<(), StoreError> {
        while self.ask(|reply| Request::Purge { tenant, reply }).await? {}
        Ok(())
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let sender = self.0.read().clone().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        sender.send(request(reply)).await.map_err(|_| StoreError::Closed)?;
        drop(sender);
        answer.await.map_err(|_| StoreError::Closed)?
    }
}
