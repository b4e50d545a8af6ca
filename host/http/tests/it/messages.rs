//! Messages: what becomes of them, and what others see.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn each_verdict_has_its_answer() {
    let world = World::filtered().await;
    assert_eq!(world.say("1", "plain").await.expect(201)["message"]["body"]["text"], "plain");
    assert_eq!(world.say("2", "mask this").await.expect(201)["message"]["body"]["text"], "**** this");
    let warned = world.say("3", "warn them").await.expect(201);
    assert_eq!(warned["message"]["caution"], json!({ "code": "warn", "text": "because of warn" }));
    let held = world.say("4", "hold this").await.expect(202);
    assert_eq!(held["held"]["key"], "4");
    let rejected = world.say("5", "reject this").await;
    assert_eq!((rejected.status.as_u16(), rejected.code()), (422, "message-rejected"));
    assert_eq!(rejected.body["reason"], json!({ "code": "reject", "text": "because of reject" }));
    assert_eq!(rejected.body["can_edit"], true);
    let discarded = world.say("6", "discard this").await.expect(201);
    assert_eq!(discarded["message"]["body"]["text"], "discard this");
    assert_eq!(world.texts().await, ["plain", "**** this", "warn them"]);
}

#[tokio::test]
async fn receipts_are_for_moderators_alone() {
    let world = World::filtered().await;
    let sent = world.say("1", "warn them").await.expect(201);
    assert!(sent["message"].get("receipts").is_none(), "{sent}");
    world.say("2", "hold this").await.expect(202);
    let queue = world.get(&world.mia, "/v1/admin/review").await.expect(200);
    let receipt = &queue["held"][0]["receipts"][0];
    assert_eq!((&receipt["plugin"], &receipt["verdict"]), (&json!("obedient"), &json!("hold")));
}

#[tokio::test]
async fn a_moderator_lets_one_through_and_rejects_another() {
    let world = World::filtered().await;
    for (key, text) in [("1", "hold one"), ("2", "hold two")] {
        world.say(key, text).await.expect(202);
    }
    let queue = world.get(&world.mia, "/v1/admin/review").await.expect(200);
    let id = |at: usize| queue["held"][at]["id"].as_str().unwrap().to_owned();
    let approved = world.post(&world.mia, &format!("/v1/admin/review/{}/approve", id(0)), json!({})).await.expect(200);
    assert_eq!(approved["message"]["body"]["text"], "hold one");
    world.post(&world.mia, &format!("/v1/admin/review/{}/reject", id(1)), json!({ "reason": "no" })).await.expect(204);
    assert_eq!(world.texts().await, ["hold one"]);
    // The sender who asks again under the same key learns what became of it.
    let again = world.say("2", "hold two").await;
    assert_eq!((again.code(), &again.body["reason"]["text"]), ("message-rejected", &json!("no")));
}

#[tokio::test]
async fn an_edit_is_filtered_and_a_recall_leaves_no_body() {
    let world = World::filtered().await;
    let sent = world.say("1", "first").await.expect(201);
    let path = format!("{}/{}", world.messages(), sent["message"]["id"].as_str().unwrap());
    let edit = |text: &str| json!({ "body": { "type": "text", "text": text } });
    let foreign = world.call("PATCH", &path, Some(&world.bob.token), Some(edit("mine"))).await;
    assert_eq!(foreign.code(), "forbidden");
    world.call("PATCH", &path, Some(&world.alice.token), Some(edit("mask that"))).await.expect(200);
    assert_eq!(world.texts().await, ["**** that"]);
    let rejected = world.call("PATCH", &path, Some(&world.alice.token), Some(edit("reject that"))).await;
    assert_eq!(rejected.code(), "message-rejected");
    world.call("DELETE", &path, Some(&world.alice.token), None).await.expect(204);
    let page = world.get(&world.bob, &world.messages()).await.expect(200);
    assert_eq!(page["messages"][0]["body"], Value::Null);
}

#[tokio::test]
async fn history_pages_in_both_directions_without_gaps() {
    let world = World::new().await;
    for number in 0..7 {
        world.say(&number.to_string(), &number.to_string()).await.expect(201);
    }
    let texts = |page: &Value| -> String {
        page["messages"].as_array().unwrap().iter().map(|message| message["body"]["text"].as_str().unwrap()).collect()
    };
    let last = world.get(&world.bob, &format!("{}?limit=3", world.messages())).await.expect(200);
    assert_eq!((texts(&last).as_str(), &last["more"]), ("456", &json!(true)));
    let before = last["first"].as_u64().unwrap();
    let earlier = world.get(&world.bob, &format!("{}?limit=3&before={before}", world.messages())).await.expect(200);
    assert_eq!(texts(&earlier), "123");
    let after = earlier["last"].as_u64().unwrap();
    let later = world.get(&world.bob, &format!("{}?after={after}", world.messages())).await.expect(200);
    assert_eq!((texts(&later).as_str(), &later["more"]), ("456", &json!(false)));
}

#[tokio::test]
async fn a_file_travels_with_a_message_and_only_to_those_who_got_it() {
    let world = World::new().await;
    let request = Request::post("/v1/attachments?name=r%C3%A9sum%C3%A9.txt")
        .header(header::AUTHORIZATION, format!("Bearer {}", world.alice.token))
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Body::from("what I did"));
    let uploaded = world.raw(request.unwrap()).await.expect(201);
    let (name, media_type) = (&uploaded["attachment"]["name"], &uploaded["attachment"]["media_type"]);
    assert_eq!((name, media_type), (&json!("résumé.txt"), &json!("text/plain")));
    let path = format!("/v1/attachments/{}", uploaded["attachment"]["id"].as_str().unwrap());
    assert_eq!(world.get(&world.bob, &path).await.code(), "not-found");
    let body = json!({ "type": "file", "attachment": uploaded["attachment"]["id"] });
    world.post(&world.alice, &world.messages(), json!({ "key": "f", "body": body })).await.expect(201);
    let got = world.get(&world.bob, &path).await;
    assert_eq!(got.bytes, b"what I did");
    assert_eq!(got.headers[header::CONTENT_DISPOSITION], "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.txt");
    assert_eq!(world.get(&world.mia, &path).await.code(), "not-found");
    assert_eq!(world.get(&world.zoe, &path).await.code(), "not-found");
}

#[tokio::test]
async fn a_custom_message_comes_out_as_it_went_in() {
    let world = World::new().await;
    let body = json!({ "type": "custom", "kind": "order", "json": { "total": 12, "lines": ["a", { "b": null }] } });
    world.post(&world.alice, &world.messages(), json!({ "key": "c", "body": body })).await.expect(201);
    let page = world.get(&world.bob, &world.messages()).await.expect(200);
    assert_eq!(page["messages"][0]["body"], body);
}

#[tokio::test]
async fn a_group_changes_its_members_and_title() {
    let world = World::new().await;
    let group = json!({ "kind": "group", "title": "plans", "members": [world.bob.id] });
    let group = world.post(&world.alice, "/v1/conversations", group).await.expect(201);
    let path = format!("/v1/conversations/{}", group["id"].as_str().unwrap());
    assert_eq!(world.get(&world.mia, &path).await.code(), "not-found");
    let members = json!({ "members": [world.mia.id] });
    world.post(&world.alice, &format!("{path}/members"), members).await.expect(200);
    let renamed =
        world.call("PATCH", &path, Some(&world.mia.token), Some(json!({ "title": "deeds" }))).await.expect(200);
    assert_eq!((&renamed["title"], renamed["members"].as_array().unwrap().len()), (&json!("deeds"), 3));
    let leave = format!("{path}/members/{}", world.mia.id);
    world.call("DELETE", &leave, Some(&world.mia.token), None).await.expect(204);
    assert_eq!(world.get(&world.mia, &path).await.code(), "not-found");
    let list = world.get(&world.bob, "/v1/conversations").await.expect(200);
    assert_eq!(list["conversations"].as_array().unwrap().len(), 2);
}
