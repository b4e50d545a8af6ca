//! Tests of drivers over the store in memory, with a handler that does what a message tells it to.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use warbler_domain::{Committed, ConversationId, EventKind, Position, Role, TenantScope};
use warbler_store::{Backoff, Delivery};

use super::{Handled, Handler, LetterQuery, Work};
use crate::world::{Office, World, text_of};
use crate::{Service, Shown};

/// Reports what it was handed, and does what the text says.
struct Told {
    heard: mpsc::UnboundedSender<(ConversationId, String)>,
    /// How often each text came.
    times: Mutex<HashMap<String, u32>>,
    /// What `wait` waits for.
    gate: Arc<Semaphore>,
}

#[async_trait]
impl Handler for Told {
    fn wants(&self, committed: &Committed) -> bool {
        matches!(&committed.event.kind, EventKind::Posted { .. })
    }

    async fn handle(&self, _scope: &TenantScope, delivery: &Delivery) -> Handled {
        let event = &delivery.committed.event;
        let text = text_of(&Shown::Event(Arc::clone(event))).unwrap();
        self.heard.send((event.conversation, text.clone())).unwrap();
        let times = {
            let mut times = self.times.lock();
            let times = times.entry(text.clone()).or_default();
            *times += 1;
            *times
        };
        match text.split_whitespace().next().unwrap() {
            "wait" => self.gate.acquire().await.unwrap().forget(),
            "twice" if times == 1 => return Handled::Retry { reason: "the first time".into(), after: None },
            "never" => return Handled::Park { reason: "it never works".into() },
            "panic" => panic!("on purpose"),
            _ => {}
        }
        Handled::Done
    }
}

struct Ear {
    heard: mpsc::UnboundedReceiver<(ConversationId, String)>,
    gate: Arc<Semaphore>,
}

impl Ear {
    async fn next(&mut self) -> String {
        let heard = tokio::time::timeout(Duration::from_secs(20), self.heard.recv()).await;
        heard.expect("nothing came").unwrap().1
    }
}

fn listen(service: &Service) -> Ear {
    let (heard, ear) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::new(Told { heard, times: Mutex::default(), gate: Arc::clone(&gate) });
    let at_once_again = Backoff { first: Duration::ZERO, most: Duration::ZERO, give_up: Duration::from_hours(1) };
    service.consumers().add(Work { name: "told", backoff: at_once_again, at_once: 4, handler });
    Ear { heard: ear, gate }
}

async fn letters(office: &Office<'_>) -> Vec<(u64, String)> {
    let query = LetterQuery { tenant: office.tenant.id, consumer: None, after: None, limit: 10 };
    let letters = office.service().dead_letters().list(&office.world.operator, &query).await.unwrap();
    letters.into_iter().map(|letter| (letter.position.0, letter.reason)).collect()
}

#[tokio::test]
async fn events_of_a_conversation_come_in_order_and_those_of_others_do_not_wait() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let mut ear = listen(&world.service);
    let (one, two) = (office.group(&office.owner, &[]).await, office.group(&office.owner, &[]).await);
    office.post(&office.owner, one.id, "wait").await;
    assert_eq!(ear.next().await, "wait");
    office.post(&office.owner, one.id, "after it").await;
    office.post(&office.owner, two.id, "elsewhere").await;
    assert_eq!(ear.next().await, "elsewhere");
    ear.gate.add_permits(1);
    assert_eq!(ear.next().await, "after it");
}

#[tokio::test]
async fn what_failed_comes_again_and_what_is_given_up_can_be_replayed_or_dropped() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let mut ear = listen(&world.service);
    let group = office.group(&office.owner, &[]).await;
    for text in ["twice", "never", "panic"] {
        office.post(&office.owner, group.id, text).await;
    }
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(ear.next().await);
    }
    heard.sort();
    assert_eq!(heard, ["never", "panic", "twice", "twice"]);
    // The letters are written after the handler has spoken; the next event comes after that.
    office.post(&office.owner, group.id, "last").await;
    assert_eq!(ear.next().await, "last");
    let parked = letters(&office).await;
    assert_eq!(parked.len(), 2, "{parked:?}");
    assert_eq!(parked[0].1, "it never works");
    let (dead, operator, tenant) = (office.service().dead_letters(), &world.operator, office.tenant.id);
    dead.replay(operator, tenant, "told", Position(parked[0].0)).await.unwrap();
    assert_eq!(ear.next().await, "never");
    dead.discard(operator, tenant, "told", Position(parked[1].0)).await.unwrap();
    assert!(dead.discard(operator, tenant, "told", Position(parked[1].0)).await.is_err());
    assert!(dead.replay(operator, tenant, "unknown", Position(1)).await.is_err());
}

#[tokio::test]
async fn what_was_not_finished_comes_again_after_a_restart_and_nothing_else() {
    let mut world = World::new().await;
    let office = world.tenant("acme").await;
    let mut ear = listen(&world.service);
    let (one, two) = (office.group(&office.owner, &[]).await, office.group(&office.owner, &[]).await);
    office.post(&office.owner, one.id, "done").await;
    assert_eq!(ear.next().await, "done");
    office.post(&office.owner, two.id, "wait").await;
    assert_eq!(ear.next().await, "wait");
    // The driver writes down what is done before it reads the next one.
    office.post(&office.owner, one.id, "done, too").await;
    assert_eq!(ear.next().await, "done, too");
    world.restart().await;
    let mut ear = listen(&world.service);
    assert_eq!(ear.next().await, "wait");
}

#[tokio::test]
async fn a_tenant_added_later_has_drivers_and_a_removed_one_has_none() {
    let world = World::new().await;
    let mut ear = listen(&world.service);
    let office = world.tenant("later").await;
    let group = office.group(&office.owner, &[]).await;
    office.post(&office.owner, group.id, "hello").await;
    assert_eq!(ear.next().await, "hello");
    world.service.tenants().remove(&world.operator, office.tenant.id).await.unwrap();
    let other = world.tenant("other").await;
    let group = other.group(&other.owner, &[]).await;
    other.post(&other.owner, group.id, "of the other").await;
    assert_eq!(ear.next().await, "of the other");
    let query = LetterQuery { tenant: office.tenant.id, consumer: None, after: None, limit: 10 };
    assert!(world.service.dead_letters().list(&world.operator, &query).await.is_err());
    // A member of the removed tenant is not there to say anything more.
    assert!(other.service().members().add(&office.owner, crate::world::new_member("x", Role::Member)).await.is_err());
}
