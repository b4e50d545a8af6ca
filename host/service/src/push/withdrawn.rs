//! Messages that were taken back a short while ago: what is still in line for them is not sent.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;
use warbler_domain::MessageId;

/// How many are remembered; of older ones the log tells.
const MOST: usize = 16_384;

/// The latest recalled messages.
#[derive(Default)]
pub(crate) struct Withdrawn {
    latest: Mutex<(HashSet<MessageId>, VecDeque<MessageId>)>,
}

impl Withdrawn {
    pub(crate) fn add(&self, message: MessageId) {
        let mut latest = self.latest.lock();
        let (known, order) = &mut *latest;
        if known.insert(message) {
            order.push_back(message);
            if order.len() > MOST
                && let Some(oldest) = order.pop_front()
            {
                known.remove(&oldest);
            }
        }
    }

    pub(super) fn has(&self, message: MessageId) -> bool {
        self.latest.lock().0.contains(&message)
    }
}
