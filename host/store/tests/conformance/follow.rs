//! Following the log: nothing is skipped, nothing comes twice.

use std::sync::Arc;

use futures::StreamExt as _;
use warbler_domain::{Append, Committed};

use crate::host::{Host, conversation, idempotency, post, text};
use crate::on_every_backend;

on_every_backend! {
    a_follower_gets_every_event_of_every_tenant_in_order,
    a_follower_starts_with_the_first_event_after_the_call,
    what_a_follower_hears_of_can_be_read,
    a_follower_that_goes_away_holds_nobody_up,
    a_slow_follower_makes_writers_wait_and_misses_nothing,
}

async fn a_follower_gets_every_event_of_every_tenant_in_order(host: Host) {
    let follower = tokio::spawn(host.log.follow().collect::<Vec<Arc<[Committed]>>>());
    let writers: Vec<_> = (0..16_u128)
        .map(|writer| {
            let (log, scope) = (host.log.clone(), if writer % 2 == 0 { host.one } else { host.other });
            tokio::spawn(async move {
                for turn in 0..20 {
                    log.append(&scope, post(conversation(writer % 5), &turn.to_string())).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // The stream ends once the store is closed.
    host.store.close().await;
    let batches = follower.await.unwrap();
    let events: Vec<&Committed> = batches.iter().flat_map(|batch| batch.iter()).collect();
    assert_eq!(events.len(), 16 * 20);
    assert!(batches.iter().all(|batch| !batch.is_empty()));
    for scope in [host.one, host.other] {
        let own: Vec<_> = events.iter().filter(|committed| committed.tenant == scope.tenant()).collect();
        let positions: Vec<u64> = own.iter().map(|committed| committed.position.0).collect();
        assert_eq!(positions, (1..=160).collect::<Vec<_>>());
        for number in 0..5 {
            let sequences: Vec<u64> = own
                .iter()
                .filter(|committed| committed.event.conversation == conversation(number))
                .map(|committed| committed.event.sequence.0)
                .collect();
            assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
        }
    }
}

async fn a_follower_starts_with_the_first_event_after_the_call(host: Host) {
    host.append(post(conversation(1), "before")).await;
    let mut follow = host.log.follow();
    let append = Append { idempotency: Some(idempotency(1, 1)), ..post(conversation(1), "after") };
    host.append(append.clone()).await;
    host.log.append(&host.one, append).await.unwrap();
    host.append(post(conversation(1), "last")).await;
    let first = follow.next().await.unwrap();
    assert_eq!((first.len(), text(&first[0].event)), (1, "after"));
    // What was repeated is not told again.
    assert_eq!(text(&follow.next().await.unwrap()[0].event), "last");
}

async fn what_a_follower_hears_of_can_be_read(host: Host) {
    let mut follow = host.log.follow();
    let writer = {
        let (log, one) = (host.log.clone(), host.one);
        tokio::spawn(async move {
            for number in 0..100 {
                log.append(&one, post(conversation(1), &number.to_string())).await.unwrap();
            }
        })
    };
    let mut heard = 0;
    while heard < 100 {
        let batch = follow.next().await.unwrap();
        heard = batch.last().unwrap().event.sequence.0;
        assert!(host.log.head(&host.one, conversation(1)).await.unwrap().0 >= heard);
    }
    writer.await.unwrap();
}

async fn a_follower_that_goes_away_holds_nobody_up(host: Host) {
    drop(host.log.follow());
    for number in 0..5 {
        host.append(post(conversation(1), &number.to_string())).await;
    }
}

async fn a_slow_follower_makes_writers_wait_and_misses_nothing(host: Host) {
    let mut follow = host.log.follow();
    let writer = {
        let (log, one) = (host.log.clone(), host.one);
        tokio::spawn(async move {
            // One more than a follower may be behind, and those that are answered before it is told.
            for number in 0..1100 {
                log.append(&one, post(conversation(1), &number.to_string())).await.unwrap();
            }
        })
    };
    // The writer comes to a stop at 1,024 groups told, one that waits to be told, and none more.
    let mut written = 0;
    while written < 1025 {
        written = host.log.head(&host.one, conversation(1)).await.unwrap().0;
        tokio::task::yield_now().await;
    }
    assert!(!writer.is_finished());
    let mut heard = 0;
    while heard < 1100 {
        let batch = follow.next().await.unwrap();
        for committed in batch.iter() {
            heard += 1;
            assert_eq!(committed.event.sequence.0, heard);
        }
    }
    writer.await.unwrap();
}
