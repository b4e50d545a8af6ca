//! What a connection gets. One delivery is shared by all receivers, and so is its frame.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use warbler_domain::{ConversationId, Event, MessageId, Sequence, Signal, UserId};

use crate::messages::Shown;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// An event of a conversation.
    Event(Arc<Event>),
    /// A place in a conversation that is taken by something which is not for the receiver.
    Taken {
        /// Where.
        conversation: ConversationId,
        /// Its place.
        sequence: Sequence,
    },
    /// Something that is not kept.
    Signal(Signal),
}

/// Something that happened, with room for the frame that the border makes of it once for all receivers.
#[derive(Debug)]
pub struct Delivery {
    live: Live,
    frame: OnceLock<Bytes>,
}

impl Delivery {
    pub(super) fn new(live: Live) -> Arc<Self> {
        Arc::new(Self { live, frame: OnceLock::new() })
    }

    /// What happened.
    #[must_use]
    pub const fn live(&self) -> &Live {
        &self.live
    }

    /// The frame, made by the first receiver who asks for it.
    pub fn frame(&self, make: impl FnOnce(&Live) -> Bytes) -> &Bytes {
        self.frame.get_or_init(|| make(&self.live))
    }

    /// The reply that it is a state of.
    pub(super) fn reply(&self) -> Option<MessageId> {
        match &self.live {
            Live::Signal(Signal::Reply { message, .. }) => Some(*message),
            _ => None,
        }
    }

    /// The place that it fills in a conversation.
    pub(super) fn place(&self) -> Option<(ConversationId, Sequence)> {
        match &self.live {
            Live::Event(event) => Some((event.conversation, event.sequence)),
            Live::Taken { conversation, sequence } => Some((*conversation, *sequence)),
            Live::Signal(_) => None,
        }
    }
}

impl From<Shown> for Live {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Event(event) => Self::Event(event),
            Shown::Taken { conversation, sequence } => Self::Taken { conversation, sequence },
        }
    }
}

/// An event for everybody, or for one person and a taken place for the others.
pub(super) struct Copies {
    pub(super) all: Arc<Delivery>,
    pub(super) only: Option<(UserId, Arc<Delivery>)>,
}

impl Copies {
    pub(super) fn of(event: &Arc<Event>) -> Self {
        let whole = Delivery::new(Live::Event(Arc::clone(event)));
        match event.audience {
            warbler_domain::Audience::Members => Self { all: whole, only: None },
            warbler_domain::Audience::Only(user) => {
                let taken = Live::Taken { conversation: event.conversation, sequence: event.sequence };
                Self { all: Delivery::new(taken), only: Some((user, whole)) }
            }
        }
    }

    /// The copy for `user`.
    pub(super) fn for_user(&self, user: UserId) -> &Arc<Delivery> {
        match &self.only {
            Some((only, whole)) if *only == user => whole,
            _ => &self.all,
        }
    }
}
