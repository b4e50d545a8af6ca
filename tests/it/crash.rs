//! Crashes: whatever the host acknowledged is there after SIGKILL, in its place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;
use warbler_tests::client::Client;
use warbler_tests::host::Host;
use warbler_tests::tenant::{PAIR, Tenant};

/// Crashes in one test; each costs two starts of a debug build.
const ROUNDS: usize = 5;

/// Senders at the same time.
const SENDERS: usize = 16;

/// Limits that sixteen eager senders do not run into.
const LIMITS: &str = "[limits]\nmessages_burst = 1000000\nmessages_per_second = 1000000\n";

type Acknowledged = Arc<Mutex<BTreeMap<u64, String>>>;

async fn send(client: Client, conversation: String, name: String, acknowledged: Acknowledged) {
    for count in 0.. {
        let text = format!("{name}, message {count}");
        let Ok(answer) = client.send(&conversation, &format!("{name}-{count}"), &text).await else { return };
        assert_eq!(answer.status, 201, "{answer:?}");
        let sequence = answer.body["message"]["sequence"].as_u64().unwrap();
        assert_eq!(acknowledged.lock().unwrap().insert(sequence, text), None, "place {sequence} was given twice");
    }
}

/// Everything in a conversation, by place.
async fn history(client: &Client, conversation: &str) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/conversations/{conversation}/messages?after={after}&limit=100");
        let page = client.get(&path).await.unwrap().with(200).unwrap();
        let messages = page["messages"].as_array().unwrap();
        let Some(last) = messages.last() else { return found };
        after = last["sequence"].as_u64().unwrap();
        for message in messages {
            let text = message["body"]["text"].as_str().unwrap().to_owned();
            found.insert(message["sequence"].as_u64().unwrap(), text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_or_moved_by_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), LIMITS).unwrap();
    Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        let conversation = acme.direct(0, 1).await.unwrap();
        let before = acknowledged.lock().unwrap().len();
        let mut senders = JoinSet::new();
        for number in 0..SENDERS {
            let client = acme.person(number % 2).unwrap().client.clone();
            let name = format!("round {round} sender {number}");
            senders.spawn(send(client, conversation.clone(), name, Arc::clone(&acknowledged)));
        }
        while acknowledged.lock().unwrap().len() < before + 100 {
            tokio::task::yield_now().await;
            if let Some(ended) = senders.try_join_next() {
                panic!("a sender ended before the crash: {ended:?}");
            }
        }
        host.kill().unwrap();
        while let Some(ended) = senders.join_next().await {
            ended.unwrap();
        }
        host = Host::start(folder.path(), LIMITS).unwrap();
        let acme = Tenant::sign_in(&host, "acme", &PAIR).await.unwrap();
        let found = history(&acme.person(0).unwrap().client, &conversation).await;
        for (sequence, text) in &*acknowledged.lock().unwrap() {
            assert_eq!(found.get(sequence), Some(text), "place {sequence} after crash {round}");
        }
    }
    host.stop().unwrap();
}
