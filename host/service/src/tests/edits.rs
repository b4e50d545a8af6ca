//! Edits and recalls: the same way as messages, and what is left of the old words.

#![allow(clippy::unwrap_used, clippy::panic)]

use warbler_domain::{Audience, EventKind, MessageId, Role, Sequence};

use crate::world::{Office, World, code, committed, posted, text};
use crate::{Caller, Edit, Sent, ServiceError, Shown};

fn edit(conversation: warbler_domain::ConversationId, message: MessageId, body: &str) -> Edit {
    Edit { conversation, message, key: None, body: text(body) }
}

/// What the event that posted a message says now.
async fn present(office: &Office<'_>, of: &Caller, id: warbler_domain::ConversationId, at: Sequence) -> Option<String> {
    let history = office.history(of, id).await;
    history.iter().find(|shown| shown.sequence() == at).and_then(crate::world::text_of)
}

#[tokio::test]
async fn an_edit_is_an_event_and_changes_the_message_where_it_stands() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ben = office.person("ben", Role::Member).await;
    let group = office.group(&office.owner, &[&ben]).await;
    let original = office.post(&office.owner, group.id, "first").await;
    let id = posted(&original).id;
    let sent = world.service.messages().edit(&office.owner, edit(group.id, id, "warn second")).await.unwrap();
    let event = committed(sent);
    let EventKind::Edited { message, posted: place, caution, receipts, .. } = &event.kind else { panic!("{event:?}") };
    assert_eq!((*message, *place, event.sequence), (id, Sequence(2), Sequence(3)));
    assert_eq!((caution.as_ref().unwrap().code.as_str(), receipts.len()), ("warn", 1));
    assert_eq!(present(&office, &ben, group.id, Sequence(2)).await.unwrap(), "warn second");
    let history = office.history(&ben, group.id).await;
    let Some(Shown::Event(now)) = history.get(1) else { panic!("nothing there") };
    assert!(posted(now).edited_at.is_some());
    assert_eq!(posted(now).receipts.len(), 2);
}

#[tokio::test]
async fn edits_pass_the_same_filters() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ben = office.person("ben", Role::Member).await;
    let group = office.group(&office.owner, &[&ben]).await;
    let id = office.post_id(&office.owner, group.id, "first").await;
    let messages = world.service.messages();
    assert_eq!(code(messages.edit(&office.owner, edit(group.id, id, "reject it")).await), "message-rejected");
    assert!(matches!(messages.edit(&office.owner, edit(group.id, id, "hold it")).await.unwrap(), Sent::Held { .. }));
    let discarded = committed(messages.edit(&office.owner, edit(group.id, id, "discard it")).await.unwrap());
    assert_eq!(discarded.audience, Audience::Only(office.owner.user()));
    // To the others it is as it was.
    assert_eq!(office.texts(&ben, group.id).await, ["first"]);
    committed(messages.edit(&office.owner, edit(group.id, id, "mask it")).await.unwrap());
    assert_eq!(present(&office, &ben, group.id, Sequence(2)).await.unwrap(), "**** it");
}

#[tokio::test]
async fn a_held_edit_is_made_when_it_is_approved() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let id = office.post_id(&office.owner, group.id, "first").await;
    let keyed = Edit { key: Some("e".into()), ..edit(group.id, id, "hold second") };
    let messages = world.service.messages();
    let Sent::Held { id: held, .. } = messages.edit(&office.owner, keyed.clone()).await.unwrap() else { panic!() };
    assert_eq!(world.service.review().list(&office.owner, None, 10).await.unwrap()[0].edits, Some(id));
    let event = world.service.review().approve(&office.owner, held).await.unwrap();
    assert!(matches!(event.kind, EventKind::Edited { message, .. } if message == id));
    assert_eq!(present(&office, &office.owner, group.id, Sequence(2)).await.unwrap(), "hold second");
    assert_eq!(committed(messages.edit(&office.owner, keyed).await.unwrap()), event);
}

#[tokio::test]
async fn a_repeated_edit_under_its_key_edits_once() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let id = office.post_id(&office.owner, group.id, "first").await;
    let keyed = Edit { key: Some("e".into()), ..edit(group.id, id, "second") };
    let messages = world.service.messages();
    let one = messages.edit(&office.owner, keyed.clone()).await.unwrap();
    assert_eq!(messages.edit(&office.owner, keyed.clone()).await.unwrap(), one);
    let other = Edit { body: text("third"), ..keyed };
    assert_eq!(code(messages.edit(&office.owner, other).await), "key-reused");
    assert_eq!(office.history(&office.owner, group.id).await.len(), 3);
}

#[tokio::test]
async fn only_the_sender_edits_and_only_what_is_there() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ben = office.person("ben", Role::Moderator).await;
    let group = office.group(&office.owner, &[&ben]).await;
    let id = office.post_id(&office.owner, group.id, "first").await;
    let messages = world.service.messages();
    assert_eq!(code(messages.edit(&ben, edit(group.id, id, "mine")).await), "forbidden");
    let absent = MessageId::from_uuid(uuid::Uuid::now_v7());
    assert_eq!(code(messages.edit(&office.owner, edit(group.id, absent, "x")).await), "not-found");
    let no_time = MessageId::from_uuid(uuid::Uuid::nil());
    assert_eq!(code(messages.edit(&office.owner, edit(group.id, no_time, "x")).await), "not-found");
    assert_eq!(code(messages.edit(&office.owner, edit(group.id, id, "")).await), "invalid");
    messages.recall(&office.owner, group.id, id).await.unwrap();
    assert_eq!(code(messages.edit(&office.owner, edit(group.id, id, "back")).await), "conflict");
}

#[tokio::test]
async fn a_recall_takes_every_version_of_the_words_out_of_history() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ben = office.person("ben", Role::Member).await;
    let group = office.group(&office.owner, &[&ben]).await;
    let id = office.post_id(&office.owner, group.id, "first secret").await;
    let messages = world.service.messages();
    committed(messages.edit(&office.owner, edit(group.id, id, "second secret")).await.unwrap());
    messages.recall(&office.owner, group.id, id).await.unwrap();
    messages.recall(&office.owner, group.id, id).await.unwrap();
    for reader in [&office.owner, &ben] {
        let history = office.history(reader, group.id).await;
        assert!(!format!("{history:?}").contains("secret"), "{history:?}");
        assert_eq!(history.len(), 4);
    }
    // Who catches up later reads no more than that.
    let mut ear = office.connect(&ben, &[(group.id, 0)]).await;
    for expected in 1..=4 {
        assert_eq!(ear.place(group.id).await, (expected, None));
    }
}

#[tokio::test]
async fn moderators_in_the_conversation_recall_what_others_wrote_and_it_is_recorded() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Moderator).await);
    let group = office.group(&ada, &[&ben, &office.owner]).await;
    let id = office.post_id(&office.owner, group.id, "words").await;
    let messages = world.service.messages();
    assert_eq!(code(messages.recall(&ada, group.id, id).await), "forbidden");
    messages.recall(&ben, group.id, id).await.unwrap();
    assert!(office.texts(&ada, group.id).await.is_empty());
    assert!(office.actions().await.contains(&"message.recall".to_owned()));
}

#[tokio::test]
async fn an_edit_that_a_recall_overtakes_does_not_bring_the_words_back() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let id = office.post_id(&office.owner, group.id, "first").await;
    let messages = world.service.messages();
    let prepared = messages.prepare_edit(&office.owner, edit(group.id, id, "second")).await.unwrap();
    messages.recall(&office.owner, group.id, id).await.unwrap();
    let overtaken = messages.commit(prepared).await;
    assert!(matches!(overtaken, Err(ServiceError::Conflict { .. })), "{overtaken:?}");
    assert!(office.texts(&office.owner, group.id).await.is_empty());
}
