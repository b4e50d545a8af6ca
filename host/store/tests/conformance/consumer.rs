//! Durable consumers: at least once, in spite of failures and restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use uuid::Uuid;
use warbler_domain::{Clock, Ids, Position, StoreError, Timestamp};
use warbler_store::{Backoff, Consumer, ConsumerPorts, DeadLetters, Delivery, Retried};

use crate::host::{Host, conversation, post, text};
use crate::on_every_backend;

/// A clock that stands still until it is moved.
#[derive(Default)]
struct Hands(AtomicU64);

impl Hands {
    fn move_to(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Random bits that make every pause 1,000 ms, if it may be that long.
struct Thousand;

impl Ids for Thousand {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(0, 1000)
    }
}

const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(1), give_up: Duration::from_mins(1) };

async fn consumer(host: &Host, clock: &Arc<Hands>, name: &str) -> Consumer {
    let ports = ConsumerPorts {
        log: host.log.clone(),
        state: host.state.clone(),
        clock: clock.clone(),
        ids: Arc::new(Thousand),
    };
    Consumer::open(ports, host.one, name, BACKOFF).await.unwrap()
}

fn letters(host: &Host, clock: &Arc<Hands>) -> DeadLetters {
    DeadLetters::new(host.state.clone(), clock.clone(), host.one, "push")
}

async fn fill(host: &Host, count: u32) {
    for number in 1..=count {
        host.append(post(conversation((number % 2).into()), &number.to_string())).await;
    }
    host.log.append(&host.other, post(conversation(1), "of the other tenant")).await.unwrap();
}

fn told(batch: &[Delivery]) -> Vec<(&str, u32)> {
    batch.iter().map(|delivery| (text(&delivery.committed.event), delivery.attempt)).collect()
}

on_every_backend! {
    every_event_of_the_tenant_comes_once_in_order_while_nothing_fails,
    what_was_not_acknowledged_comes_again_after_a_restart,
    consumers_of_other_names_have_cursors_of_their_own,
    what_follows_what_was_read_can_be_passed_over,
    a_failed_delivery_comes_again_when_it_is_due_and_holds_up_nothing,
    retries_survive_a_restart_and_succeed_once,
    what_fails_for_too_long_is_parked_and_can_be_replayed,
    parked_events_are_listed_in_pages_and_survive_a_restart,
    two_of_one_name_do_not_both_go_on,
    cursors_and_retries_outlive_the_store,
}

async fn every_event_of_the_tenant_comes_once_in_order_while_nothing_fails(host: Host) {
    fill(&host, 7).await;
    let mut consumer = consumer(&host, &Arc::default(), "push").await;
    let mut seen = Vec::new();
    loop {
        let batch = consumer.next_batch(3).await.unwrap();
        if batch.is_empty() {
            break;
        }
        assert!(batch.len() <= 3);
        for delivery in batch {
            consumer.ack(&delivery);
            seen.push(text(&delivery.committed.event).to_owned());
        }
    }
    assert_eq!(seen, ["1", "2", "3", "4", "5", "6", "7"]);
    host.append(post(conversation(1), "8")).await;
    assert_eq!(told(&consumer.next_batch(9).await.unwrap()), [("8", 1)]);
}

async fn what_was_not_acknowledged_comes_again_after_a_restart(host: Host) {
    fill(&host, 5).await;
    let clock = Arc::default();
    let mut first = consumer(&host, &clock, "push").await;
    let batch = first.next_batch(4).await.unwrap();
    first.ack(&batch[0]);
    first.ack(&batch[1]);
    // The third stays open, so the cursor stays before it, whatever comes after.
    first.ack(&batch[3]);
    first.checkpoint().await.unwrap();
    let mut second = consumer(&host, &clock, "push").await;
    assert_eq!(told(&second.next_batch(9).await.unwrap()), [("3", 1), ("4", 1), ("5", 1)]);
}

async fn consumers_of_other_names_have_cursors_of_their_own(host: Host) {
    fill(&host, 2).await;
    let clock = Arc::default();
    let (mut push, mut agent) = (consumer(&host, &clock, "push").await, consumer(&host, &clock, "agent").await);
    for delivery in push.next_batch(9).await.unwrap() {
        push.ack(&delivery);
    }
    assert!(push.next_batch(9).await.unwrap().is_empty());
    assert_eq!(told(&agent.next_batch(9).await.unwrap()), [("1", 1), ("2", 1)]);
}

async fn what_follows_what_was_read_can_be_passed_over(host: Host) {
    fill(&host, 6).await;
    let clock = Arc::default();
    let mut first = consumer(&host, &clock, "push").await;
    let batch = first.next_batch(1).await.unwrap();
    // The second would be lost with the third.
    first.pass(Position(3)..=Position(3));
    first.pass(Position(1)..=Position(4));
    assert_eq!(told(&first.next_batch(1).await.unwrap()), [("5", 1)]);
    first.ack(&batch[0]);
    first.checkpoint().await.unwrap();
    let mut second = consumer(&host, &clock, "push").await;
    assert_eq!(told(&second.next_batch(9).await.unwrap()), [("5", 1), ("6", 1)]);
}

async fn a_failed_delivery_comes_again_when_it_is_due_and_holds_up_nothing(host: Host) {
    fill(&host, 3).await;
    let clock: Arc<Hands> = Arc::default();
    let mut consumer = consumer(&host, &clock, "push").await;
    let batch = consumer.next_batch(2).await.unwrap();
    let retried = consumer.retry(&batch[0], "no answer", None).await.unwrap();
    assert_eq!(retried, Retried::At(Timestamp::from_millis(1000)));
    let later = consumer.retry(&batch[1], "asked to wait", Some(Duration::from_secs(5))).await.unwrap();
    assert_eq!(later, Retried::At(Timestamp::from_millis(5000)));
    assert_eq!(consumer.next_due(), Some(Timestamp::from_millis(1000)));
    assert_eq!(told(&consumer.next_batch(9).await.unwrap()), [("3", 1)]);
    clock.move_to(999);
    assert!(consumer.next_batch(9).await.unwrap().is_empty());
    clock.move_to(1000);
    let again = consumer.next_batch(9).await.unwrap();
    assert_eq!(told(&again), [("1", 2)]);
    // While it is out, it does not come again.
    assert!(consumer.next_batch(9).await.unwrap().is_empty());
    consumer.ack(&again[0]);
    clock.move_to(5000);
    assert_eq!(told(&consumer.next_batch(9).await.unwrap()), [("2", 2)]);
}

async fn retries_survive_a_restart_and_succeed_once(host: Host) {
    fill(&host, 2).await;
    let clock: Arc<Hands> = Arc::default();
    let mut first = consumer(&host, &clock, "push").await;
    let batch = first.next_batch(9).await.unwrap();
    first.retry(&batch[0], "no answer", None).await.unwrap();
    first.ack(&batch[1]);
    first.checkpoint().await.unwrap();
    clock.move_to(1000);
    let mut second = consumer(&host, &clock, "push").await;
    let again = second.next_batch(9).await.unwrap();
    assert_eq!(told(&again), [("1", 2)]);
    second.ack(&again[0]);
    second.checkpoint().await.unwrap();
    let mut third = consumer(&host, &clock, "push").await;
    assert!(third.next_batch(9).await.unwrap().is_empty());
    assert_eq!(third.next_due(), None);
}

async fn what_fails_for_too_long_is_parked_and_can_be_replayed(host: Host) {
    fill(&host, 1).await;
    let clock: Arc<Hands> = Arc::default();
    let mut consumer = consumer(&host, &clock, "push").await;
    let letters = letters(&host, &clock);
    let mut attempts = 0;
    for minute in 0.. {
        clock.move_to(minute * 20_000);
        let batch = consumer.next_batch(9).await.unwrap();
        attempts += 1;
        assert_eq!(told(&batch), [("1", attempts)]);
        match consumer.retry(&batch[0], "no answer", None).await.unwrap() {
            Retried::At(_) => assert!(letters.list(None, 9).await.unwrap().is_empty()),
            Retried::Parked => break,
        }
    }
    let parked = letters.list(None, 9).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].position, parked[0].attempts, parked[0].reason.as_str()), (Position(1), 4, "no answer"));
    assert_eq!(consumer.next_due(), None);
    assert!(consumer.next_batch(9).await.unwrap().is_empty());
    let mut asked = consumer.replays();
    assert!(letters.replay(Position(1)).await.unwrap());
    assert!(!letters.replay(Position(1)).await.unwrap());
    asked.next().await.unwrap();
    assert!(letters.list(None, 9).await.unwrap().is_empty());
    let again = consumer.next_batch(9).await.unwrap();
    assert_eq!(told(&again), [("1", 1)]);
    // It starts anew: failing once more does not park it at once.
    assert!(matches!(consumer.retry(&again[0], "no answer", None).await.unwrap(), Retried::At(_)));
}

async fn parked_events_are_listed_in_pages_and_survive_a_restart(host: Host) {
    fill(&host, 5).await;
    let clock: Arc<Hands> = Arc::default();
    let mut first = consumer(&host, &clock, "push").await;
    for delivery in first.next_batch(9).await.unwrap() {
        first.park(&delivery, "not supported").await.unwrap();
    }
    let letters = letters(&host, &clock);
    let positions =
        |parked: Vec<warbler_store::Parked>| parked.iter().map(|parked| parked.position.0).collect::<Vec<_>>();
    assert_eq!(positions(letters.list(None, 2).await.unwrap()), [1, 2]);
    assert_eq!(positions(letters.list(Some(Position(2)), 9).await.unwrap()), [3, 4, 5]);
    assert!(letters.replay(Position(4)).await.unwrap());
    let mut second = consumer(&host, &clock, "push").await;
    assert_eq!(told(&second.next_batch(9).await.unwrap()), [("4", 1)]);
}

async fn two_of_one_name_do_not_both_go_on(host: Host) {
    fill(&host, 2).await;
    let clock = Arc::default();
    let (mut one, mut two) = (consumer(&host, &clock, "push").await, consumer(&host, &clock, "push").await);
    let (first, second) = (one.next_batch(1).await.unwrap(), two.next_batch(1).await.unwrap());
    one.ack(&first[0]);
    two.ack(&second[0]);
    one.checkpoint().await.unwrap();
    assert!(matches!(two.checkpoint().await, Err(StoreError::Conflict { .. })));
}

async fn cursors_and_retries_outlive_the_store(host: Host) {
    fill(&host, 3).await;
    let clock: Arc<Hands> = Arc::default();
    let mut first = consumer(&host, &clock, "push").await;
    let batch = first.next_batch(2).await.unwrap();
    first.retry(&batch[0], "no answer", None).await.unwrap();
    first.ack(&batch[1]);
    first.checkpoint().await.unwrap();
    let Some(host) = host.reopened().await else { return };
    clock.move_to(1000);
    let mut second = consumer(&host, &clock, "push").await;
    assert_eq!(told(&second.next_batch(9).await.unwrap()), [("1", 2), ("3", 1)]);
}
