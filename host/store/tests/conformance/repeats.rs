//! Idempotency: sending again does nothing.

use warbler_domain::{Append, Appended, Sequence, StoreError};

use crate::host::{Host, conversation, idempotency, post, text};
use crate::on_every_backend;

on_every_backend! {
    the_same_key_with_the_same_content_gives_what_stands_there,
    the_same_key_with_another_content_is_an_error_that_changes_nothing,
    of_many_that_send_the_same_at_once_one_commits,
    a_key_is_found_in_its_own_conversation_alone,
    a_key_is_remembered_when_the_store_is_opened_again,
}

async fn the_same_key_with_the_same_content_gives_what_stands_there(host: Host) {
    let append = Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "once") };
    host.append(append.clone()).await;
    host.append(post(conversation(1), "between")).await;
    let Appended::Repeated(event) = host.log.append(&host.one, append).await.unwrap() else {
        panic!("committed twice")
    };
    assert_eq!((event.sequence, text(&event)), (Sequence(1), "once"));
    assert_eq!(host.all(conversation(1)).await.len(), 2);
}

async fn the_same_key_with_another_content_is_an_error_that_changes_nothing(host: Host) {
    host.append(Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "once") }).await;
    let other = Append { idempotency: Some(idempotency(1, 2)), ..post(conversation(1), "twice") };
    assert!(matches!(host.log.append(&host.one, other).await, Err(StoreError::KeyReused)));
    let found = host.log.find(&host.one, conversation(1), &idempotency(1, 2)).await;
    assert!(matches!(found, Err(StoreError::KeyReused)));
    assert_eq!(host.all(conversation(1)).await.len(), 1);
}

async fn of_many_that_send_the_same_at_once_one_commits(host: Host) {
    let writers: Vec<_> = (0..40)
        .map(|_| {
            let (log, one) = (host.log.clone(), host.one);
            let append = Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "once") };
            tokio::spawn(async move { log.append(&one, append).await.unwrap() })
        })
        .collect();
    let mut fresh = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Appended::New(_) => fresh += 1,
            Appended::Repeated(event) => assert_eq!(event.sequence, Sequence(1)),
        }
    }
    assert_eq!((fresh, host.all(conversation(1)).await.len()), (1, 1));
}

async fn a_key_is_found_in_its_own_conversation_alone(host: Host) {
    host.append(Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "here") }).await;
    let find = async |number, key| host.log.find(&host.one, conversation(number), &idempotency(key, 1)).await.unwrap();
    assert_eq!(text(&find(1, 1).await.unwrap()), "here");
    assert!(find(2, 1).await.is_none());
    assert!(find(1, 2).await.is_none());
    host.append(Append { idempotency: Some(idempotency(1, 9)), ..post(conversation(2), "there") }).await;
}

async fn a_key_is_remembered_when_the_store_is_opened_again(host: Host) {
    let append = Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "once") };
    host.append(append.clone()).await;
    let Some(host) = host.reopened().await else { return };
    let Appended::Repeated(event) = host.log.append(&host.one, append).await.unwrap() else { panic!("forgotten") };
    assert_eq!(text(&event), "once");
}
