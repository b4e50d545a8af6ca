//! Resuming: a client that comes and goes while others write gets everything once, in order.

use serde_json::json;
use warbler_tests::host::Host;
use warbler_tests::tenant::{PAIR, Tenant};

/// Messages that are written meanwhile.
const MESSAGES: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reconnects_while_others_write_misses_nothing_and_sees_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nmessages_burst = 1000000\nmessages_per_second = 1000000\n";
    let host = Host::start(folder.path(), limits).unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let (alice, bob) = (acme.person(0).unwrap().client.clone(), acme.person(1).unwrap().client.clone());

    let writing = tokio::spawn({
        let conversation = conversation.clone();
        async move {
            for number in 0..MESSAGES {
                alice
                    .send(&conversation, &number.to_string(), &format!("text {number}"))
                    .await
                    .unwrap()
                    .with(201)
                    .unwrap();
            }
        }
    });

    let mut cursor = 0;
    let mut texts = Vec::new();
    while texts.len() < MESSAGES {
        let mut cursors = json!({});
        cursors[&conversation] = json!(cursor);
        let mut socket = bob.connect(cursors).await.unwrap();
        // A few messages from each connection, then the line goes dead.
        for _ in 0..7.min(MESSAGES - texts.len()) {
            let frame = socket.until("message").await.unwrap();
            let sequence = frame["message"]["sequence"].as_u64().unwrap();
            assert!(sequence > cursor, "place {sequence} came after {cursor}");
            cursor = sequence;
            texts.push(frame["message"]["body"]["text"].as_str().unwrap().to_owned());
        }
        drop(socket);
    }
    writing.await.unwrap();
    let expected: Vec<String> = (0..MESSAGES).map(|number| format!("text {number}")).collect();
    assert_eq!(texts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_closes_the_socket_before_the_call_returns_its_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), "").unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let alice = &acme.person(0).unwrap().client;
    let mut socket = alice.connect(json!({})).await.unwrap();
    let answer = alice.post("/v1/sign-out", json!({})).await.unwrap();
    assert!(answer.status < 300, "{answer:?}");
    assert_eq!(socket.until("ended").await.unwrap()["reason"], "signed-out");
    assert!(socket.next().await.unwrap_err().to_string().contains("4401"));
    assert_eq!(alice.get("/v1/me").await.unwrap().status, 401);
}
