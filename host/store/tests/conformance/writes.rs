//! State that changes together with an event, or not at all.

use warbler_domain::{Amend, Append, Expect, Sequence, StoreError};

use crate::host::{Host, conversation, event, idempotency, key, post, put, remove, text};
use crate::on_every_backend;

on_every_backend! {
    writes_are_there_when_the_append_is_acknowledged,
    a_conflict_leaves_nothing_of_the_append,
    of_many_appends_that_expect_absence_one_commits,
    a_repeated_append_writes_nothing_again,
}

async fn writes_are_there_when_the_append_is_acknowledged(host: Host) {
    host.state.commit(&host.one, vec![put("mark/old", b"old", Expect::Absent)]).await.unwrap();
    let writes = vec![put("mark/a", b"1", Expect::Absent), remove("mark/old", Expect::Any)];
    host.append(Append { writes, ..post(conversation(1), "x") }).await;
    assert_eq!(host.value(&key("mark/a")).await.unwrap(), b"1");
    assert_eq!(host.value(&key("mark/old")).await, None);
}

async fn a_conflict_leaves_nothing_of_the_append(host: Host) {
    host.append(post(conversation(1), "first")).await;
    host.state.commit(&host.one, vec![put("mark/b", b"taken", Expect::Absent)]).await.unwrap();
    let append = Append {
        idempotency: Some(idempotency(1, 1)),
        amend: Some(Amend { sequence: Sequence(1), event: event(conversation(1), "FIRST") }),
        writes: vec![put("mark/a", b"1", Expect::Any), put("mark/b", b"2", Expect::Absent)],
        ..post(conversation(1), "second")
    };
    match host.log.append(&host.one, append.clone()).await {
        Err(StoreError::Conflict { key: found }) => assert_eq!(found, key("mark/b")),
        other => panic!("{other:?}"),
    }
    let events = host.all(conversation(1)).await;
    assert_eq!((events.len(), text(&events[0])), (1, "first"));
    assert_eq!(host.value(&key("mark/a")).await, None);
    assert_eq!(host.value(&key("mark/b")).await.unwrap(), b"taken");
    assert!(host.log.find(&host.one, conversation(1), &idempotency(1, 1)).await.unwrap().is_none());
    assert!(host.log.read_tenant(&host.one, warbler_domain::Position(1), 9).await.unwrap().is_empty());
    // The same append goes through once the conflict is gone, and takes the next place.
    host.state.commit(&host.one, vec![remove("mark/b", Expect::Any)]).await.unwrap();
    assert_eq!(host.append(append).await.event.sequence, Sequence(2));
    assert_eq!(text(&host.all(conversation(1)).await[0]), "FIRST");
}

async fn of_many_appends_that_expect_absence_one_commits(host: Host) {
    let writers: Vec<_> = (0..40_u32)
        .map(|number| {
            let (log, one) = (host.log.clone(), host.one);
            let writes = vec![put("seat/1", number.to_string().as_bytes(), Expect::Absent)];
            let append = Append { writes, ..post(conversation(1), &number.to_string()) };
            tokio::spawn(async move { log.append(&one, append).await })
        })
        .collect();
    let mut winners = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => winners += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}"),
        }
    }
    let events = host.all(conversation(1)).await;
    assert_eq!((winners, events.len()), (1, 1));
    assert_eq!(host.value(&key("seat/1")).await.unwrap(), text(&events[0]).as_bytes());
}

async fn a_repeated_append_writes_nothing_again(host: Host) {
    let append = |value: &[u8]| Append {
        idempotency: Some(idempotency(1, 1)),
        writes: vec![put("mark/a", value, Expect::Any)],
        ..post(conversation(1), "x")
    };
    host.append(append(b"1")).await;
    host.log.append(&host.one, append(b"2")).await.unwrap();
    assert_eq!(host.value(&key("mark/a")).await.unwrap(), b"1");
}
