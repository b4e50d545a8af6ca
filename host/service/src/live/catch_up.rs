//! What a connection has got of each conversation, and what it must read from the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use warbler_domain::{ConversationId, Sequence};

use super::Delivery;
use super::mailbox::{Contents, Missed};

/// How far a connection is in each conversation.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last place that it got. Conversations joined later are not here until something happens in
    /// them.
    got: HashMap<ConversationId, Sequence>,
    /// Conversations to be read from the log, and up to which place: never beyond what was meant for it.
    behind: BTreeMap<ConversationId, Sequence>,
}

impl Progress {
    /// It has got `got`, and is owed what comes up to `head`.
    pub(super) fn resume(&mut self, conversation: ConversationId, got: Sequence, head: Sequence) {
        self.got.insert(conversation, got.min(head));
        if got < head {
            self.behind.insert(conversation, head);
        }
    }

    /// Sorts what was in the mailbox: `out` gets what comes next in its conversation; what came already
    /// is dropped; what comes after a gap is left to the log.
    pub(super) fn sort(&mut self, contents: Contents, out: &mut Vec<Arc<Delivery>>) {
        for delivery in contents.queue {
            match delivery.place() {
                Some((conversation, sequence)) => {
                    if self.is_next(conversation, sequence) {
                        out.push(delivery);
                    }
                }
                None => out.push(delivery),
            }
        }
        for (conversation, Missed { first, last }) in contents.missed {
            let got = *self.got.entry(conversation).or_insert(Sequence(first.0.saturating_sub(1)));
            if got < last {
                self.owe(conversation, last);
            }
        }
    }

    fn is_next(&mut self, conversation: ConversationId, sequence: Sequence) -> bool {
        if self.behind.contains_key(&conversation) {
            self.owe(conversation, sequence);
            return false;
        }
        let got = self.got.entry(conversation).or_insert(Sequence(sequence.0.saturating_sub(1)));
        if sequence == got.next() {
            *got = sequence;
            return true;
        }
        if sequence > *got {
            self.owe(conversation, sequence);
        }
        false
    }

    fn owe(&mut self, conversation: ConversationId, upto: Sequence) {
        let present = self.behind.entry(conversation).or_insert(upto);
        *present = (*present).max(upto);
    }

    /// What to read next: after which place, and up to which.
    pub(super) fn next_gap(&self) -> Option<(ConversationId, Sequence, Sequence)> {
        let (conversation, upto) = self.behind.first_key_value()?;
        Some((*conversation, self.got.get(conversation).copied().unwrap_or_default(), *upto))
    }

    /// The log was read up to `sequence`.
    pub(super) fn read(&mut self, conversation: ConversationId, sequence: Sequence) {
        self.got.insert(conversation, sequence);
        if self.behind.get(&conversation).is_some_and(|upto| sequence >= *upto) {
            self.behind.remove(&conversation);
        }
    }

    /// There is nothing more to read where something should be: the log lost it, or was exchanged.
    pub(super) fn give_up(&mut self, conversation: ConversationId) {
        if let Some(upto) = self.behind.remove(&conversation) {
            self.got.insert(conversation, upto);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::delivery::Live;
    use super::*;

    fn place(sequence: u64) -> Arc<Delivery> {
        Delivery::new(Live::Taken { conversation: id(), sequence: Sequence(sequence) })
    }

    fn id() -> ConversationId {
        ConversationId::from_uuid(uuid::Uuid::from_u128(1))
    }

    fn places(out: &[Arc<Delivery>]) -> Vec<u64> {
        out.iter().map(|delivery| delivery.place().unwrap().1.0).collect()
    }

    proptest! {
        #[test]
        fn whatever_overflows_every_place_comes_once_and_in_order(
            start in 0_u64..20,
            head in 0_u64..20,
            batches in prop::collection::vec((0_usize..6, 0_usize..4), 1..12),
        ) {
            let (mut progress, mut got) = (Progress::default(), Vec::new());
            let start = start.min(head);
            progress.resume(id(), Sequence(start), Sequence(head));
            // The live stream began somewhere before the head was read.
            let mut next = head.saturating_sub(3) + 1;
            for (queued, missed) in batches {
                let mut contents = Contents::default();
                for _ in 0..queued {
                    contents.queue.push_back(place(next));
                    next += 1;
                }
                if missed > 0 {
                    let last = next + missed as u64 - 1;
                    contents.missed.insert(id(), Missed { first: Sequence(next), last: Sequence(last) });
                    next = last + 1;
                }
                let mut out = Vec::new();
                progress.sort(contents, &mut out);
                got.extend(places(&out));
                while let Some((conversation, after, upto)) = progress.next_gap() {
                    // At most two at a time, to see that a gap is read in parts.
                    let to = upto.0.min(after.0 + 2);
                    got.extend(after.0 + 1..=to);
                    progress.read(conversation, Sequence(to));
                }
            }
            let last = (next - 1).max(head);
            prop_assert_eq!(got, (start + 1..=last).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_conversation_without_a_cursor_begins_with_the_first_thing_that_happens() {
        let (mut progress, mut out) = (Progress::default(), Vec::new());
        let queue = [place(7), place(8)].into_iter().collect();
        progress.sort(Contents { queue, ..Contents::default() }, &mut out);
        assert_eq!(places(&out), [7, 8]);
        assert_eq!(progress.next_gap(), None);
    }

    #[test]
    fn a_cursor_beyond_the_head_counts_as_the_head() {
        let mut progress = Progress::default();
        progress.resume(id(), Sequence(99), Sequence(3));
        let (mut out, queue) = (Vec::new(), [place(4)].into_iter().collect());
        progress.sort(Contents { queue, ..Contents::default() }, &mut out);
        assert_eq!(places(&out), [4]);
    }
}
