//! Replies that grow, beside the log: what came of one must not be followed by an older state of it.

use std::collections::{HashSet, VecDeque};

use warbler_domain::MessageId;

/// Replies that are remembered after their message was posted: many more than signals can be late.
const REMEMBERED: usize = 256;

/// What is known of replies on this node.
#[derive(Default)]
pub(super) struct Replies {
    growing: HashSet<MessageId>,
    posted: VecDeque<MessageId>,
}

impl Replies {
    /// A message was posted.
    pub(super) fn posted(&mut self, message: MessageId) {
        if self.growing.remove(&message) {
            self.posted.truncate(REMEMBERED - 1);
            self.posted.push_front(message);
        }
    }

    /// Whether a state of a reply is still news; `ends` if no other one comes after it.
    pub(super) fn is_news(&mut self, message: MessageId, ends: bool) -> bool {
        if self.posted.contains(&message) {
            return false;
        }
        if ends {
            self.growing.remove(&message);
        } else {
            self.growing.insert(message);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_reply_comes_after_its_message() {
        let id = |n| MessageId::from_uuid(uuid::Uuid::from_u128(n));
        let mut replies = Replies::default();
        assert!(replies.is_news(id(1), false));
        replies.posted(id(2));
        assert!(replies.is_news(id(1), false));
        replies.posted(id(1));
        assert!(!replies.is_news(id(1), false));
        assert!(replies.is_news(id(3), true));
    }
}
