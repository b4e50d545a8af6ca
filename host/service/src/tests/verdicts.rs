//! What becomes of a message by what the filters say of it.

#![allow(clippy::unwrap_used, clippy::panic)]

use warbler_domain::{Audience, Body, Role, Strength};

use crate::world::{World, code, committed, posted, reason, send};
use crate::{Live, Sent, ServiceError, Shown};

#[tokio::test]
async fn each_verdict_has_its_outcome_for_sender_and_receiver() {
    // What is said, what the sender is told, what the receiver reads, of what they are warned.
    let table = [
        ("pass it", "ok", Some("pass it"), None),
        ("flag it", "ok", Some("flag it"), None),
        ("warn them", "ok", Some("warn them"), Some("warn")),
        ("mask it", "ok", Some("**** it"), None),
        ("hold it", "held", None, None),
        ("discard it", "ok", None, None),
        ("reject it", "message-rejected", None, None),
        // The filter failed, and its policy is closed.
        ("trap it", "held", None, None),
    ];
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    for (said, told, read, warned) in table {
        let group = office.group(&ada, &[&ben]).await;
        let outcome = match office.say(&ada, group.id, said).await {
            Ok(Sent::Committed(_)) => "ok",
            Ok(Sent::Held { .. }) => "held",
            Err(error) => error.code(),
        };
        assert_eq!(outcome, told, "{said}");
        let seen = office.history(&ben, group.id).await;
        let texts = office.texts(&ben, group.id).await;
        assert_eq!(texts.first().map(String::as_str), read, "{said}");
        let cautions: Vec<_> = seen
            .iter()
            .filter_map(|shown| match shown {
                Shown::Event(event) if event.sequence.0 > 1 => posted(event).caution.clone(),
                _ => None,
            })
            .collect();
        assert_eq!(cautions.first().map(|caution| caution.code.as_str()), warned, "{said}");
    }
}

#[tokio::test]
async fn a_rejection_says_why_and_leaves_no_trace_in_the_conversation() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let Err(ServiceError::MessageRejected { reason: why, can_edit }) =
        office.say(&office.owner, group.id, "reject me").await
    else {
        panic!("it was not rejected");
    };
    assert_eq!((why, can_edit), (reason("reject"), true));
    assert_eq!(office.history(&office.owner, group.id).await.len(), 1);
    // The key was not used up: an edited message may be sent under it.
    let messages = world.service.messages();
    assert_eq!(code(messages.send(&office.owner, send(group.id, "k", "reject me")).await), "message-rejected");
    committed(messages.send(&office.owner, send(group.id, "k", "better")).await.unwrap());
}

#[tokio::test]
async fn receipts_and_audit_tell_what_was_decided_and_never_what_was_said() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let group = office.group(&office.owner, &[]).await;
    let event = office.post(&office.owner, group.id, "flag this sentence").await;
    let receipts = &posted(&event).receipts;
    assert_eq!((receipts.len(), receipts[0].verdict), (1, Strength::Flag));
    for said in ["pass it", "warn them", "hold it", "discard it", "reject it"] {
        let _ = office.say(&office.owner, group.id, said).await;
    }
    let actions = office.actions().await;
    // All but the plain pass.
    assert_eq!(actions.iter().filter(|action| *action == "message.judged").count(), 5);
    let query = crate::AuditQuery { after: Some(0), limit: 200, ..crate::AuditQuery::default() };
    let page = world.service.audit().list(office.owner.scope(), &query).await.unwrap();
    assert!(page.entries.iter().all(|entry| !format!("{entry:?}").contains("sentence")));
    assert_eq!(world.service.audit().verify(office.owner.scope()).await.unwrap().broken, None);
}

#[tokio::test]
async fn a_discarded_message_looks_sent_to_its_sender_and_like_nothing_to_others() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let (mut here, mut there) = (office.connect(&ada, &[]).await, office.connect(&ben, &[]).await);
    let messages = world.service.messages();
    let sent = messages.send(&ada, send(group.id, "k", "discard this")).await.unwrap();
    let event = committed(sent.clone());
    assert_eq!(event.audience, Audience::Only(ada.user()));
    assert_eq!(posted(&event).caution, None);
    assert_eq!(posted(&event).body, Some(Body::Text { text: "discard this".into() }));
    // Repeating gives the same, as for any message.
    assert_eq!(messages.send(&ada, send(group.id, "k", "discard this")).await.unwrap(), sent);
    assert_eq!(office.texts(&ada, group.id).await, ["discard this"]);
    assert!(office.texts(&ben, group.id).await.is_empty());
    // The sender's devices get it, the others only that the place is taken.
    assert_eq!(here.place(group.id).await, (2, Some("discard this".into())));
    assert_eq!(there.place(group.id).await, (2, None));
    // Neither as a reply nor as anything else can others reach it.
    let id = posted(&event).id;
    let reply = crate::Send { reply_to: Some(id), ..send(group.id, "r", "what?") };
    assert_eq!(code(messages.send(&ben, reply.clone()).await), "not-found");
    assert_eq!(code(messages.recall(&ben, group.id, id).await), "not-found");
    committed(messages.send(&ada, crate::Send { key: "s".into(), ..reply }).await.unwrap());
    // Who resumes later gets the same.
    let mut late = office.connect(&ben, &[(group.id, 0)]).await;
    let taken = late.next(|live| matches!(live, Live::Taken { sequence, .. } if sequence.0 == 2).then_some(()));
    taken.await;
}

#[tokio::test]
async fn what_is_done_to_a_discarded_message_stays_its_senders_secret() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = office.group(&ada, &[&ben]).await;
    let messages = world.service.messages();
    let id = office.post_id(&ada, group.id, "discard this").await;
    let edit = crate::Edit { conversation: group.id, message: id, key: None, body: crate::world::text("fine now") };
    committed(messages.edit(&ada, edit).await.unwrap());
    messages.recall(&ada, group.id, id).await.unwrap();
    let seen = office.history(&ben, group.id).await;
    assert!(seen.iter().skip(1).all(|shown| matches!(shown, Shown::Taken { .. })), "{seen:?}");
    assert_eq!(seen.len(), 4);
}
