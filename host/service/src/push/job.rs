//! One notification on its way: what is kept of it until it is settled. What it says is made when it is
//! handed over, so that nothing outdated is told.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering as Atomic};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;
use warbler_domain::{
    ConversationId, EndpointId, Event, MessageId, Position, Sequence, StateKey, Timestamp, Urgency, UserId,
};

/// The family of the records.
const FAMILY: &str = "push-job";

/// A notification that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) message: MessageId,
    pub(super) conversation: ConversationId,
    pub(super) sequence: Sequence,
    /// The message's place in the tenant's log: the order of notifications for one device.
    pub(super) position: Position,
    pub(super) user: UserId,
    pub(super) endpoint: EndpointId,
    pub(super) kind: String,
    pub(super) urgency: Urgency,
    pub(super) mentioned: bool,
    /// How often it was handed over and failed.
    pub(super) attempt: u32,
    /// Not before this.
    pub(super) due: Timestamp,
    /// When it failed first.
    pub(super) since: Option<Timestamp>,
    /// After this it is worth nothing.
    pub(super) expires_at: Timestamp,
}

impl Job {
    /// The notification's identifier: the same for the same message and device, however often it is decided.
    pub(super) fn id(&self) -> Uuid {
        let mut digest = Sha256::new();
        digest.update(self.message.as_bytes());
        digest.update(self.endpoint.as_bytes());
        let digest = digest.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        Uuid::from_bytes(id)
    }

    /// Which of `lanes` lanes it goes by: one device, one lane.
    pub(super) fn lane(&self, lanes: usize) -> usize {
        // The last 62 bits of a UUIDv7 are random.
        let random = self.endpoint.as_uuid().as_u64_pair().1;
        usize::try_from(random % u64::try_from(lanes.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    pub(super) fn order(&self) -> (Position, EndpointId) {
        (self.position, self.endpoint)
    }
}

/// Where jobs of one kind and lane are kept, in the order of the log.
pub(super) fn lane_prefix(kind: &str, lane: usize) -> StateKey {
    StateKey::new(FAMILY, &[&kind, &format_args!("{lane:02}")])
}

/// Where jobs of all kinds are kept.
pub(super) fn all() -> StateKey {
    crate::records::under(FAMILY, &[])
}

/// A key after all jobs of `kind`.
pub(super) fn after_kind(kind: &str) -> StateKey {
    // The digits of lanes come before it.
    StateKey::new(FAMILY, &[&kind, &"~"])
}

/// The kind of a job's key.
pub(super) fn kind_of(key: &StateKey) -> Option<&str> {
    key.as_str().split('/').nth(1)
}

pub(super) fn job_key(job: &Job, lane: usize) -> StateKey {
    // Twenty digits hold every position, so that the order of keys is that of positions.
    let position = format!("{:020}", job.position.0);
    StateKey::new(FAMILY, &[&job.kind, &format_args!("{lane:02}"), &position, &job.endpoint])
}

/// A job in memory.
pub(super) struct Held {
    pub(super) job: Job,
    /// The event that posted its message, if it is as new as the job.
    pub(super) event: Option<Arc<Event>>,
    /// Who waits until it is settled or kept.
    pub(super) ticket: Option<Arc<Ticket>>,
    /// Whether it is kept in state.
    pub(super) stored: bool,
    /// When it came.
    pub(super) came: Timestamp,
    /// Whether it had to wait for its provider's quota.
    pub(super) throttled: bool,
}

impl Held {
    /// It is settled, or kept: nobody waits for it any longer.
    pub(super) fn release(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.one_less();
        }
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.job.order() == other.job.order()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.job.order().cmp(&other.job.order())
    }
}

/// Tells who decided about a message when all of its notifications are settled or kept, so that the log's
/// cursor may pass it.
pub(super) struct Ticket {
    left: AtomicUsize,
    failed: AtomicBool,
    changed: Notify,
}

impl Ticket {
    pub(super) fn new(jobs: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(jobs), failed: AtomicBool::new(false), changed: Notify::new() })
    }

    fn one_less(&self) {
        if self.left.fetch_sub(1, Atomic::AcqRel) == 1 {
            self.changed.notify_one();
        }
    }

    /// The store failed: the message has to be decided about again.
    pub(super) fn fail(&self) {
        self.failed.store(true, Atomic::Release);
        self.changed.notify_one();
    }

    /// Waits until all are settled or kept; `false` if the store failed.
    pub(super) async fn done(&self) -> bool {
        loop {
            if self.failed.load(Atomic::Acquire) {
                return false;
            }
            if self.left.load(Atomic::Acquire) == 0 {
                return true;
            }
            self.changed.notified().await;
        }
    }
}
