//! Messages: sending, repeating, limits, history, files that are sent, read marks.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::Ordering;

use futures::FutureExt as _;
use warbler_domain::{AttachmentId, MessageId, Role, Sequence};

use crate::world::{World, code, committed, nobody, posted, send, text};
use crate::{HistoryQuery, NewBody, Rate, Send, Sent, ServiceError, Shown};

#[tokio::test]
async fn a_message_is_committed_with_its_sender_and_receipts_and_read_by_the_others() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let new = Send { mentions: vec![ben.user(), ben.user()], ..send(group.id, "k", "hello") };
    let event = committed(world.service.messages().send(&ada, new).await.unwrap());
    let message = posted(&event);
    assert_eq!((event.sequence, event.actor, message.sender), (Sequence(2), ada.user(), ada.user()));
    assert_eq!((message.mentions.as_slice(), message.receipts.len()), ([ben.user()].as_slice(), 1));
    assert_eq!(office.texts(&ben, group.id).await, ["hello"]);
}

#[tokio::test]
async fn sending_again_gives_what_was_committed_and_asks_no_filter() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let messages = world.service.messages();
    let first = messages.send(&office.owner, send(group.id, "k", "once")).await.unwrap();
    let asked = world.filter.asked.load(Ordering::Relaxed);
    let again = messages.send(&office.owner, send(group.id, "k", "once")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.filter.asked.load(Ordering::Relaxed), asked);
    assert_eq!(code(messages.send(&office.owner, send(group.id, "k", "twice")).await), "key-reused");
    assert_eq!(office.texts(&office.owner, group.id).await, ["once"]);
}

#[tokio::test]
async fn the_same_key_sent_twice_at_once_is_one_message() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let messages = world.service.messages();
    let (one, other) = tokio::join!(
        messages.send(&office.owner, send(group.id, "k", "once")),
        messages.send(&office.owner, send(group.id, "k", "once")),
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(office.texts(&office.owner, group.id).await, ["once"]);
}

#[tokio::test]
async fn keys_are_each_senders_and_each_conversations_own() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let (one, other) = (office.group(&ada, &[&office.owner]).await, office.group(&ada, &[]).await);
    let messages = world.service.messages();
    committed(messages.send(&ada, send(one.id, "k", "a")).await.unwrap());
    committed(messages.send(&office.owner, send(one.id, "k", "b")).await.unwrap());
    committed(messages.send(&ada, send(other.id, "k", "c")).await.unwrap());
    assert_eq!(office.texts(&ada, one.id).await, ["a", "b"]);
}

#[tokio::test]
async fn commits_stand_in_the_order_of_their_first_polls_not_of_their_ends() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let messages = world.service.messages();
    let mut commits = Vec::new();
    for n in 0..50 {
        let new = send(group.id, &n.to_string(), &n.to_string());
        let prepared = messages.prepare(&office.owner, new).await.unwrap();
        let mut commit = Box::pin(messages.commit(prepared));
        // Polled once and then left: a memory store may even be done by now.
        let done = (&mut commit).now_or_never();
        commits.push((commit, done));
    }
    for (commit, done) in commits.into_iter().rev() {
        match done {
            Some(done) => drop(done.unwrap()),
            None => drop(commit.await.unwrap()),
        }
    }
    let expected: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    assert_eq!(office.texts(&office.owner, group.id).await, expected);
}

#[tokio::test]
async fn what_a_message_cannot_carry_is_named_and_not_sent() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let good = || send(group.id, "k", "fine");
    let body = |body| Send { body, ..good() };
    let custom = |kind: &str, json: &str| body(NewBody::Custom { kind: kind.into(), json: json.into() });
    let stranger = MessageId::from_uuid(uuid::Uuid::now_v7());
    let absent = AttachmentId::from_uuid(uuid::Uuid::now_v7());
    for (expected, case) in [
        ("invalid", Send { key: String::new(), ..good() }),
        ("invalid", Send { key: "k".repeat(65), ..good() }),
        ("invalid", body(text(""))),
        ("invalid", body(text(" \n\t"))),
        ("too-large", body(text(&"x".repeat(16 * 1024 + 1)))),
        ("invalid", custom("", "{}")),
        ("invalid", custom("with space", "{}")),
        ("invalid", custom("poll", "{")),
        ("invalid", custom("poll", "")),
        ("too-large", custom("poll", &format!("\"{}\"", "x".repeat(64 * 1024)))),
        ("not-found", body(NewBody::File { attachment: absent })),
        ("not-found", Send { reply_to: Some(stranger), ..good() }),
        ("invalid", Send { mentions: vec![nobody()], ..good() }),
        ("invalid", Send { mentions: vec![office.owner.user(); 65], ..good() }),
    ] {
        let answer = world.service.messages().send(&office.owner, case.clone()).await;
        assert_eq!(code(answer), expected, "{case:?}");
    }
    assert!(office.texts(&office.owner, group.id).await.is_empty());
    // The largest ones that are allowed go through.
    office.post(&office.owner, group.id, &"x".repeat(16 * 1024)).await;
    let largest = custom("poll", &format!("\"{}\"", "x".repeat(64 * 1024 - 2)));
    committed(world.service.messages().send(&office.owner, largest).await.unwrap());
}

#[tokio::test]
async fn only_those_in_a_conversation_send_into_it() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Admin).await;
    let group = office.group(&office.owner, &[]).await;
    let unknown = warbler_domain::ConversationId::from_uuid(uuid::Uuid::now_v7());
    assert_eq!(code(office.say(&ada, group.id, "hello").await), "not-found");
    assert_eq!(code(office.say(&ada, unknown, "hello").await), "not-found");
}

#[tokio::test]
async fn too_many_messages_are_refused_and_repetitions_are_not_counted() {
    let world = World::with(|options| options.rates.messages = Rate { burst: 2, per_second: 1 }).await;
    let office = world.tenant("acme").await;
    let (ada, group) = (office.person("ada", Role::Member).await, office.group(&office.owner, &[]).await);
    let own = office.group(&ada, &[]).await;
    let messages = world.service.messages();
    committed(messages.send(&office.owner, send(group.id, "first", "hello")).await.unwrap());
    let mut refused = None;
    for n in 0..100 {
        match messages.send(&office.owner, send(group.id, &n.to_string(), "hello")).await {
            Err(ServiceError::RateLimited { retry_after, .. }) => {
                refused = Some(retry_after);
                break;
            }
            other => drop(other.unwrap()),
        }
    }
    assert!(!refused.unwrap().is_zero());
    committed(messages.send(&office.owner, send(group.id, "first", "hello")).await.unwrap());
    // One person's haste is not another's.
    office.post(&ada, own.id, "hello").await;
}

#[tokio::test]
async fn replies_name_a_message_of_the_same_conversation() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (one, other) = (office.group(&office.owner, &[]).await, office.group(&office.owner, &[]).await);
    for n in 0..200 {
        office.post(&office.owner, one.id, &format!("before {n}")).await;
    }
    let answered = office.post_id(&office.owner, one.id, "a question").await;
    for n in 0..200 {
        world.clock.advance(std::time::Duration::from_secs(n));
        office.post(&office.owner, one.id, &format!("after {n}")).await;
    }
    let reply = |to, key: &str| Send { reply_to: Some(answered), ..send(to, key, "an answer") };
    let event = committed(world.service.messages().send(&office.owner, reply(one.id, "a")).await.unwrap());
    assert_eq!(posted(&event).reply_to, Some(answered));
    assert_eq!(code(world.service.messages().send(&office.owner, reply(other.id, "b")).await), "not-found");
}

#[tokio::test]
async fn history_is_read_both_ways_without_gaps_or_duplicates() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    for n in 0..25 {
        office.post(&office.owner, group.id, &n.to_string()).await;
    }
    let messages = world.service.messages();
    let places = |entries: &[Shown]| entries.iter().map(|shown| shown.sequence().0).collect::<Vec<_>>();
    let (mut back, mut query) = (Vec::new(), HistoryQuery { limit: 10, ..HistoryQuery::default() });
    loop {
        let page = messages.history(&office.owner, group.id, query).await.unwrap();
        let mut places = places(&page.entries);
        query.before = places.first().map(|first| Sequence(*first));
        places.extend(back);
        back = places;
        if !page.more {
            break;
        }
    }
    assert_eq!(back, (1..=26).collect::<Vec<_>>());
    let query = HistoryQuery { after: Some(Sequence(20)), limit: 10, ..HistoryQuery::default() };
    let page = messages.history(&office.owner, group.id, query).await.unwrap();
    assert_eq!((places(&page.entries), page.more), ((21..=26).collect(), false));
    let both = HistoryQuery { before: Some(Sequence(3)), ..query };
    assert_eq!(code(messages.history(&office.owner, group.id, both).await), "invalid");
}

#[tokio::test]
async fn read_marks_go_forward_only_and_not_beyond_the_end() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let group = office.group(&office.owner, &[&ada]).await;
    for n in 0..5 {
        office.post(&office.owner, group.id, &n.to_string()).await;
    }
    let messages = world.service.messages();
    assert_eq!(messages.read(&ada, group.id, Sequence(3)).await.unwrap(), Sequence(3));
    assert_eq!(messages.read(&ada, group.id, Sequence(2)).await.unwrap(), Sequence(3));
    assert_eq!(messages.read(&ada, group.id, Sequence(u64::MAX)).await.unwrap(), Sequence(6));
    assert_eq!(messages.reads(&office.owner, group.id).await.unwrap(), [(ada.user(), Sequence(6))]);
    let listed = &world.service.conversations().list(&ada, None, 1).await.unwrap()[0];
    assert_eq!((listed.head, listed.read), (Sequence(6), Sequence(6)));
    world.service.conversations().leave(&ada, group.id).await.unwrap();
    assert_eq!(messages.reads(&office.owner, group.id).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart_and_its_key_too() {
    let mut world = World::new().await;
    let (owner, id, first) = {
        let office = world.tenant("acme").await;
        let group = office.group(&office.owner, &[]).await;
        let first = world.service.messages().send(&office.owner, send(group.id, "k", "kept")).await.unwrap();
        (office.owner, group.id, first)
    };
    world.restart().await;
    let again = world.service.messages().send(&owner, send(id, "k", "kept")).await.unwrap();
    assert_eq!(first, again);
    assert!(matches!(again, Sent::Committed(_)));
}
