//! Live delivery: resuming without gaps or duplicates, slow connections, joining, leaving and signals.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use warbler_domain::{EventKind, Role, Sequence, Signal};

use crate::world::{World, code, send};
use crate::{Delivery, EndReason, Live, ServiceError};

/// Messages in each conversation of the test under fire.
const MESSAGES: usize = 400;

#[tokio::test]
async fn all_members_and_all_their_sessions_get_a_message_the_sender_too() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let again = office.again("ada").await;
    let group = office.group(&ada, &[&ben]).await;
    let mut ears = Vec::new();
    for caller in [&ada, &again, &ben] {
        ears.push(office.connect(caller, &[]).await);
    }
    office.post(&ada, group.id, "hello").await;
    for ear in &mut ears {
        assert_eq!(ear.place(group.id).await, (2, Some("hello".into())));
    }
}

#[tokio::test]
async fn a_message_for_many_is_one_delivery_and_its_frame_is_made_once() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let mut ears = [office.connect(&ada, &[]).await.connection, office.connect(&ben, &[]).await.connection];
    office.post(&ada, group.id, "hello").await;
    let made = AtomicUsize::new(0);
    let mut got: Vec<Arc<Delivery>> = Vec::new();
    for ear in &mut ears {
        loop {
            let mut batch = Vec::new();
            ear.next(&mut batch).await.unwrap();
            if let Some(event) = batch.into_iter().find(|delivery| matches!(delivery.live(), Live::Event(_))) {
                event.frame(|_| {
                    made.fetch_add(1, Ordering::Relaxed);
                    Bytes::from_static(b"{}")
                });
                got.push(event);
                break;
            }
        }
    }
    assert!(Arc::ptr_eq(&got[0], &got[1]));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_resumes_under_fire_gets_every_place_once_and_in_order() {
    let world = Arc::new(World::with(|options| options.connection_queue = 16).await);
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let (one, two) = (office.group(&ada, &[&ben]).await, office.group(&ada, &[&ben]).await);
    let mut senders = tokio::task::JoinSet::new();
    for group in [one.id, two.id] {
        for sender in [ada.clone(), ben.clone()] {
            let messages = world.service.messages();
            senders.spawn(async move {
                for n in 0..MESSAGES / 2 {
                    messages.send(&sender, send(group, &n.to_string(), "hello")).await.unwrap();
                }
            });
        }
    }
    // Comes and goes all the time, each time with the cursors of what it has got so far.
    let (mut got_one, mut got_two) = (Vec::new(), Vec::new());
    let last = MESSAGES as u64 + 1;
    let mut round = 0;
    while got_one.len() < MESSAGES + 1 || got_two.len() < MESSAGES + 1 {
        let cursor = |got: &Vec<u64>| got.last().copied().unwrap_or(0);
        let mut ear = office.connect(&ben, &[(one.id, cursor(&got_one)), (two.id, cursor(&got_two))]).await;
        round += 1;
        for _ in 0..round * 7 {
            if cursor(&got_one) == last && cursor(&got_two) == last {
                break;
            }
            let (conversation, sequence) = ear
                .next(|live| match live {
                    Live::Event(event) => Some((event.conversation, event.sequence.0)),
                    Live::Taken { .. } | Live::Signal(_) => None,
                })
                .await;
            if conversation == one.id { got_one.push(sequence) } else { got_two.push(sequence) }
        }
    }
    while let Some(done) = senders.join_next().await {
        done.unwrap();
    }
    let expected: Vec<u64> = (1..=last).collect();
    assert_eq!(got_one, expected);
    assert_eq!(got_two, expected);
}

#[tokio::test]
async fn a_connection_that_reads_nothing_keeps_little_and_then_gets_all_of_it() {
    let world = World::with(|options| options.connection_queue = 4).await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let mut ear = office.connect(&office.owner, &[(group.id, 0)]).await;
    for n in 0..500 {
        office.post(&office.owner, group.id, &n.to_string()).await;
    }
    assert_eq!(ear.place(group.id).await, (1, None));
    for n in 0..500_u64 {
        assert_eq!(ear.place(group.id).await, (n + 2, Some(n.to_string())));
    }
    office.post(&office.owner, group.id, "last").await;
    assert_eq!(ear.place(group.id).await, (502, Some("last".into())));
}

#[tokio::test]
async fn without_a_cursor_a_conversation_begins_now_even_if_its_first_events_overflow() {
    let world = World::with(|options| options.connection_queue = 2).await;
    let office = world.tenant("acme").await;
    let (one, two) = (office.group(&office.owner, &[]).await, office.group(&office.owner, &[]).await);
    office.post(&office.owner, two.id, "long ago").await;
    let mut ear = office.connect(&office.owner, &[]).await;
    for n in 0..5 {
        office.post(&office.owner, one.id, &n.to_string()).await;
    }
    for n in 0..5 {
        office.post(&office.owner, two.id, &n.to_string()).await;
    }
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    while of_one.len() + of_two.len() < 10 {
        let (conversation, sequence) = ear
            .next(|live| match live {
                Live::Event(event) => Some((event.conversation, event.sequence.0)),
                _ => None,
            })
            .await;
        if conversation == one.id { of_one.push(sequence) } else { of_two.push(sequence) }
    }
    assert_eq!((of_one, of_two), ((2..=6).collect(), (3..=7).collect()));
}

#[tokio::test]
async fn a_cursor_of_the_future_counts_as_the_present() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let mut ear = office.connect(&office.owner, &[(group.id, 999)]).await;
    office.post(&office.owner, group.id, "hello").await;
    assert_eq!(ear.place(group.id).await, (2, Some("hello".into())));
}

#[tokio::test]
async fn whoever_is_asked_in_gets_what_follows_and_whoever_leaves_gets_their_leaving_as_the_last() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[]).await;
    let mut ear = office.connect(&ben, &[]).await;
    office.post(&ada, group.id, "before").await;
    let conversations = world.service.conversations();
    conversations.add_members(&ada, group.id, &[ben.user()]).await.unwrap();
    office.post(&ada, group.id, "during").await;
    conversations.remove_member(&ada, group.id, ben.user()).await.unwrap();
    office.post(&ada, group.id, "after").await;
    conversations.add_members(&ada, group.id, &[ben.user()]).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let kind = ear.next(|live| match live {
            Live::Event(event) => Some((event.sequence.0, event.kind.clone())),
            _ => None,
        });
        seen.push(kind.await);
    }
    assert_eq!(seen[0], (3, EventKind::Joined { user: ben.user() }));
    assert!(matches!(seen[1], (4, EventKind::Posted { .. })));
    assert_eq!(seen[2], (5, EventKind::Left { user: ben.user() }));
    // Back again, what was missed is caught up on.
    assert_eq!(seen[3].0, 6);
}

#[tokio::test]
async fn a_new_conversation_reaches_those_who_are_in_it_from_the_start() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let mut ear = office.connect(&ben, &[]).await;
    let group = office.group(&ada, &[&ben]).await;
    office.post(&ada, group.id, "hello").await;
    assert_eq!(ear.place(group.id).await, (1, None));
    assert_eq!(ear.place(group.id).await, (2, Some("hello".into())));
}

#[tokio::test]
async fn signals_reach_those_they_are_for_and_nobody_else() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let eve = office.person("eve", Role::Member).await;
    let group = office.group(&ada, &[&ben]).await;
    let own = office.group(&eve, &[]).await;
    let (mut here, mut there) = (office.connect(&ada, &[]).await, office.connect(&ben, &[]).await);
    let mut apart = office.connect(&eve, &[]).await;
    let messages = world.service.messages();
    messages.typing(&ada, group.id).await.unwrap();
    messages.read(&ada, group.id, Sequence(1)).await.unwrap();
    let signal = |live: &Live| match live {
        Live::Signal(signal @ (Signal::Typing { .. } | Signal::Read { .. })) => Some(signal.clone()),
        _ => None,
    };
    let typing = Signal::Typing { conversation: group.id, user: ada.user() };
    let read = Signal::Read { conversation: group.id, user: ada.user(), sequence: Sequence(1) };
    assert_eq!(there.next(signal).await, typing);
    assert_eq!(there.next(signal).await, read);
    // Who types knows it; what they read, their other devices want to know.
    assert_eq!(here.next(signal).await, read);
    office.post(&eve, own.id, "alone").await;
    let first = apart.next(|live| match live {
        Live::Signal(Signal::Presence { .. }) => None,
        other => Some(other.clone()),
    });
    assert!(matches!(first.await, Live::Event(_)));
    assert_eq!(code(messages.typing(&eve, group.id).await), "not-found");
}

#[tokio::test]
async fn presence_comes_with_the_first_connection_and_goes_with_the_last() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let mut ear = office.connect(&ada, &[]).await;
    let of_ben = |live: &Live| match live {
        Live::Signal(Signal::Presence { user, online }) if *user == ben.user() => Some(*online),
        _ => None,
    };
    let one = office.connect(&ben, &[]).await;
    assert!(ear.next(of_ben).await);
    assert_eq!(world.service.live().online(&ada, group.id).await.unwrap().len(), 2);
    let other = office.connect(&ben, &[]).await;
    drop(one);
    office.post(&ben, group.id, "still here").await;
    drop(other);
    let next = ear.next(|live| match live {
        Live::Signal(Signal::Presence { online, .. }) => Some(*online),
        _ => None,
    });
    assert!(!next.await);
    assert_eq!(world.service.live().online(&ada, group.id).await.unwrap(), [ada.user()]);
}

#[tokio::test]
async fn a_session_has_so_many_connections_and_gets_them_back() {
    let world = World::with(|options| options.connections_per_session = 2).await;
    let office = world.tenant("acme").await;
    let live = world.service.live();
    let one = live.connect(&office.owner, BTreeMap::new()).await.unwrap();
    let _two = live.connect(&office.owner, BTreeMap::new()).await.unwrap();
    assert_eq!(code(live.connect(&office.owner, BTreeMap::new()).await), "rate-limited");
    drop(one);
    live.connect(&office.owner, BTreeMap::new()).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_connection_ends_with_its_session_and_none_is_opened_afterwards() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (one, other) = (office.person("ada", Role::Member).await, office.again("ada").await);
    let (mut ended, mut lives) = (office.connect(&one, &[]).await, office.connect(&other, &[]).await);
    world.service.authentication().end(&other, one.session()).await.unwrap();
    let ServiceError::SessionEnded { reason } = ended.end().await else { panic!("another end") };
    assert_eq!(reason, EndReason::Revoked);
    assert_eq!(code(world.service.live().connect(&one, BTreeMap::new()).await), "session-ended");
    let group = office.group(&other, &[]).await;
    assert_eq!(lives.place(group.id).await, (1, None));
}

#[tokio::test]
async fn connections_are_told_that_the_host_closes() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let mut ear = office.connect(&office.owner, &[]).await;
    world.service.close().await;
    assert_eq!(ear.end().await.code(), "unavailable");
    assert_eq!(code(world.service.ready().await), "unavailable");
}

#[tokio::test]
async fn a_connection_on_another_node_gets_the_same() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let signed_in = world.sign_in("acme", "owner", crate::world::PASSWORD).await.unwrap();
    let group = office.group(&office.owner, &[]).await;
    let other = world.other_node().await;
    let there = other.authentication().authenticate(signed_in.token.reveal()).await.unwrap();
    let cursors = [(group.id, Sequence(0))].into_iter().collect();
    let mut connection = other.live().connect(&there, cursors).await.unwrap();
    office.post(&office.owner, group.id, "hello").await;
    let mut got = Vec::new();
    while got.len() < 2 {
        let mut batch = Vec::new();
        connection.next(&mut batch).await.unwrap();
        got.extend(batch.iter().filter_map(|delivery| match delivery.live() {
            Live::Event(event) => Some(event.sequence.0),
            _ => None,
        }));
    }
    assert_eq!(got, [1, 2]);
}

#[tokio::test]
async fn whoever_was_taken_out_hears_nothing_that_is_said_afterwards() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let (group, other) = (office.group(&ada, &[&ben]).await, office.group(&ada, &[&ben]).await);
    let mut ear = office.connect(&ben, &[]).await;
    world.service.conversations().remove_member(&ada, group.id, ben.user()).await.unwrap();
    office.post(&ada, group.id, "about ben").await;
    world.service.messages().typing(&ada, group.id).await.unwrap();
    office.post(&ada, other.id, "to ben").await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let next = ear.next(|live| match live {
            Live::Event(event) => Some((event.conversation, event.sequence.0)),
            Live::Taken { .. } | Live::Signal(Signal::Typing { .. }) => panic!("{live:?}"),
            Live::Signal(_) => None,
        });
        heard.push(next.await);
    }
    assert_eq!(heard, [(group.id, 2), (other.id, 2)]);
}
