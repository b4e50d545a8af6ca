//! Live signals.

use futures::StreamExt as _;
use uuid::Uuid;
use warbler_domain::{Signal, UserId};

use crate::host::Host;
use crate::on_every_backend;

on_every_backend! {
    every_subscriber_gets_signals_with_their_tenant_in_order,
    signals_before_a_subscription_are_missed_and_publishing_to_nobody_is_no_error,
}

async fn every_subscriber_gets_signals_with_their_tenant_in_order(host: Host) {
    let mut subscribers = [host.feed.subscribe(), host.feed.subscribe()];
    let signal = |number| Signal::Presence { user: UserId::from_uuid(Uuid::from_u128(number)), online: true };
    host.feed.publish(&host.one, signal(1)).await.unwrap();
    host.feed.publish(&host.other, signal(2)).await.unwrap();
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.next().await.unwrap(), (host.one.tenant(), signal(1)));
        assert_eq!(subscriber.next().await.unwrap(), (host.other.tenant(), signal(2)));
    }
}

async fn signals_before_a_subscription_are_missed_and_publishing_to_nobody_is_no_error(host: Host) {
    let signal = |code: &str| Signal::Alert { code: code.to_owned(), text: String::new() };
    host.feed.publish(&host.one, signal("early")).await.unwrap();
    let mut subscriber = host.feed.subscribe();
    host.feed.publish(&host.one, signal("late")).await.unwrap();
    assert_eq!(subscriber.next().await.unwrap().1, signal("late"));
}
