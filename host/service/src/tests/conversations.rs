//! Conversations: who begins them, who is in them, and what others can tell.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use warbler_domain::{ConversationId, ConversationKind, EventKind, Role, UserId};

use crate::world::{Office, World, code, nobody};
use crate::{Caller, NewConversation, ServiceError, Shown};

fn direct(with: UserId) -> NewConversation {
    NewConversation { kind: ConversationKind::Direct, title: String::new(), members: vec![with] }
}

async fn kinds(office: &Office<'_>, of: &Caller, id: ConversationId) -> Vec<EventKind> {
    let history = office.history(of, id).await;
    let kind = |shown: Shown| match shown {
        Shown::Event(event) => event.kind.clone(),
        Shown::Taken { .. } => panic!("a place is taken"),
    };
    history.into_iter().map(kind).collect()
}

#[tokio::test]
async fn two_people_have_one_direct_conversation_whoever_begins_it() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let conversations = world.service.conversations();
    let (one, other) =
        tokio::join!(conversations.start(&ada, direct(ben.user())), conversations.start(&ben, direct(ada.user())),);
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.id, other.id);
    assert_eq!(conversations.start(&ben, direct(ada.user())).await.unwrap().id, one.id);
    assert_eq!(conversations.list(&ada, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn direct_conversations_never_change() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let conversations = world.service.conversations();
    let id = conversations.start(&ada, direct(ben.user())).await.unwrap().id;
    let codes = [
        code(conversations.add_members(&ada, id, &[office.owner.user()]).await),
        code(conversations.leave(&ada, id).await),
        code(conversations.rename(&ada, id, "Us").await),
    ];
    assert_eq!(codes, ["invalid"; 3]);
}

#[tokio::test]
async fn what_cannot_be_started_is_named() {
    let world = World::with(|options| options.conversation_members = 3).await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let others: Vec<UserId> = vec![office.owner.user(), nobody(), nobody()];
    let new = |kind, title: &str, members: &[UserId]| NewConversation {
        kind,
        title: title.into(),
        members: members.to_vec(),
    };
    let conversations = world.service.conversations();
    for (name, case) in [
        ("members", new(ConversationKind::Direct, "", &[])),
        ("members", new(ConversationKind::Direct, "", &[ada.user()])),
        ("members", new(ConversationKind::Direct, "", &others[..2])),
        ("title", new(ConversationKind::Direct, "Us", &others[..1])),
        ("title", new(ConversationKind::Group, "", &others[..1])),
        ("title", new(ConversationKind::Group, &"t".repeat(201), &others[..1])),
        ("title", new(ConversationKind::Support, "a\u{0}b", &others[..1])),
        ("members", new(ConversationKind::Group, "Us", &others)),
    ] {
        let Err(ServiceError::Invalid { field, .. }) = conversations.start(&ada, case).await else {
            panic!("{name} was taken");
        };
        assert_eq!(field, name);
    }
    let stranger = new(ConversationKind::Group, "Us", &[nobody()]);
    assert_eq!(code(conversations.start(&ada, stranger).await), "not-found");
    assert!(conversations.list(&ada, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn guests_begin_nothing_and_ask_no_one_in_but_are_where_they_were_asked_in() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, guest) = (office.person("ada", Role::Member).await, office.person("guest", Role::Guest).await);
    let conversations = world.service.conversations();
    assert_eq!(code(conversations.start(&guest, direct(ada.user())).await), "forbidden");
    let group = office.group(&ada, &[]).await;
    assert_eq!(code(conversations.get(&guest, group.id).await), "not-found");
    conversations.add_members(&ada, group.id, &[guest.user()]).await.unwrap();
    office.post(&guest, group.id, "hello").await;
    assert_eq!(conversations.people(&guest, group.id).await.unwrap().len(), 2);
    assert_eq!(code(conversations.add_members(&guest, group.id, &[office.owner.user()]).await), "forbidden");
    assert_eq!(code(conversations.rename(&guest, group.id, "Mine").await), "forbidden");
}

#[tokio::test]
async fn joining_leaving_and_renaming_are_told_by_the_log() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let conversations = world.service.conversations();
    let group = office.group(&ada, &[]).await;
    conversations.add_members(&ada, group.id, &[ben.user(), ben.user(), ada.user()]).await.unwrap();
    conversations.rename(&ben, group.id, "New").await.unwrap();
    conversations.rename(&ben, group.id, "New").await.unwrap();
    conversations.leave(&ben, group.id).await.unwrap();
    let created = EventKind::Created { kind: ConversationKind::Group, title: "Test".into(), members: vec![ada.user()] };
    let expected = [
        created,
        EventKind::Joined { user: ben.user() },
        EventKind::Renamed { title: "New".into() },
        EventKind::Left { user: ben.user() },
    ];
    assert_eq!(kinds(&office, &ada, group.id).await, expected);
}

#[tokio::test]
async fn whoever_left_is_out_at_once_and_learns_nothing_more() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let conversations = world.service.conversations();
    let group = office.group(&ada, &[&ben]).await;
    conversations.leave(&ben, group.id).await.unwrap();
    assert_eq!(code(office.say(&ben, group.id, "still here").await), "not-found");
    assert_eq!(code(conversations.get(&ben, group.id).await), "not-found");
    assert!(conversations.list(&ben, None, 10).await.unwrap().is_empty());
    assert_eq!(code(conversations.leave(&ben, group.id).await), "not-found");
}

#[tokio::test]
async fn only_who_began_a_group_or_manages_members_takes_others_out() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let admin = office.person("admin", Role::Admin).await;
    let conversations = world.service.conversations();
    let group = office.group(&ada, &[&ben, &admin]).await;
    assert_eq!(code(conversations.remove_member(&ben, group.id, ada.user()).await), "forbidden");
    conversations.remove_member(&ada, group.id, ben.user()).await.unwrap();
    conversations.remove_member(&ada, group.id, ben.user()).await.unwrap();
    conversations.remove_member(&admin, group.id, ada.user()).await.unwrap();
    assert_eq!(code(conversations.get(&ada, group.id).await), "not-found");
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_made() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let group = office.group(&ada, &[]).await;
    let mut others = Vec::new();
    for n in 0..6 {
        others.push(office.person(&format!("p{n}"), Role::Member).await.user());
    }
    let conversations = Arc::new(world.service.conversations());
    let id = group.id;
    let joins = others.iter().map(|user| {
        let (conversations, ada, user) = (Arc::clone(&conversations), ada.clone(), *user);
        async move { conversations.add_members(&ada, id, &[user]).await.unwrap() }
    });
    futures::future::join_all(joins).await;
    let members = &conversations.get(&ada, group.id).await.unwrap().members;
    assert_eq!(members.len(), 7);
    assert_eq!(office.history(&ada, group.id).await.len(), 7);
}

#[tokio::test]
async fn a_change_on_one_node_reaches_the_other() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let other = world.other_node().await;
    let scope = ben.scope();
    assert!(other.core().room_of(scope, ben.user(), group.id).await.is_ok());
    world.service.conversations().leave(&ben, group.id).await.unwrap();
    while other.core().room_of(scope, ben.user(), group.id).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn pages_of_ones_own_conversations_follow_each_other() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(office.group(&ada, &[]).await.id);
    }
    office.group(&office.owner, &[]).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.service.conversations().list(&ada, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.conversation.id);
        seen.extend(page.iter().map(|listed| listed.conversation.id));
    }
    assert_eq!(seen, made);
}
