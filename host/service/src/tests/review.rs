//! Review: held messages and what moderators make of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use warbler_domain::{MessageId, Role, Signal};

use crate::world::{World, code, committed, posted, send};
use crate::{Live, Sent, ServiceError};

fn held(sent: &Sent) -> MessageId {
    match sent {
        Sent::Held { id, .. } => *id,
        Sent::Committed(_) => panic!("it was not held"),
    }
}

#[tokio::test]
async fn an_approved_message_is_its_senders_and_comes_after_what_was_said_meanwhile() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let messages = world.service.messages();
    let id = held(&messages.send(&ada, send(group.id, "k", "hold this")).await.unwrap());
    office.post(&ben, group.id, "meanwhile").await;
    let listed = world.service.review().list(&office.owner, None, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].id, listed[0].sender), (1, id, ada.user()));
    // The owner is not in the conversation, and need not be.
    let event = world.service.review().approve(&office.owner, id).await.unwrap();
    assert_eq!((event.actor, posted(&event).sender, posted(&event).receipts.len()), (ada.user(), ada.user(), 1));
    assert_eq!(office.texts(&ben, group.id).await, ["meanwhile", "hold this"]);
    assert!(world.service.review().list(&office.owner, None, 10).await.unwrap().is_empty());
    let actions = office.actions().await;
    assert!(actions.contains(&"review.approve".to_owned()));
}

#[tokio::test]
async fn a_held_message_repeated_stays_one_before_and_after_it_is_approved() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let messages = world.service.messages();
    let new = || send(group.id, "k", "hold this");
    let id = held(&messages.send(&office.owner, new()).await.unwrap());
    assert_eq!(held(&messages.send(&office.owner, new()).await.unwrap()), id);
    assert_eq!(code(messages.send(&office.owner, send(group.id, "k", "hold that")).await), "key-reused");
    let (one, other) = tokio::join!(
        messages.send(&office.owner, send(group.id, "l", "hold it")),
        messages.send(&office.owner, send(group.id, "l", "hold it")),
    );
    assert_eq!(held(&one.unwrap()), held(&other.unwrap()));
    assert_eq!(world.service.review().list(&office.owner, None, 10).await.unwrap().len(), 2);
    let event = world.service.review().approve(&office.owner, id).await.unwrap();
    assert_eq!(committed(messages.send(&office.owner, new()).await.unwrap()), event);
    assert_eq!(code(messages.send(&office.owner, send(group.id, "k", "hold that")).await), "key-reused");
    assert_eq!(office.texts(&office.owner, group.id).await, ["hold this"]);
}

#[tokio::test]
async fn a_rejected_message_is_told_to_its_sender_then_and_whenever_it_is_sent_again() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let group = office.group(&ada, &[]).await;
    let mut ear = office.connect(&ada, &[]).await;
    let messages = world.service.messages();
    let id = held(&messages.send(&ada, send(group.id, "k", "hold this")).await.unwrap());
    world.service.review().reject(&office.owner, id, "not here").await.unwrap();
    let told = ear.next(|live| match live {
        Live::Signal(Signal::Decided { key, approved, reason, .. }) => Some((key.clone(), *approved, reason.clone())),
        _ => None,
    });
    assert_eq!(told.await, ("k".to_owned(), false, Some("not here".to_owned())));
    let Err(ServiceError::MessageRejected { reason, .. }) = messages.send(&ada, send(group.id, "k", "hold this")).await
    else {
        panic!("it was not rejected");
    };
    assert_eq!(reason.text, "not here");
    assert!(office.texts(&ada, group.id).await.is_empty());
}

#[tokio::test]
async fn one_decision_wins_and_making_it_again_changes_nothing() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let review = world.service.review();
    let first = held(&office.say(&office.owner, group.id, "hold one").await.unwrap());
    let event = review.approve(&office.owner, first).await.unwrap();
    assert_eq!(review.approve(&office.owner, first).await.unwrap(), event);
    assert_eq!(code(review.reject(&office.owner, first, "").await), "conflict");
    let second = held(&office.say(&office.owner, group.id, "hold two").await.unwrap());
    review.reject(&office.owner, second, "").await.unwrap();
    review.reject(&office.owner, second, "").await.unwrap();
    assert_eq!(code(review.approve(&office.owner, second).await), "conflict");
    assert_eq!(office.texts(&office.owner, group.id).await, ["hold one"]);
}

#[tokio::test]
async fn decisions_at_the_same_time_agree_with_what_is_in_the_log() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let review = world.service.review();
    let mut approved = 0;
    for n in 0..10 {
        let id = held(&office.say(&office.owner, group.id, &format!("hold {n}")).await.unwrap());
        let (one, other, rejected) = tokio::join!(
            review.approve(&office.owner, id),
            review.approve(&office.owner, id),
            review.reject(&office.owner, id, ""),
        );
        assert_eq!(code(one), code(other));
        match code(rejected) {
            "ok" => {}
            "conflict" => approved += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(office.texts(&office.owner, group.id).await.len(), approved);
}

#[tokio::test]
async fn only_those_with_the_right_review() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let moderator = office.person("moderator", Role::Moderator).await;
    let group = office.group(&office.owner, &[]).await;
    let id = held(&office.say(&office.owner, group.id, "hold this").await.unwrap());
    let review = world.service.review();
    for (name, role) in [("a", Role::Member), ("b", Role::Auditor), ("c", Role::Guest), ("d", Role::Agent)] {
        let person = office.person(name, role).await;
        let codes = [
            code(review.list(&person, None, 10).await),
            code(review.get(&person, id).await),
            code(review.approve(&person, id).await),
            code(review.reject(&person, id, "").await),
        ];
        assert_eq!(codes, ["forbidden"; 4], "{role:?}");
    }
    assert_eq!(review.get(&moderator, id).await.unwrap().id, id);
    assert!(office.actions().await.contains(&"review.read".to_owned()));
    assert_eq!(code(review.reject(&moderator, id, &"r".repeat(501)).await), "invalid");
    assert_eq!(code(review.approve(&moderator, MessageId::from_uuid(uuid::Uuid::now_v7())).await), "not-found");
    review.approve(&moderator, id).await.unwrap();
}

#[tokio::test]
async fn a_message_of_someone_who_left_can_only_be_rejected() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let group = office.group(&office.owner, &[&ada]).await;
    let id = held(&office.say(&ada, group.id, "hold this").await.unwrap());
    world.service.conversations().leave(&ada, group.id).await.unwrap();
    assert_eq!(code(world.service.review().approve(&office.owner, id).await), "conflict");
    world.service.review().reject(&office.owner, id, "").await.unwrap();
}

#[tokio::test]
async fn moderators_who_are_connected_hear_of_a_held_message_and_members_do_not() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, moderator) = (office.person("ada", Role::Member).await, office.person("mo", Role::Moderator).await);
    let group = office.group(&ada, &[]).await;
    let (mut here, mut there) = (office.connect(&ada, &[]).await, office.connect(&moderator, &[]).await);
    office.say(&ada, group.id, "hold this").await.unwrap();
    let alert = |live: &Live| matches!(live, Live::Signal(Signal::Alert { .. })).then_some(());
    there.next(alert).await;
    office.post(&ada, group.id, "done").await;
    let first = here.next(|live| match live {
        Live::Signal(Signal::Alert { .. }) => Some("alert"),
        Live::Event(_) => Some("event"),
        _ => None,
    });
    assert_eq!(first.await, "event");
}
