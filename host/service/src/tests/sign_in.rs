//! Sign-in: who gets in, who does not, and what the answers give away.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use warbler_domain::Role;
use zeroize::Zeroizing;

use crate::world::{OPERATOR, PASSWORD, World, code, new_member};
use crate::{Rate, ServiceError, SignIn};

#[tokio::test]
async fn whoever_has_the_password_gets_a_token_that_names_them() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    office.person("Ada", Role::Member).await;
    let signed_in = world.sign_in("acme", "ADA ", PASSWORD).await.unwrap();
    assert!(signed_in.token.reveal().starts_with("wbs_"));
    let caller = world.caller(&signed_in).await;
    assert_eq!((caller.user(), caller.session()), (signed_in.user.id, signed_in.session.id));
    assert_eq!((caller.tenant(), caller.role()), (office.tenant.id, Role::Member));
}

#[tokio::test]
async fn wrong_tenants_names_and_passwords_get_one_and_the_same_answer() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("other").await.person("ada", Role::Member).await;
    let mut answers = Vec::new();
    for (tenant, user, password) in [
        ("nowhere", "owner", PASSWORD),
        ("acme", "nobody", PASSWORD),
        ("acme", "ada", PASSWORD),
        ("acme", "owner", "wrong"),
        ("acme", "own er", PASSWORD),
        ("ACME", "owner", PASSWORD),
    ] {
        let error = world.sign_in(tenant, user, password).await.unwrap_err();
        answers.push((error.code(), error.to_string()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, "unauthenticated");
}

#[tokio::test]
async fn a_shut_account_is_answered_as_a_wrong_password_is() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    world.service.members().set_disabled(&office.owner, ada.user(), true).await.unwrap();
    assert_eq!(code(world.sign_in("acme", "ada", PASSWORD).await), "unauthenticated");
    world.service.members().set_disabled(&office.owner, ada.user(), false).await.unwrap();
    world.sign_in("acme", "ada", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_make_an_account_wait_known_or_not_and_the_right_one_ends_it() {
    let world = World::new().await;
    world.tenant("acme").await;
    for user in ["owner", "nobody"] {
        for _ in 0..5 {
            assert_eq!(code(world.sign_in("acme", user, "wrong").await), "unauthenticated");
        }
        let Err(ServiceError::RateLimited { retry_after, .. }) = world.sign_in("acme", user, PASSWORD).await else {
            panic!("{user} did not have to wait");
        };
        assert_eq!(retry_after, Duration::from_secs(1));
    }
    world.clock.advance(Duration::from_secs(1));
    world.sign_in("acme", "owner", PASSWORD).await.unwrap();
    assert_eq!(code(world.sign_in("acme", "owner", "wrong").await), "unauthenticated");
}

#[tokio::test]
async fn one_address_has_to_wait_and_another_does_not() {
    let world = World::with(|options| options.rates.sign_ins = Rate { burst: 1, per_second: 1 }).await;
    world.tenant("acme").await;
    let request = |address: &str| SignIn {
        tenant: "acme".into(),
        user: "owner".into(),
        password: Zeroizing::new(PASSWORD.into()),
        device: "d".into(),
        address: Some(address.parse().unwrap()),
    };
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(code(world.service.authentication().sign_in(request("192.0.2.1")).await));
    }
    assert!(codes.contains(&"rate-limited"), "{codes:?}");
    assert_eq!(code(world.service.authentication().sign_in(request("192.0.2.2")).await), "ok");
}

#[tokio::test]
async fn fields_that_are_empty_or_too_long_are_named() {
    let world = World::new().await;
    let good = || SignIn {
        tenant: "acme".into(),
        user: "owner".into(),
        password: Zeroizing::new(PASSWORD.into()),
        device: "d".into(),
        address: None,
    };
    let long = "x".repeat(1_000);
    let requests = [
        ("tenant", SignIn { tenant: long.clone(), ..good() }),
        ("tenant", SignIn { tenant: String::new(), ..good() }),
        ("user", SignIn { user: long.clone(), ..good() }),
        ("device", SignIn { device: String::new(), ..good() }),
        ("device", SignIn { device: long.clone(), ..good() }),
        ("password", SignIn { password: Zeroizing::new(long), ..good() }),
    ];
    for (name, request) in requests {
        let Err(ServiceError::Invalid { field, limit, .. }) = world.service.authentication().sign_in(request).await
        else {
            panic!("{name} was taken");
        };
        assert_eq!(field, name);
        assert!(limit.is_some());
    }
}

#[tokio::test]
async fn only_the_whole_operators_token_makes_the_operator() {
    let world = World::new().await;
    let authentication = world.service.authentication();
    for token in ["", "the operator's own toke", "the operator's own token ", "THE OPERATOR'S OWN TOKEN"] {
        assert_eq!(code(authentication.operator(token)), "unauthenticated");
    }
    authentication.operator(OPERATOR).unwrap();
}

#[tokio::test]
async fn many_sign_ins_keep_the_number_of_sessions_bounded() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    world.service.members().add(&office.owner, new_member("bot", Role::Member)).await.unwrap();
    let first = world.sign_in("acme", "bot", PASSWORD).await.unwrap();
    for _ in 0..100 {
        world.sign_in("acme", "bot", PASSWORD).await.unwrap();
    }
    let last = world.caller(&world.sign_in("acme", "bot", PASSWORD).await.unwrap()).await;
    assert_eq!(world.service.authentication().sessions(&last).await.unwrap().len(), 100);
    assert_eq!(code(world.service.authentication().authenticate(first.token.reveal()).await), "unauthenticated");
}
