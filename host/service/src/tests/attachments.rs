//! Attachments: who may read a file, and when.

#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use warbler_domain::{Attachment, Body, ByteSize, ByteStream, Role, StoreError};

use crate::world::{Office, World, code, committed, posted, send, text};
use crate::{Caller, Edit, NewAttachment, NewBody, Send, Sent, ServiceError};

fn stream(parts: &[&'static str]) -> ByteStream {
    let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect();
    futures::stream::iter(parts).boxed()
}

fn new() -> NewAttachment {
    NewAttachment { name: "note.txt".into(), media_type: "Text/Plain".into() }
}

async fn upload(office: &Office<'_>, by: &Caller) -> Attachment {
    office.service().attachments().put(by, new(), stream(&["hello ", "world"])).await.unwrap()
}

fn file(conversation: warbler_domain::ConversationId, key: &str, attachment: &Attachment) -> Send {
    Send { body: NewBody::File { attachment: attachment.id }, ..send(conversation, key, "") }
}

#[tokio::test]
async fn a_file_is_its_owners_until_it_is_sent_and_then_the_members_too() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let kept = upload(&office, &ada).await;
    assert_eq!((kept.size, kept.media_type.as_str()), (11, "text/plain"));
    assert_eq!(kept.sha256, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
    let files = world.service.attachments();
    assert_eq!(code(files.get(&ben, kept.id).await), "not-found");
    let event = committed(world.service.messages().send(&ada, file(group.id, "k", &kept)).await.unwrap());
    assert_eq!(posted(&event).body, Some(Body::File { attachment: kept.clone() }));
    for reader in [&ada, &ben] {
        let (attachment, bytes) = files.get(reader, kept.id).await.unwrap();
        assert_eq!(attachment, kept);
        assert_eq!(bytes.try_collect::<Vec<_>>().await.unwrap().concat(), b"hello world");
    }
    // Neither an owner of the tenant nor another tenant's.
    assert_eq!(code(files.get(&office.owner, kept.id).await), "not-found");
    assert_eq!(code(files.get(&world.tenant("other").await.owner, kept.id).await), "not-found");
    world.service.conversations().leave(&ben, group.id).await.unwrap();
    assert_eq!(code(files.get(&ben, kept.id).await), "not-found");
}

#[tokio::test]
async fn nobody_sends_a_file_that_is_not_their_own() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ben = office.person("ben", Role::Member).await;
    let group = office.group(&office.owner, &[&ben]).await;
    let kept = upload(&office, &office.owner).await;
    let messages = world.service.messages();
    assert_eq!(code(messages.send(&ben, file(group.id, "k", &kept)).await), "not-found");
    assert_eq!(code(world.service.attachments().get(&ben, kept.id).await), "not-found");
}

#[tokio::test]
async fn a_file_that_is_too_large_or_broken_off_is_not_kept() {
    let world = World::with(|options| options.attachment = ByteSize(10)).await;
    let office = world.tenant("acme").await;
    let files = world.service.attachments();
    let Err(ServiceError::TooLarge { limit: 10, .. }) =
        files.put(&office.owner, new(), stream(&["hello ", "world"])).await
    else {
        panic!("it was kept");
    };
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"hel")), Err(StoreError::Closed)]).boxed();
    assert_eq!(code(files.put(&office.owner, new(), broken).await), "unavailable");
    files.put(&office.owner, new(), stream(&["0123456789"])).await.unwrap();
}

#[tokio::test]
async fn a_held_or_discarded_or_recalled_or_replaced_file_is_nobody_elses() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let (files, messages) = (world.service.attachments(), world.service.messages());
    // Filters read a file's name.
    let named = |name: &str| NewAttachment { name: name.into(), media_type: "text/plain".into() };
    let held = files.put(&ada, named("hold it"), stream(&["a"])).await.unwrap();
    let discarded = files.put(&ada, named("discard it"), stream(&["b"])).await.unwrap();
    let Sent::Held { id, .. } = messages.send(&ada, file(group.id, "h", &held)).await.unwrap() else { panic!() };
    committed(messages.send(&ada, file(group.id, "d", &discarded)).await.unwrap());
    assert_eq!(code(files.get(&ben, held.id).await), "not-found");
    assert_eq!(code(files.get(&ben, discarded.id).await), "not-found");
    files.get(&ada, discarded.id).await.map(drop).unwrap();
    world.service.review().approve(&office.owner, id).await.unwrap();
    files.get(&ben, held.id).await.map(drop).unwrap();

    let recalled = upload(&office, &ada).await;
    let event = committed(messages.send(&ada, file(group.id, "r", &recalled)).await.unwrap());
    messages.recall(&ada, group.id, posted(&event).id).await.unwrap();
    assert_eq!(code(files.get(&ben, recalled.id).await), "not-found");

    let replaced = upload(&office, &ada).await;
    let event = committed(messages.send(&ada, file(group.id, "e", &replaced)).await.unwrap());
    let edit = Edit { conversation: group.id, message: posted(&event).id, key: None, body: text("words instead") };
    committed(messages.edit(&ada, edit).await.unwrap());
    assert_eq!(code(files.get(&ben, replaced.id).await), "not-found");
}
