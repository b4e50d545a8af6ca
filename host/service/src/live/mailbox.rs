//! The mailbox of one connection: a bounded queue, and what to read from the log where it overflowed.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use tokio::sync::Notify;
use warbler_domain::{ConversationId, Role, Sequence, SessionId, TenantId, UserId};

use super::Delivery;
use crate::EndReason;
use crate::authentication::Session;

/// Deliveries among which an older state of a reply is looked for.
const RECENT: usize = 64;

/// The mailbox of one connection.
pub(super) struct Mailbox {
    pub(super) tenant: TenantId,
    pub(super) user: UserId,
    pub(super) session: Arc<Session>,
    /// The last fan-out that reached it, so that one which goes by several conversations comes once.
    pub(super) reached: AtomicU64,
    inner: Mutex<Inner>,
    filled: Notify,
    capacity: usize,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Arc<Delivery>>,
    missed: HashMap<ConversationId, Missed>,
    ended: Option<EndReason>,
    closed: bool,
}

/// Places that did not fit into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) first: Sequence,
    pub(super) last: Sequence,
}

/// What was in a mailbox.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) queue: VecDeque<Arc<Delivery>>,
    pub(super) missed: HashMap<ConversationId, Missed>,
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The session is over.
    Ended(EndReason),
    /// The host is closing.
    Closed,
}

impl Mailbox {
    pub(super) fn new(session: Arc<Session>, capacity: usize) -> Self {
        Self {
            tenant: session.scope.tenant(),
            user: session.person.id,
            session,
            reached: AtomicU64::new(0),
            inner: Mutex::default(),
            filled: Notify::new(),
            capacity,
        }
    }

    pub(super) fn session_id(&self) -> SessionId {
        self.session.id
    }

    pub(super) fn role(&self) -> Role {
        self.session.person.profile.load().role
    }

    /// Puts a delivery in. Whether the connection should be woken.
    pub(super) fn put(&self, delivery: &Arc<Delivery>) -> bool {
        let mut inner = self.inner.lock();
        // Of a reply that grows only the latest state matters to a connection that is slow.
        if let Some(reply) = delivery.reply()
            && let Some(older) = inner.queue.iter_mut().rev().take(RECENT).find(|other| other.reply() == Some(reply))
        {
            *older = Arc::clone(delivery);
            return false;
        }
        if inner.queue.len() < self.capacity {
            inner.queue.push_back(Arc::clone(delivery));
            return inner.queue.len() == 1;
        }
        // What is not kept in the log is lost to a connection that is so slow.
        if let Some((conversation, sequence)) = delivery.place() {
            let missed = inner.missed.entry(conversation).or_insert(Missed { first: sequence, last: sequence });
            missed.last = sequence;
        }
        false
    }

    /// Wakes the connection.
    pub(super) fn wake(&self) {
        self.filled.notify_one();
    }

    /// The session is over; the first reason stands.
    pub(super) fn end(&self, reason: EndReason) {
        self.inner.lock().ended.get_or_insert(reason);
        self.filled.notify_one();
    }

    /// The host is closing.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_one();
    }

    /// Takes out what is there, waiting until there is something. Dropping the future loses nothing.
    pub(super) async fn take(&self) -> Result<Contents, Over> {
        loop {
            {
                let mut inner = self.inner.lock();
                if let Some(reason) = inner.ended {
                    return Err(Over::Ended(reason));
                }
                if !inner.queue.is_empty() || !inner.missed.is_empty() {
                    let queue = std::mem::take(&mut inner.queue);
                    return Ok(Contents { queue, missed: std::mem::take(&mut inner.missed) });
                }
                if inner.closed {
                    return Err(Over::Closed);
                }
            }
            self.filled.notified().await;
        }
    }

    /// Why nothing more comes, if that is so already.
    pub(super) fn ended(&self) -> Option<EndReason> {
        self.inner.lock().ended
    }
}
