//! The jobs of one lane in memory: one line per device, so that a device gets its notifications in order
//! and at most one of them is under way at a time.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use warbler_domain::{EndpointId, MessageId, Position, Timestamp, Urgency};

use super::job::{Held, Ticket};

/// The lines of all devices.
#[derive(Default)]
pub(super) struct Queue {
    lines: HashMap<EndpointId, VecDeque<Held>>,
    /// Devices whose first job may go now, in the order of their turn.
    ready: VecDeque<EndpointId>,
    /// Devices whose first job has to wait, by when it is due.
    waiting: BTreeSet<(Timestamp, EndpointId)>,
    /// Devices with a job under way.
    flying: HashSet<EndpointId>,
    known: HashSet<(Position, EndpointId)>,
}

/// A job that a newer one took the place of.
pub(super) struct Replaced {
    pub(super) old: Held,
    pub(super) by: MessageId,
}

/// What came of putting a job in.
pub(super) enum Put {
    /// It is in line.
    Lined,
    /// It was in line already; the same event came again.
    Known(Held),
    /// It is in line, in the place of an older one.
    InPlaceOf(Replaced),
}

impl Queue {
    /// Jobs in line, those under way not counted.
    pub(super) fn len(&self) -> usize {
        self.known.len() - self.flying.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Puts a job at the end of its device's line.
    pub(super) fn put(&mut self, mut held: Held, now: Timestamp) -> Put {
        if self.known.contains(&held.job.order()) {
            return Put::Known(held);
        }
        let endpoint = held.job.endpoint;
        let line = self.lines.entry(endpoint).or_default();
        let older = line.iter().position(|other| replaces(&held, other));
        let replaced = older.and_then(|at| {
            let old = line.remove(at)?;
            // What the provider asked for holds for the newer one, too.
            held.job.due = held.job.due.max(old.job.due);
            held.throttled |= old.throttled;
            let was_first = at == 0;
            Some((old, was_first))
        });
        if let Some((old, true)) = &replaced {
            self.waiting.remove(&(old.job.due, endpoint));
            self.ready.retain(|ready| *ready != endpoint);
        }
        if let Some((old, _)) = &replaced {
            self.known.remove(&old.job.order());
        }
        self.known.insert(held.job.order());
        let by = held.job.message;
        let is_first = line.is_empty();
        line.push_back(held);
        if is_first || replaced.as_ref().is_some_and(|(_, was_first)| *was_first) {
            self.turn(endpoint, now);
        }
        match replaced {
            Some((old, _)) => Put::InPlaceOf(Replaced { old, by }),
            None => Put::Lined,
        }
    }

    /// Gives a device its turn, or has it wait, as its first job wants.
    fn turn(&mut self, endpoint: EndpointId, now: Timestamp) {
        if self.flying.contains(&endpoint) {
            return;
        }
        let Some(first) = self.lines.get(&endpoint).and_then(VecDeque::front) else {
            self.lines.remove(&endpoint);
            return;
        };
        if first.job.due <= now {
            self.ready.push_back(endpoint);
        } else {
            self.waiting.insert((first.job.due, endpoint));
        }
    }

    /// Gives those their turn whose time has come, and says when the next one's does.
    pub(super) fn wake(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some((due, endpoint)) = self.waiting.first().copied() {
            if due > now {
                return Some(due);
            }
            self.waiting.pop_first();
            self.ready.push_back(endpoint);
        }
        None
    }

    /// The first jobs of at most `most` devices, which are under way from now on.
    pub(super) fn take(&mut self, most: usize) -> Vec<Held> {
        let mut taken = Vec::with_capacity(most.min(self.ready.len()));
        while taken.len() < most {
            let Some(endpoint) = self.ready.pop_front() else { break };
            let Some(held) = self.lines.get_mut(&endpoint).and_then(VecDeque::pop_front) else { continue };
            self.flying.insert(endpoint);
            taken.push(held);
        }
        taken
    }

    /// A job is settled: the next of its device may have its turn.
    pub(super) fn settled(&mut self, held: &Held, now: Timestamp) {
        self.known.remove(&held.job.order());
        self.flying.remove(&held.job.endpoint);
        self.turn(held.job.endpoint, now);
    }

    /// A job has to be tried again, before all others of its device; unless a newer one replaces it.
    pub(super) fn again(&mut self, held: Held, now: Timestamp) -> Option<Replaced> {
        let endpoint = held.job.endpoint;
        self.flying.remove(&endpoint);
        let line = self.lines.entry(endpoint).or_default();
        if let Some(newer) = line.iter_mut().find(|newer| replaces(newer, &held)) {
            newer.job.due = newer.job.due.max(held.job.due);
            let by = newer.job.message;
            // It takes the older one's turn; what is due before everything else waits with it.
            if let Some(first) = line.front_mut() {
                first.job.due = first.job.due.max(held.job.due);
            }
            self.known.remove(&held.job.order());
            self.turn(endpoint, now);
            return Some(Replaced { old: held, by });
        }
        line.push_front(held);
        self.turn(endpoint, now);
        None
    }

    /// Takes everything of one device out of line.
    pub(super) fn drop_device(&mut self, endpoint: EndpointId) -> Vec<Held> {
        let line: Vec<Held> = self.lines.get_mut(&endpoint).map(|line| line.drain(..).collect()).unwrap_or_default();
        for held in &line {
            self.known.remove(&held.job.order());
            self.waiting.remove(&(held.job.due, endpoint));
        }
        self.ready.retain(|ready| *ready != endpoint);
        line
    }

    /// The jobs in line that somebody waits for with `ticket`.
    pub(super) fn of_ticket(&mut self, ticket: &Ticket) -> impl Iterator<Item = &mut Held> {
        let is_of = move |held: &&mut Held| held.ticket.as_deref().is_some_and(|of| std::ptr::eq(of, ticket));
        self.lines.values_mut().flatten().filter(is_of)
    }
}

/// Whether `newer` says all that `older` would: the same conversation, and nothing that wants more attention.
fn replaces(newer: &Held, older: &Held) -> bool {
    newer.job.conversation == older.job.conversation
        && newer.job.position > older.job.position
        && (older.job.urgency < Urgency::High || newer.job.urgency == Urgency::High)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::job::Job;
    use uuid::Uuid;
    use warbler_domain::{ConversationId, Sequence, UserId};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn held(position: u64, device: u128, conversation: u128) -> Held {
        let job = Job {
            message: MessageId::from_uuid(Uuid::from_u128(u128::from(position))),
            conversation: ConversationId::from_uuid(Uuid::from_u128(conversation)),
            sequence: Sequence(position),
            position: Position(position),
            user: UserId::from_uuid(Uuid::nil()),
            endpoint: EndpointId::from_uuid(Uuid::from_u128(device)),
            kind: "fcm".into(),
            urgency: Urgency::Normal,
            mentioned: false,
            attempt: 0,
            due: NOW,
            since: None,
            expires_at: Timestamp::from_millis(u64::MAX),
        };
        Held { job, event: None, ticket: None, stored: false, came: NOW, throttled: false }
    }

    fn positions(taken: &[Held]) -> Vec<u64> {
        taken.iter().map(|held| held.job.position.0).collect()
    }

    #[test]
    fn a_device_has_one_job_under_way_and_gets_the_rest_in_order() {
        let mut queue = Queue::default();
        for (position, device) in [(1, 1), (2, 1), (3, 2)] {
            // Conversations of their own, so that none replaces another.
            assert!(matches!(queue.put(held(position, device, position.into()), NOW), Put::Lined));
        }
        let first = queue.take(10);
        assert_eq!(positions(&first), [1, 3]);
        assert!(queue.take(10).is_empty());
        queue.settled(&first[0], NOW);
        assert_eq!(positions(&queue.take(10)), [2]);
    }

    #[test]
    fn what_has_to_be_tried_again_goes_before_what_came_later() {
        let mut queue = Queue::default();
        queue.put(held(1, 1, 1), NOW);
        queue.put(held(2, 1, 2), NOW);
        let mut failed = queue.take(1).remove(0);
        failed.job.due = Timestamp::from_millis(5_000);
        assert!(queue.again(failed, NOW).is_none());
        assert!(queue.take(10).is_empty(), "the second one must not overtake");
        assert_eq!(queue.wake(NOW), Some(Timestamp::from_millis(5_000)));
        assert_eq!(queue.wake(Timestamp::from_millis(5_000)), None);
        assert_eq!(positions(&queue.take(10)), [1]);
    }

    #[test]
    fn a_newer_message_of_the_same_conversation_takes_the_place_of_one_that_waits() {
        let mut queue = Queue::default();
        queue.put(held(1, 1, 7), NOW);
        let Put::InPlaceOf(replaced) = queue.put(held(2, 1, 7), NOW) else { panic!("both are in line") };
        assert_eq!(replaced.old.job.position, Position(1));
        assert_eq!(replaced.by, MessageId::from_uuid(Uuid::from_u128(2)));
        assert_eq!(positions(&queue.take(10)), [2]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_mention_is_not_replaced_by_small_talk() {
        let mut queue = Queue::default();
        let mut mention = held(1, 1, 7);
        mention.job.urgency = Urgency::High;
        queue.put(mention, NOW);
        assert!(matches!(queue.put(held(2, 1, 7), NOW), Put::Lined));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn the_same_job_is_in_line_once_even_while_it_is_under_way() {
        let mut queue = Queue::default();
        queue.put(held(1, 1, 7), NOW);
        let taken = queue.take(1);
        assert!(matches!(queue.put(held(1, 1, 7), NOW), Put::Known(_)));
        queue.settled(&taken[0], NOW);
        assert!(matches!(queue.put(held(1, 1, 7), NOW), Put::Lined));
    }
}
