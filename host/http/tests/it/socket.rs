//! The WebSocket: greeting, delivery, resuming, bad frames, and the ways in which it ends.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Socket, World};

fn send(world: &World, key: &str, text: &str) -> Value {
    json!({ "op": "send", "key": key, "conversation": world.conversation, "body": { "type": "text", "text": text } })
}

#[tokio::test]
async fn a_client_without_a_header_says_its_token_in_its_hello() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut socket = Socket::open(address, None).await;
    socket.say(json!({ "op": "hello", "token": world.alice.token })).await;
    let ready = socket.next().await;
    assert_eq!((&ready["op"], &ready["user"]), (&json!("ready"), &json!(world.alice.id)));
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_told_and_closed() {
    let world = World::new().await;
    let address = world.listen().await;
    for (first, code) in [
        (json!({ "op": "hello" }), "unauthenticated"),
        (json!({ "op": "hello", "token": "wbs_nonsense" }), "unauthenticated"),
        (json!({ "op": "hello", "pass": 1 }), "invalid"),
        (json!({ "op": "activity" }), "hello-expected"),
    ] {
        let mut socket = Socket::open(address, None).await;
        socket.say(first.clone()).await;
        let problem = socket.next().await;
        assert_eq!((&problem["op"], &problem["problem"]["code"]), (&json!("problem"), &json!(code)), "{first}");
        assert_eq!(socket.next().await, json!({ "closed": 4401 }), "{first}");
    }
}

#[tokio::test]
async fn a_message_reaches_the_other_side_and_is_acknowledged_with_its_place() {
    let world = World::filtered().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    let mut bob = world.connect(address, &world.bob, json!({})).await;
    alice.say(send(&world, "k", "mask me")).await;
    let sent = alice.until("sent").await;
    assert_eq!((&sent["key"], &sent["message"]["body"]["text"]), (&json!("k"), &json!("**** me")));
    let got = bob.until("message").await;
    assert_eq!(got["message"], sent["message"]);
    alice.say(send(&world, "h", "hold it")).await;
    assert_eq!(alice.until("held").await["key"], "h");
    alice.say(send(&world, "r", "reject it")).await;
    let refused = alice.until("refused").await;
    assert_eq!((&refused["key"], &refused["problem"]["code"]), (&json!("r"), &json!("message-rejected")));
    assert_eq!(refused["problem"]["reason"]["code"], "reject");
}

#[tokio::test]
async fn sends_in_flight_are_committed_in_the_order_of_their_frames() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    for number in 0..200 {
        alice.say(send(&world, &number.to_string(), "x")).await;
    }
    let mut places = vec![0; 200];
    for _ in 0..200 {
        let sent = alice.until("sent").await;
        let number: usize = sent["key"].as_str().unwrap().parse().unwrap();
        places[number] = sent["message"]["sequence"].as_u64().unwrap();
    }
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
}

#[tokio::test]
async fn a_client_that_comes_back_gets_all_that_it_missed_once() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut expected = Vec::new();
    for number in 0..300 {
        let sent = world.say(&number.to_string(), "x").await.expect(201);
        expected.push(sent["message"]["sequence"].as_u64().unwrap());
    }
    let cursor = expected[99];
    let cursors = json!({ world.conversation.clone(): cursor });
    let mut bob = world.connect(address, &world.bob, cursors).await;
    world.say("last", "x").await.expect(201);
    let mut places = Vec::new();
    while places.len() < 201 {
        places.push(bob.until("message").await["message"]["sequence"].as_u64().unwrap());
    }
    let wanted: Vec<u64> = (cursor + 1..=cursor + 201).collect();
    assert_eq!(places, wanted);
}

#[tokio::test]
async fn what_is_discarded_looks_sent_and_leaves_others_a_taken_place() {
    let world = World::filtered().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    let mut bob = world.connect(address, &world.bob, json!({})).await;
    alice.say(send(&world, "d", "discard me")).await;
    let sent = alice.until("sent").await;
    assert_eq!(sent["message"]["body"]["text"], "discard me");
    let taken = bob.until("changed").await;
    assert_eq!(taken["change"]["change"], "taken");
    assert_eq!(taken["change"]["sequence"], sent["message"]["sequence"]);
    assert!(!taken.to_string().contains("discard"), "{taken}");
}

#[tokio::test]
async fn edits_marks_and_typing_reach_the_other_side() {
    let world = World::new().await;
    let address = world.listen().await;
    let sent = world.say("k", "first").await.expect(201);
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    let mut bob = world.connect(address, &world.bob, json!({})).await;
    bob.say(json!({ "op": "typing", "conversation": world.conversation })).await;
    assert_eq!(alice.until("typing").await["user"], world.bob.id);
    bob.say(json!({ "op": "read", "conversation": world.conversation, "sequence": sent["message"]["sequence"] })).await;
    let receipt = alice.until("receipt").await;
    assert_eq!((&receipt["user"], &receipt["sequence"]), (&json!(world.bob.id), &sent["message"]["sequence"]));
    let path = format!("{}/{}", world.messages(), sent["message"]["id"].as_str().unwrap());
    let edit = json!({ "body": { "type": "text", "text": "second" } });
    world.call("PATCH", &path, Some(&world.alice.token), Some(edit)).await.expect(200);
    let changed = bob.until("changed").await;
    assert_eq!(
        (&changed["change"]["change"], &changed["change"]["body"]["text"]),
        (&json!("edited"), &json!("second"))
    );
}

#[tokio::test]
async fn bad_frames_are_answered_and_the_connection_lives_on() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    for (frame, op, code) in [
        ("not json".to_owned(), "problem", "malformed"),
        (r#"{"op":"fly"}"#.to_owned(), "problem", "unknown-op"),
        (r#"{"op":"activity","x":1}"#.to_owned(), "problem", "invalid"),
        (r#"{"op":"hello"}"#.to_owned(), "problem", "invalid"),
        (r#"{"op":"send","key":"k","body":{"type":"text","text":"a"}}"#.to_owned(), "refused", "invalid"),
        (send(&world, "", "a").to_string(), "refused", "invalid"),
        (
            json!({ "op": "read", "conversation": "0190f3a2-7c1e-7d33-8f00-1b2a3c4d5e6f", "sequence": 1 }).to_string(),
            "problem",
            "not-found",
        ),
        (json!({ "op": "typing", "conversation": 7 }).to_string(), "problem", "invalid"),
    ] {
        alice.send(Message::text(frame.clone())).await;
        let answer = alice.next().await;
        assert_eq!((&answer["op"], &answer["problem"]["code"]), (&json!(op), &json!(code)), "{frame}: {answer}");
    }
    alice.say(send(&world, "fine", "still here")).await;
    alice.until("sent").await;
    assert_eq!(world.texts().await, ["still here"]);
}

#[tokio::test]
async fn a_binary_frame_and_one_that_is_too_long_end_the_connection_with_their_reason() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    alice.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(alice.until("problem").await["problem"]["code"], "unsupported-media-type");
    assert_eq!(alice.next().await, json!({ "closed": 1003 }));
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    alice.send(Message::text("x".repeat(128 * 1024 + 1))).await;
    let problem = alice.until("problem").await;
    assert_eq!((&problem["problem"]["code"], &problem["problem"]["limit"]), (&json!("too-large"), &json!(128 * 1024)));
    assert_eq!(alice.next().await, json!({ "closed": 1009 }));
    assert!(world.texts().await.is_empty());
}

#[tokio::test]
async fn signing_out_ends_the_sockets_of_the_session_and_no_others() {
    let world = World::new().await;
    let address = world.listen().await;
    let phone = world.sign_in("acme", "alice").await;
    let mut on_phone = world.connect(address, &phone, json!({})).await;
    let mut on_desk = world.connect(address, &world.alice, json!({})).await;
    world.call("POST", "/v1/sign-out", Some(&phone.token), None).await.expect(204);
    assert_eq!(on_phone.until("ended").await["reason"], "signed-out");
    assert_eq!(on_phone.next().await, json!({ "closed": 4401 }));
    on_desk.say(send(&world, "k", "here")).await;
    on_desk.until("sent").await;
}

#[tokio::test]
async fn a_host_that_stops_closes_its_sockets_and_waits_for_them() {
    let world = World::new().await;
    let address = world.listen().await;
    let mut alice = world.connect(address, &world.alice, json!({})).await;
    let closing = tokio::spawn({
        let api = world.api.clone();
        async move { api.close_sockets(Duration::from_secs(30)).await }
    });
    assert_eq!(alice.next().await, json!({ "closed": 1001 }));
    closing.await.unwrap();
}
