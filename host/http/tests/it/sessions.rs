//! Tokens: who gets in, and who no longer does.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::world::{OPERATOR, PASSWORD, World};

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() {
    let world = World::new().await;
    let stranger = format!("{}x", &world.alice.token[..world.alice.token.len() - 1]);
    for authorization in [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some(format!("Basic {}", world.alice.token)),
        Some(world.alice.token.clone()),
        Some("Bearer wbs_nonsense".into()),
        Some(format!("Bearer {stranger}")),
        Some(format!("Bearer {OPERATOR}")),
    ] {
        let mut request = Request::get("/v1/me");
        if let Some(authorization) = &authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = world.raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{authorization:?}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn a_token_in_the_address_opens_nothing() {
    let world = World::new().await;
    for name in ["token", "access_token", "authorization"] {
        let answer = world.call("GET", &format!("/v1/me?{name}={}", world.alice.token), None, None).await;
        assert_eq!(answer.status.as_u16(), 401, "{name}");
    }
}

#[tokio::test]
async fn a_members_token_is_not_the_operators() {
    let world = World::new().await;
    for path in ["/v1/operator/tenants", "/v1/operator/publishers", "/v1/operator/audit"] {
        let answer = world.get(&world.olivia, path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_person_get_the_same_answer() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for (tenant, user, password) in
        [("acme", "alice", "wrong"), ("acme", "nobody", PASSWORD), ("none", "alice", PASSWORD)]
    {
        let body = json!({ "tenant": tenant, "user": user, "password": password, "device": "test" });
        let answer = world.call("POST", "/v1/sign-in", None, Some(body)).await;
        assert_eq!(answer.status.as_u16(), 401);
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn after_signing_out_the_token_is_dead() {
    let world = World::new().await;
    world.call("POST", "/v1/sign-out", Some(&world.alice.token), None).await.expect(204);
    assert_eq!(world.get(&world.alice, "/v1/me").await.status.as_u16(), 401);
}

#[tokio::test]
async fn one_ends_ones_other_sessions_and_a_stranger_cannot() {
    let world = World::new().await;
    let phone = world.sign_in("acme", "alice").await;
    let sessions = world.get(&phone, "/v1/sessions").await.expect(200);
    let first = sessions["sessions"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/sessions/{}", first["id"].as_str().unwrap());
    assert_eq!(world.call("DELETE", &path, Some(&world.bob.token), None).await.code(), "not-found");
    assert_eq!(world.get(&world.alice, "/v1/me").await.status.as_u16(), 200);
    let ended = world.post(&phone, "/v1/sessions/end-others", json!({})).await.expect(200);
    assert_eq!(ended["ended"], 1);
    assert_eq!(world.get(&world.alice, "/v1/me").await.status.as_u16(), 401);
    assert_eq!(world.get(&phone, "/v1/me").await.status.as_u16(), 200);
}

#[tokio::test]
async fn an_owner_who_is_locked_out_gets_in_by_the_operator() {
    let world = World::new().await;
    let tenants = world.call("GET", "/v1/operator/tenants", Some(OPERATOR), None).await.expect(200);
    let acme = tenants["tenants"].as_array().unwrap().iter().find(|tenant| tenant["slug"] == "acme").unwrap();
    let path = format!("/v1/operator/tenants/{}/password", acme["id"].as_str().unwrap());
    world.operator("POST", &path, json!({ "login": "olivia", "password": "another long password" })).await.expect(200);
    assert_eq!(world.get(&world.olivia, "/v1/me").await.status.as_u16(), 401);
    let body = json!({ "tenant": "acme", "user": "olivia", "password": "another long password", "device": "test" });
    world.call("POST", "/v1/sign-in", None, Some(body)).await.expect(200);
}

#[tokio::test]
async fn a_removed_tenants_people_are_out() {
    let world = World::new().await;
    let tenants = world.call("GET", "/v1/operator/tenants", Some(OPERATOR), None).await.expect(200);
    let other = tenants["tenants"].as_array().unwrap().iter().find(|tenant| tenant["slug"] == "other").unwrap();
    let path = format!("/v1/operator/tenants/{}", other["id"].as_str().unwrap());
    world.call("DELETE", &path, Some(OPERATOR), None).await.expect(204);
    assert_eq!(world.get(&world.zoe, "/v1/me").await.status.as_u16(), 401);
    assert_eq!(world.get(&world.alice, "/v1/me").await.status.as_u16(), 200);
}
