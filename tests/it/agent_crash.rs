//! A message that stops the host each time that its answer is written.

use serde_json::{Value, json};
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};

use crate::agents::{come_back, cut_off, messages_of, reply, tenant_id};

/// Kills the host in the middle of the reply and starts it again, until it gives the reply up.
#[tokio::test(flavor = "multi_thread")]
async fn after_three_crashes_people_are_told_once_and_the_operator_finds_the_message() {
    let model = Model::start(|prompt| {
        if last(prompt, "user").ends_with("Are you well?") {
            return Said::words("I am.");
        }
        [Said::words("And then "), vec![Said::Wait]].concat()
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (robin, conversation, growing) = cut_off(folder.path(), &model, "Stop the host.").await;
    for times in 2..=3 {
        let host = Host::start(folder.path(), "").unwrap();
        model.until_asked(times).await.unwrap();
        host.kill().unwrap();
    }
    let (host, alice, mut socket) = come_back(folder.path(), &conversation).await;
    let (message, _) = reply(&mut socket, &robin).await;
    assert_eq!(message["id"], growing["message"], "it stands where people saw the reply grow");
    let said = message["body"]["text"].as_str().unwrap();
    assert!(said.starts_with("My reply was interrupted"), "{said}");
    assert_eq!(message["caution"]["code"], "reply-interrupted");
    assert_eq!(model.asked().len(), 3);
    alice.send(&conversation, "k2", "Are you well?").await.unwrap().with(201).unwrap();
    assert_eq!(reply(&mut socket, &robin).await.0["body"]["text"], "I am.");
    letters(&host).await;
    // Sending again under a known key asks nothing again.
    alice.send(&conversation, "k2", "Are you well?").await.unwrap().with(201).unwrap();
    alice.send(&conversation, "k3", "Are you well?").await.unwrap().with(201).unwrap();
    reply(&mut socket, &robin).await;
    assert_eq!(messages_of(&alice, &conversation, &robin).await.len(), 3);
    host.stop().unwrap();
}

/// The operator finds what was given up, and has it delivered again; it is done then.
async fn letters(host: &Host) {
    let (operator, tenant) = (host.operator(), tenant_id(host, "acme").await);
    let path = format!("/v1/operator/dead-letters?tenant={tenant}&consumer=agents");
    let list =
        || async { operator.get(&path).await.unwrap().with(200).unwrap()["letters"].as_array().unwrap().clone() };
    let letters: Vec<Value> = list().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0]["reason"].as_str().unwrap().contains("stopped 3 times"), "{letters:?}");
    let name = json!({"tenant": tenant, "consumer": "agents", "position": letters[0]["position"]});
    operator.post("/v1/operator/dead-letters/replay", name.clone()).await.unwrap().with(204).unwrap();
    assert!(list().await.is_empty());
    let again = operator.post("/v1/operator/dead-letters/replay", name).await.unwrap();
    assert_eq!((again.status, again.code()), (404, "not-found"));
}
