//! A tool that an agent may call after a person said yes, and what people see of the question before and after.

use serde_json::{Value, json};
use warbler_tests::client::{Client, Socket};
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::servers;
use warbler_tests::tenant::{self, PAIR, Tenant};

use crate::agents::{assistant, reply, set_model};

/// The question that comes next: its message.
async fn question(socket: &mut Socket, robin: &str) -> Value {
    let (message, _) = reply(socket, robin).await;
    assert_eq!((&message["body"]["type"], &message["body"]["kind"]), (&json!("custom"), &json!("tool-approval")));
    let asked = &message["body"]["json"];
    assert_eq!((&asked["state"], &asked["tool"]), (&json!("waiting"), &json!("desk__echo")));
    assert!(asked["by"].is_null() && asked["decided_at"].is_null());
    message
}

/// How the question looks once it is over: to who is connected, and to who reads it later.
async fn over(socket: &mut Socket, client: &Client, conversation: &str, question: &Value) -> Value {
    let live = loop {
        let change = socket.until("changed").await.unwrap()["change"].clone();
        if change["change"] == "edited" && change["message"] == question["id"] {
            break change["body"]["json"].clone();
        }
    };
    let path = format!("/v1/conversations/{conversation}/messages?limit=100");
    let page = client.get(&path).await.unwrap().with(200).unwrap();
    let kept = page["messages"].as_array().unwrap().iter().find(|message| message["id"] == question["id"]).unwrap();
    assert_eq!((&kept["body"]["json"], kept["edited_at"].is_string()), (&live, true));
    live
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_shows_who_answered_it_and_cannot_be_answered_twice_or_too_late() {
    let model = Model::start(|prompt| match last(prompt, "tool") {
        "" => vec![Said::Call("desk__echo".into(), json!({"text": last(prompt, "user")}))],
        told => Said::words(&format!("I heard: {told}")),
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (python, script) = servers::desk().unwrap();
    let config = format!("[agents]\ntool_programs = [{:?}]\n", python.to_str().unwrap());
    let host = Host::start(folder.path(), &config).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    set_model(&host, &model).await;
    let transport = json!({"type": "stdio", "command": python, "arguments": [script]});
    acme.owner.put("/v1/admin/tools/desk", json!({"transport": transport, "timeout_ms": 60_000})).await.unwrap();
    let tools = json!([{"server": "desk", "tool": "echo", "ask": true}]);
    let robin = assistant(&acme, json!({"tools": tools})).await;
    let alice = acme.person(0).unwrap();
    let conversation = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    for (key, approve, state, heard) in
        [("k1", true, "approved", "the desk says k1"), ("k2", false, "denied", "a person denied the call")]
    {
        alice.client.send(&conversation, key, key).await.unwrap().with(201).unwrap();
        let question = question(&mut socket, &robin).await;
        let id = question["body"]["json"]["id"].as_str().unwrap();
        let path = format!("/v1/conversations/{conversation}/approvals/{id}");
        let answered = alice.client.post(&path, json!({"approve": approve})).await.unwrap().with(200).unwrap();
        let shown = over(&mut socket, &alice.client, &conversation, &question).await;
        assert_eq!((&shown["state"], &shown["by"]), (&json!(state), &json!(alice.id)));
        assert!(shown["decided_at"].is_string() && shown["decided_at"] == answered["decided_at"], "{shown}");
        let said = reply(&mut socket, &robin).await.0;
        assert!(said["body"]["text"].as_str().unwrap().contains(heard), "{said}");
        let late = alice.client.post(&path, json!({"approve": !approve})).await.unwrap();
        assert_eq!(late.status, 409);
    }
    let settings = json!({"settings": {"tools": tools, "approval_seconds": 1}});
    acme.owner.patch(&format!("/v1/admin/agents/{robin}"), settings).await.unwrap().with(200).unwrap();
    alice.client.send(&conversation, "k3", "k3").await.unwrap().with(201).unwrap();
    let question = question(&mut socket, &robin).await;
    let shown = over(&mut socket, &alice.client, &conversation, &question).await;
    assert_eq!((&shown["state"], shown["by"].is_null()), (&json!("expired"), true));
    let said = reply(&mut socket, &robin).await.0;
    assert!(said["body"]["text"].as_str().unwrap().contains("nobody approved the call in time"), "{said}");
    let path =
        format!("/v1/conversations/{conversation}/approvals/{}", question["body"]["json"]["id"].as_str().unwrap());
    let late = alice.client.post(&path, json!({"approve": true})).await.unwrap();
    assert_eq!(late.status, 409);
    host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_server_on_the_network_is_called_where_the_operator_allows_it_and_leaves_a_trace() {
    let Some(script) = servers::everything_server() else { return };
    let (_process, url) = servers::everything_over_http(&script).unwrap();
    let address = url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let model = Model::start(|prompt| match last(prompt, "tool") {
        "" => vec![Said::Call("every__echo".into(), json!({"message": "by way of HTTP"}))],
        told => Said::words(&format!("It came back: {told}")),
    });
    let model = model.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &format!("[agents]\ntool_hosts = [{address:?}]\n")).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    set_model(&host, &model).await;
    let server = |url: &str| json!({"transport": {"type": "http", "url": url}, "token": "token-of-acme"});
    let private = acme.owner.put("/v1/admin/tools/other", server("http://127.0.0.1:1/mcp")).await.unwrap();
    assert_eq!((private.status, private.code()), (422, "invalid"), "{}", private.body);
    let set = acme.owner.put("/v1/admin/tools/every", server(&url)).await.unwrap().with(200).unwrap();
    assert!(set["has_token"] == true && !set.to_string().contains("token-of-acme"), "{set}");
    let offered = acme.owner.get("/v1/admin/tools/every/offered").await.unwrap().with(200).unwrap();
    assert!(offered["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "echo"), "{offered}");
    let robin = assistant(&acme, json!({"tools": [{"server": "every", "tool": "echo"}]})).await;
    let alice = acme.person(0).unwrap();
    let direct = tenant::begin(&alice.client, json!({"kind": "direct", "members": [robin]})).await.unwrap();
    let mut socket = alice.client.connect(json!({})).await.unwrap();
    alice.client.send(&direct, "k", "Say it back.").await.unwrap().with(201).unwrap();
    let said = reply(&mut socket, &robin).await.0;
    assert!(said["body"]["text"].as_str().unwrap().contains("by way of HTTP"), "{said}");
    let granted = model.asked()[0]["tools"].as_array().unwrap().len();
    assert_eq!(granted, 1, "the model is offered what is granted, and no more");
    let audit = acme.owner.get("/v1/admin/audit?limit=200").await.unwrap().with(200).unwrap();
    let called = audit["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "agent.tool.call");
    let called = called.unwrap().to_string();
    assert!(called.contains("message") && called.contains("by way of HTTP") && called.contains("answered"), "{called}");
    host.stop().unwrap();
}
