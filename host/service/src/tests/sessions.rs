//! Sessions: how they live, and how they end.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use warbler_domain::{Role, SessionId};
use zeroize::Zeroizing;

use crate::world::{PASSWORD, World, code};
use crate::{EndReason, ServiceError, TenantPolicy, Token};

#[tokio::test]
async fn signing_out_kills_the_token_its_sockets_and_what_was_authenticated_before() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let signed_in = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let caller = world.caller(&signed_in).await;
    let mut ear = office.connect(&caller, &[]).await;
    world.service.authentication().sign_out(&caller).await.unwrap();
    assert_eq!(code(world.service.authentication().authenticate(signed_in.token.reveal()).await), "unauthenticated");
    assert_eq!(code(caller.live()), "session-ended");
    assert_eq!(code(world.service.conversations().list(&caller, None, 10).await), "session-ended");
    let ServiceError::SessionEnded { reason } = ear.end().await else { panic!("another end") };
    assert_eq!(reason, EndReason::SignedOut);
    // The other session lives on.
    office.owner.live().unwrap();
}

#[tokio::test]
async fn a_session_that_ends_on_one_node_is_dead_on_the_other() {
    let world = World::new().await;
    world.tenant("acme").await;
    let signed_in = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let other = world.other_node().await;
    let there = other.authentication().authenticate(signed_in.token.reveal()).await.unwrap();
    let mut connection = other.live().connect(&there, BTreeMap::default()).await.unwrap();
    world.service.authentication().sign_out(&world.caller(&signed_in).await).await.unwrap();
    // The end reaches the connection, whatever comes before it.
    while connection.next(&mut Vec::new()).await.is_ok() {}
    assert_eq!(code(other.authentication().authenticate(signed_in.token.reveal()).await), "unauthenticated");
}

#[tokio::test]
async fn sessions_survive_a_restart_and_their_end_does_too() {
    let mut world = World::new().await;
    world.tenant("acme").await;
    let kept = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let ended = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    world.service.authentication().sign_out(&world.caller(&ended).await).await.unwrap();
    world.restart().await;
    world.caller(&kept).await;
    assert_eq!(code(world.service.authentication().authenticate(ended.token.reveal()).await), "unauthenticated");
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_no_others() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let second = office.again("ada").await;
    let authentication = world.service.authentication();
    let sessions = authentication.sessions(&second).await.unwrap();
    let seen: Vec<_> = sessions.iter().map(|session| (session.id, session.current)).collect();
    assert_eq!(seen, [(second.session(), true), (ada.session(), false)]);
    assert_eq!(code(authentication.end(&ben, ada.session()).await), "not-found");
    assert_eq!(code(authentication.end(&ada, SessionId::from_uuid(Uuid::now_v7())).await), "not-found");
    authentication.end(&second, ada.session()).await.unwrap();
    assert_eq!(code(ada.live()), "session-ended");
    second.live().unwrap();
    ben.live().unwrap();
}

#[tokio::test]
async fn ending_the_others_spares_this_one_and_ending_all_does_not() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let one = office.person("ada", Role::Member).await;
    let (two, three) = (office.again("ada").await, office.again("ada").await);
    let authentication = world.service.authentication();
    assert_eq!(authentication.end_others(&two).await.unwrap(), 2);
    assert_eq!([code(one.live()), code(two.live()), code(three.live())], ["session-ended", "ok", "session-ended"]);
    assert_eq!(authentication.end_all(&two).await.unwrap(), 1);
    assert_eq!(code(two.live()), "session-ended");
}

#[tokio::test]
async fn a_session_ends_at_its_greatest_age_though_it_is_used() {
    let world = World::new().await;
    let policy = TenantPolicy { session_seconds: 3_600, ..TenantPolicy::default() };
    let office = world.tenant_with("acme", policy).await;
    let signed_in = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let authentication = world.service.authentication();
    world.clock.advance(Duration::from_mins(50));
    let caller = world.caller(&signed_in).await;
    authentication.activity(&caller).unwrap();
    let mut ear = office.connect(&caller, &[]).await;
    world.clock.advance(Duration::from_secs(601));
    authentication.sweep().await;
    let ServiceError::SessionEnded { reason } = ear.end().await else { panic!("another end") };
    assert_eq!(reason, EndReason::Expired);
    assert_eq!(code(authentication.authenticate(signed_in.token.reveal()).await), "unauthenticated");
}

#[tokio::test]
async fn the_idle_exit_counts_from_what_people_do_not_from_what_their_devices_ask() {
    let world = World::new().await;
    let policy = TenantPolicy { idle_exit_seconds: 60, ..TenantPolicy::default() };
    world.tenant_with("acme", policy).await;
    let signed_in = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let authentication = world.service.authentication();
    let caller = world.caller(&signed_in).await;
    world.clock.advance(Duration::from_secs(50));
    authentication.activity(&caller).unwrap();
    world.clock.advance(Duration::from_secs(50));
    // Asking is no activity of a person.
    world.caller(&signed_in).await;
    world.service.conversations().list(&caller, None, 10).await.unwrap();
    world.clock.advance(Duration::from_secs(11));
    let answer = authentication.authenticate(signed_in.token.reveal()).await;
    assert!(matches!(answer, Err(ServiceError::SessionEnded { reason: EndReason::Idle })), "{answer:?}");
    assert_eq!(code(caller.live()), "session-ended");
}

#[tokio::test]
async fn what_people_do_is_remembered_over_a_restart() {
    let mut world = World::new().await;
    let policy = TenantPolicy { idle_exit_seconds: 60, ..TenantPolicy::default() };
    world.tenant_with("acme", policy).await;
    let signed_in = world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    let caller = world.caller(&signed_in).await;
    world.clock.advance(Duration::from_secs(50));
    world.service.authentication().activity(&caller).unwrap();
    world.restart().await;
    world.clock.advance(Duration::from_secs(50));
    world.caller(&signed_in).await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_the_old_one_is_dead() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (one, two) = (office.person("ada", Role::Member).await, office.again("ada").await);
    let authentication = world.service.authentication();
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    let wrong = authentication.change_password(&two, secret("wrong"), secret("battery staple")).await;
    assert_eq!(code(wrong), "forbidden");
    assert_eq!(code(authentication.change_password(&two, secret(PASSWORD), secret("short")).await), "invalid");
    one.live().unwrap();
    authentication.change_password(&two, secret(PASSWORD), secret("battery staple")).await.unwrap();
    assert_eq!([code(one.live()), code(two.live())], ["session-ended", "ok"]);
    assert_eq!(code(world.sign_in("acme", "ada", PASSWORD).await), "unauthenticated");
    world.sign_in("acme", "ada", "battery staple").await.unwrap();
}

#[tokio::test]
async fn a_token_that_was_changed_or_moved_to_another_tenant_is_worth_nothing() {
    let world = World::new().await;
    let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
    let token = world.sign_in("acme", "owner", PASSWORD).await.unwrap().token;
    let elsewhere = world.sign_in("other", "owner", PASSWORD).await.unwrap().token;
    // The first 16 bytes name the tenant.
    let bytes = |token: &Token| URL_SAFE_NO_PAD.decode(&token.reveal()[4..]).unwrap();
    let moved = [&bytes(&elsewhere)[..16], &bytes(&token)[16..]].concat();
    let moved = format!("wbs_{}", URL_SAFE_NO_PAD.encode(moved));
    let mut flipped = token.reveal().to_owned();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    for bad in ["", "wbs_", "Bearer x", &moved, &flipped, &token.reveal()[4..]] {
        let answer = world.service.authentication().authenticate(bad).await;
        assert_eq!(code(answer), "unauthenticated", "{bad}");
    }
    assert_ne!(acme.tenant.id, other.tenant.id);
}

#[tokio::test]
async fn those_who_manage_members_end_the_sessions_of_others() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (ada, admin) = (office.person("ada", Role::Member).await, office.person("admin", Role::Admin).await);
    let authentication = world.service.authentication();
    assert_eq!(code(authentication.end_of(&ada, admin.user()).await), "forbidden");
    assert_eq!(code(authentication.sessions_of(&ada, admin.user()).await), "forbidden");
    assert_eq!(authentication.sessions_of(&admin, ada.user()).await.unwrap().len(), 1);
    assert_eq!(authentication.end_of(&admin, ada.user()).await.unwrap(), 1);
    assert_eq!(code(ada.live()), "session-ended");
    assert!(office.actions().await.contains(&"session.end-all".to_owned()));
}
