//! Events in places of their own: what comes back from a backup, and what takes the place of something removed.

use futures::FutureExt as _;
use futures::StreamExt as _;
use warbler_domain::{Expect, Placed, Position, Sequence, StoreError};

use crate::host::{Host, conversation, event, key, post, put, texts};
use crate::on_every_backend;

on_every_backend! {
    what_is_placed_stands_where_it_belongs_and_later_events_come_after_it,
    a_place_that_is_taken_is_not_overwritten_unless_that_is_meant,
    events_and_writes_are_placed_together_or_not_at_all,
    what_is_placed_has_no_position_and_no_follower_hears_of_it,
    what_was_placed_is_there_after_the_store_was_closed_and_opened,
}

fn placed(sequence: u64, text: &str) -> Placed {
    let event = warbler_domain::Event { sequence: Sequence(sequence), ..event(conversation(1), text) };
    Placed { event, over: false }
}

async fn what_is_placed_stands_where_it_belongs_and_later_events_come_after_it(host: Host) {
    // The last one first, as a restore does, so that nothing else takes a place in between.
    for events in [vec![placed(3, "third")], vec![placed(1, "first"), placed(2, "second")]] {
        host.log.place(&host.one, conversation(1), events, Vec::new()).await.unwrap();
    }
    assert_eq!(host.log.head(&host.one, conversation(1)).await.unwrap(), Sequence(3));
    let next = host.append(post(conversation(1), "fourth")).await;
    assert_eq!(next.event.sequence, Sequence(4));
    assert_eq!(texts(&host.all(conversation(1)).await), ["first", "second", "third", "fourth"]);
}

async fn a_place_that_is_taken_is_not_overwritten_unless_that_is_meant(host: Host) {
    host.append(post(conversation(1), "mine")).await;
    let refused = host.log.place(&host.one, conversation(1), vec![placed(2, "b"), placed(1, "a")], Vec::new()).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(texts(&host.all(conversation(1)).await), ["mine"]);
    let over = |sequence, text| Placed { over: true, ..placed(sequence, text) };
    let missing = host.log.place(&host.one, conversation(1), vec![over(2, "b")], Vec::new()).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    host.log.place(&host.one, conversation(1), vec![over(1, "other")], Vec::new()).await.unwrap();
    assert_eq!(texts(&host.all(conversation(1)).await), ["other"]);
    assert_eq!(host.append(post(conversation(1), "next")).await.event.sequence, Sequence(2));
}

async fn events_and_writes_are_placed_together_or_not_at_all(host: Host) {
    let refused = [put("guard", b"1", Expect::Version(7))];
    let result = host.log.place(&host.one, conversation(1), vec![placed(1, "a")], refused.to_vec()).await;
    assert!(matches!(result, Err(StoreError::Conflict { .. })), "{result:?}");
    assert!(host.all(conversation(1)).await.is_empty());
    let writes = vec![put("guard", b"1", Expect::Absent)];
    host.log.place(&host.one, conversation(1), vec![placed(1, "a")], writes).await.unwrap();
    assert_eq!(host.value(&key("guard")).await.unwrap(), b"1");
    assert_eq!(texts(&host.all(conversation(1)).await), ["a"]);
}

async fn what_is_placed_has_no_position_and_no_follower_hears_of_it(host: Host) {
    assert_eq!(host.log.tenant_head(&host.one).await.unwrap(), Position(0));
    let mut follower = host.log.follow();
    host.log.place(&host.one, conversation(1), vec![placed(1, "a")], Vec::new()).await.unwrap();
    assert_eq!(host.log.tenant_head(&host.one).await.unwrap(), Position(0));
    assert!(follower.next().now_or_never().is_none());
    let committed = host.append(post(conversation(1), "b")).await;
    assert_eq!(follower.next().await.unwrap()[0], committed);
    assert_eq!(host.log.tenant_head(&host.one).await.unwrap(), Position(1));
    assert_eq!(host.log.tenant_head(&host.other).await.unwrap(), Position(0));
}

async fn what_was_placed_is_there_after_the_store_was_closed_and_opened(host: Host) {
    host.log.place(&host.one, conversation(1), vec![placed(1, "a"), placed(2, "b")], Vec::new()).await.unwrap();
    let Some(host) = host.reopened().await else { return };
    assert_eq!(texts(&host.all(conversation(1)).await), ["a", "b"]);
    assert_eq!(host.append(post(conversation(1), "c")).await.event.sequence, Sequence(3));
}
