//! Bad input: every malformed request gets its problem code, and changes nothing.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::world::{FILE, World};

const NOBODY: &str = "0190f3a2-7c1e-7d33-8f00-1b2a3c4d5e6f";

/// What is sent as the body of a message, and the status, code and field of the answer.
fn sends() -> Vec<(&'static str, u16, &'static str, Option<&'static str>)> {
    vec![
        ("", 400, "malformed", None),
        ("{", 400, "malformed", None),
        (r#"{"key":"k","body":{"type":"text","text":"a"}} and more"#, 400, "malformed", None),
        ("[]", 422, "invalid", None),
        (r#"["k",{"type":"text","text":"a"}]"#, 422, "invalid", None),
        (r#"{"key":"k","body":["text","a"]}"#, 422, "invalid", Some("body")),
        (r#"{"body":{"type":"text","text":"a"}}"#, 422, "invalid", Some("key")),
        (r#"{"key":7,"body":{"type":"text","text":"a"}}"#, 422, "invalid", Some("key")),
        (r#"{"key":"","body":{"type":"text","text":"a"}}"#, 422, "invalid", Some("key")),
        (r#"{"key":"k","body":{"type":"text","text":"a"},"extra":1}"#, 422, "invalid", Some("extra")),
        (r#"{"key":"k","body":{"type":"text","text":"a","bold":true}}"#, 422, "invalid", Some("body.bold")),
        (r#"{"key":"k","body":{"type":"text","text":["a"]}}"#, 422, "invalid", Some("body.text")),
        (r#"{"key":"k","body":{"type":"text"}}"#, 422, "invalid", Some("body.text")),
        (r#"{"key":"k","body":{"type":"text","text":"  "}}"#, 422, "invalid", Some("body.text")),
        (r#"{"key":"k","body":{"type":"sound","text":"a"}}"#, 422, "invalid", Some("body.type")),
        (r#"{"key":"k","body":{"type":"file","attachment":"x"}}"#, 422, "invalid", Some("body.attachment")),
        (r#"{"key":"k","body":{"type":"text","text":"a"},"mentions":["x"]}"#, 422, "invalid", Some("mentions[0]")),
        (r#"{"key":"k","body":{"type":"text","text":"a"},"reply_to":"x"}"#, 422, "invalid", Some("reply_to")),
    ]
}

#[tokio::test]
async fn a_message_that_is_malformed_is_refused_by_name_and_not_kept() {
    let world = World::new().await;
    for (body, status, code, field) in sends() {
        let request = Request::post(world.messages())
            .header(header::AUTHORIZATION, format!("Bearer {}", world.alice.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        let answer = world.raw(request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}: {}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{body}");
        if let Some(field) = field {
            assert_eq!(answer.body["field"], field, "{body}: {}", answer.body);
        }
    }
    assert!(world.texts().await.is_empty());
}

#[tokio::test]
async fn a_text_or_body_that_is_too_long_names_the_limit() {
    let world = World::new().await;
    let answer = world.say("long", &"x".repeat(16 * 1024 + 1)).await;
    assert_eq!((answer.status.as_u16(), answer.code(), &answer.body["limit"]), (413, "too-large", &json!(16 * 1024)));
    let answer = world.say("longer", &"x".repeat(512 * 1024)).await;
    assert_eq!((answer.status.as_u16(), answer.code(), &answer.body["limit"]), (413, "too-large", &json!(256 * 1024)));
    assert!(world.texts().await.is_empty());
}

#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let world = World::new().await;
    let request = Request::post(world.messages())
        .header(header::AUTHORIZATION, format!("Bearer {}", world.alice.token))
        .header(header::CONTENT_TYPE, "text/plain")
        .body(Body::from("hello"));
    let answer = world.raw(request.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (415, "unsupported-media-type"));
}

#[tokio::test]
async fn the_same_key_for_another_body_is_refused_and_for_the_same_gives_the_same() {
    let world = World::new().await;
    let first = world.say("k", "one").await.expect(201);
    let again = world.say("k", "one").await.expect(201);
    assert_eq!(first["message"]["id"], again["message"]["id"]);
    let other = world.say("k", "two").await;
    assert_eq!((other.status.as_u16(), other.code()), (409, "key-reused"));
    assert_eq!(world.texts().await, ["one"]);
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_answered_as_what_does_not_exist() {
    let world = World::new().await;
    let sent = world.say("k", "secret").await.expect(201);
    let message = sent["message"]["id"].as_str().unwrap();
    let own = &world.conversation;
    for (method, path, body) in [
        ("GET", "/v1/conversations/{}", None),
        ("PATCH", "/v1/conversations/{}", Some(json!({ "title": "mine" }))),
        ("GET", "/v1/conversations/{}/members", None),
        ("GET", "/v1/conversations/{}/messages", None),
        ("POST", "/v1/conversations/{}/messages", Some(json!({ "key": "k", "body": { "type": "text", "text": "x" } }))),
        ("POST", "/v1/conversations/{}/read", Some(json!({ "sequence": 1 }))),
    ] {
        let real = world.call(method, &path.replace("{}", own), Some(&world.zoe.token), body.clone()).await;
        let invented = world.call(method, &path.replace("{}", NOBODY), Some(&world.zoe.token), body).await;
        assert_eq!((real.status.as_u16(), real.code()), (404, "not-found"), "{method} {path}");
        assert_eq!(real.body, invented.body, "{method} {path}");
    }
    let path = format!("{}/{message}", world.messages());
    assert_eq!(world.call("DELETE", &path, Some(&world.zoe.token), None).await.code(), "not-found");
    let direct = json!({ "kind": "direct", "members": [world.alice.id] });
    assert_eq!(world.post(&world.zoe, "/v1/conversations", direct).await.code(), "not-found");
    assert_eq!(world.get(&world.zoe, &format!("/v1/admin/members/{}", world.alice.id)).await.code(), "not-found");
    assert_eq!(world.texts().await, ["secret"]);
}

#[tokio::test]
async fn identifiers_and_queries_that_do_not_parse_are_named() {
    let world = World::new().await;
    for (path, field) in [
        ("/v1/conversations/not-an-id".to_owned(), "id"),
        (format!("{}?limit=x", world.messages()), "limit"),
        (format!("{}?limit=0", world.messages()), "limit"),
        (format!("{}?limit=201", world.messages()), "limit"),
        (format!("{}?before=1&after=1", world.messages()), "after"),
        (format!("{}?sort=up", world.messages()), "sort"),
        ("/v1/conversations?after=x".to_owned(), "after"),
    ] {
        let answer = world.get(&world.alice, &path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid"), "{path}: {}", answer.body);
        assert_eq!(answer.body["field"], field, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_is_forbidden() {
    let world = World::new().await;
    let member = json!({ "login": "eve", "name": "Eve", "password": "long enough a password" });
    for (method, path, body) in [
        ("POST", "/v1/admin/members", Some(member)),
        ("GET", "/v1/admin/plugins", None),
        ("GET", "/v1/admin/review", None),
        ("GET", "/v1/admin/audit", None),
        ("GET", "/v1/admin/audit/verify", None),
        ("GET", "/v1/admin/lexicons", None),
        ("PUT", "/v1/admin/policy", Some(json!({}))),
    ] {
        let answer = world.call(method, path, Some(&world.alice.token), body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"), "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let world = World::new().await;
    let too_long = usize::try_from(FILE).unwrap() + 1;
    let chunks = (0..=too_long / 100).map(|_| Ok::<_, std::io::Error>(vec![7_u8; 100]));
    let streamed = Body::from_stream(futures::stream::iter(chunks));
    for body in [Body::from(vec![7; too_long]), streamed] {
        let request = Request::post("/v1/attachments?name=a.bin")
            .header(header::AUTHORIZATION, format!("Bearer {}", world.alice.token));
        let answer = world.raw(request.body(body).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (413, "too-large"), "{}", answer.body);
        assert_eq!(answer.body["limit"], FILE);
    }
}

#[tokio::test]
async fn tenants_and_members_with_bad_fields_are_not_made() {
    let world = World::new().await;
    let owner = json!({ "login": "o", "name": "O", "password": "long enough a password" });
    for (body, status, field) in [
        (json!({ "slug": "Not A Slug", "name": "x", "owner": owner }), 422, "slug"),
        (json!({ "slug": "acme", "name": "x", "owner": owner }), 409, ""),
        (json!({ "slug": "fine", "name": "x" }), 422, "owner"),
        (json!({ "slug": "fine", "name": "x", "owner": { "login": "o", "name": "O" } }), 422, "owner.password"),
        (json!({ "slug": "fine", "name": "x", "owner": owner, "policy": { "idle": 3 } }), 422, "policy.idle"),
        (
            json!({ "slug": "fine", "name": "x", "owner": owner, "policy": { "session_seconds": 1 } }),
            422,
            "policy.session_seconds",
        ),
    ] {
        let answer = world.operator("POST", "/v1/operator/tenants", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.body);
        assert_eq!(answer.body["field"].as_str().unwrap_or_default(), field, "{body}: {}", answer.body);
    }
    let tenants = world.operator("GET", "/v1/operator/tenants", Value::Null).await.expect(200);
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 2);
}
