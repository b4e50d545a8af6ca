//! Agents: an answer that grows, filtered and with its source; a tool that is called after a person said yes; and a
//! customer who gets a person.
//!
//! What a model would say is said by a stand-in, so that the story can check it; where a real small model is
//! installed, it answers, too.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use warbler_tests::client::{Socket, text};
use warbler_tests::host::Host;
use warbler_tests::model::{Model, Said, last};
use warbler_tests::servers::{ModelServer, time_server};
use warbler_tests::tenant::{self, Tenant};

use super::list;
use crate::play::Play;

/// A document of the enterprise.
const HANDBOOK: &str = "# Opening hours\n\nThe shop opens at nine in the morning and closes at six.\n";

/// What a tool is asked.
const NOON: &str = "What time is it in Shanghai at noon UTC?";

/// Lets the host start the tool server of the story, where it is installed.
pub(super) fn config() -> String {
    let programs: Vec<String> = time_server().iter().map(|program| program.display().to_string()).collect();
    format!("[agents]\ntool_programs = {}\n", json!(programs))
}

pub(super) async fn play(play: &mut Play, host: &Host, acme: &Tenant) -> Result<()> {
    play.step("Enable an agent: a model, a document, a tool, and rules");
    let model = Model::start(speak).await?;
    play.saw("A STAND-IN SPEAKS FOR THE MODEL, so that what it says can be checked");
    let body = json!({"name": "house", "base_url": model.base(), "key": "sk-demo", "model": "m", "default": true});
    let set = host.operator().post("/v1/operator/models", body).await?.with(200)?;
    ensure!(set["has_key"] == true && !set.to_string().contains("sk-demo"), "the key of a model is shown: {set}");
    let upload = acme.owner.upload("/v1/admin/knowledge?title=Handbook", "text/markdown", HANDBOOK.as_bytes()).await?;
    let document = upload.with(201)?;
    let has_tool = set_tool(acme).await?;
    let installed = acme.install_bundled("assistant", json!({"config": {"min_score": 0.0}})).await?;
    let tools = if has_tool { json!([{"server": "clock", "ask": true}]) } else { json!([]) };
    let settings = json!({"tools": tools, "tokens_per_day": 100_000});
    let robin = agent(acme, "Robin", text(&installed["plugin"], "id")?, settings).await?;
    play.saw(format!("Robin answers by the model \"house\", from {} piece(s) of the handbook", document["chunks"]));

    let alice = acme.person(0)?;
    let support = json!({"kind": "support", "title": "Opening hours", "members": [robin]});
    let conversation = tenant::begin(&alice.client, support).await?;
    let mut socket = alice.client.connect(json!({})).await?;
    play.step("A customer asks, and the answer grows: filtered, with its source");
    alice.client.send(&conversation, "agent-1", "When does the shop open?").await?.with(201)?;
    let (said, grown) = reply(&mut socket, &robin).await?;
    ensure!(!grown.is_empty(), "the reply did not grow");
    ensure!(grown.iter().all(|state| !state.contains("damn")), "a masked word was seen while it grew: {grown:?}");
    ensure!(!said.contains("damn") && said.contains("nine"), "not filtered: {said}");
    ensure!(said.contains("Handbook"), "no source is cited: {said}");
    play.saw(format!("{} state(s) on the way to: {}", grown.len(), said.replace('\n', " ")));

    if has_tool {
        use_tool(play, acme, &conversation, &mut socket, &robin).await?;
    }
    hand_over(play, acme, &conversation, &mut socket, &robin).await?;
    real(play, host, acme, text(&installed["plugin"], "id")?).await
}

/// What the stand-in says.
fn speak(prompt: &Value) -> Vec<Said> {
    if last(prompt, "user").contains("Customer:") {
        return Said::words("The customer asked about opening hours and wants a person.");
    }
    let tools = prompt.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let has_answer = !last(prompt, "tool").is_empty();
    if last(prompt, "user").contains(NOON) && !tools.is_empty() && !has_answer {
        let name = "clock__convert_time".to_owned();
        let asked = json!({"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Shanghai"});
        return vec![Said::Call(name, asked)];
    }
    if has_answer {
        return Said::words("It is eight in the evening there: 20:00.");
    }
    Said::words("The damn shop opens at nine in the morning [1].")
}

async fn set_tool(acme: &Tenant) -> Result<bool> {
    let Some(program) = time_server() else { return Ok(false) };
    let path = std::env::var("PATH").unwrap_or_default();
    let transport = json!({"type": "stdio", "command": program, "environment": {"PATH": path}});
    let server = json!({"transport": transport, "timeout_ms": 60_000});
    acme.owner.put("/v1/admin/tools/clock", server).await?.with(200)?;
    let shell = json!({"transport": {"type": "stdio", "command": "/bin/sh"}});
    let refused = acme.owner.put("/v1/admin/tools/shell", shell).await?;
    ensure!(refused.status == 422 || refused.status == 400, "any program may be started: {refused:?}");
    Ok(true)
}

async fn agent(acme: &Tenant, name: &str, installation: &str, settings: Value) -> Result<String> {
    let body = json!({"name": name, "installation": installation, "settings": settings});
    let made = acme.owner.post("/v1/admin/agents", body).await?.with(201)?;
    Ok(text(made.get("member").context("no member")?, "id")?.to_owned())
}

/// The next text that `from` posts, and the states in which people saw it grow.
async fn reply(socket: &mut Socket, from: &str) -> Result<(String, Vec<String>)> {
    let mut grown = Vec::new();
    loop {
        let frame = socket.next().await?;
        match frame["op"].as_str() {
            Some("reply") => grown.push(frame["text"].as_str().unwrap_or_default().to_owned()),
            Some("message") if frame["message"]["sender"] == from && frame["message"]["body"]["type"] == "text" => {
                return Ok((frame["message"]["body"]["text"].as_str().unwrap_or_default().to_owned(), grown));
            }
            _ => {}
        }
    }
}

async fn use_tool(play: &mut Play, acme: &Tenant, conversation: &str, socket: &mut Socket, robin: &str) -> Result<()> {
    play.step("The agent wants to call a tool, and a person says yes");
    let alice = acme.person(0)?;
    alice.client.send(conversation, "agent-2", NOON).await?.with(201)?;
    let question = loop {
        let frame = socket.until("message").await?;
        if frame["message"]["body"]["type"] == "custom" && frame["message"]["sender"] == robin {
            break frame["message"]["body"].clone();
        }
    };
    let asked = question.get("json").context("the question has no content")?;
    play.saw(format!("Robin asks: may I call {} with {}?", asked["tool"], asked["arguments"]));
    let path = format!("/v1/conversations/{conversation}/approvals/{}", text(asked, "id")?);
    let answered = alice.client.post(&path, json!({"approve": true})).await?.with(200)?;
    ensure!(answered["state"] == "approved", "{answered}");
    let edited = socket.until("changed").await?;
    let shown = &edited["change"]["body"]["json"];
    ensure!(shown["state"] == "approved" && shown["by"] == json!(alice.id), "the answer is not shown: {edited}");
    play.saw("the question shows to everybody that Alice approved it, and when");
    let (said, _) = reply(socket, robin).await?;
    ensure!(said.contains("20:00"), "the tool's answer is not in the reply: {said}");
    play.saw(format!("Alice approves; mcp-server-time answers; Robin: {said}"));
    let audit = acme.owner.get("/v1/admin/audit?limit=200").await?.with(200)?;
    let called = list(&audit, "entries").iter().any(|entry| entry["action"] == "agent.tool.call");
    ensure!(called, "the call is not in the audit log");
    play.saw("the call, its arguments and its result are in the audit log");
    Ok(())
}

async fn hand_over(play: &mut Play, acme: &Tenant, conversation: &str, socket: &mut Socket, robin: &str) -> Result<()> {
    play.step("The customer wants a person, and gets one who knows what it is about");
    let (alice, bob) = (acme.person(0)?, acme.person(1)?);
    alice.client.send(conversation, "agent-3", "I want to talk to a person, please").await?.with(201)?;
    while socket.until("changed").await?["change"]["state"] != "waiting" {}
    let queue = bob.client.get("/v1/support/queue?state=waiting").await?.with(200)?;
    let case = list(&queue, "conversations").first().context("nobody waits")?.clone();
    play.saw(format!("in the queue, with a note: {}", text(&case, "note")?.replace('\n', " · ")));
    let path = format!("/v1/conversations/{conversation}/support/claim");
    let claimed = bob.client.post(&path, json!({})).await?.with(200)?;
    ensure!(claimed["state"] == "person", "{claimed}");
    play.saw(format!("Bob takes it, after {} ms of waiting", claimed["waited_ms"]));
    alice.client.send(conversation, "agent-4", "When does the shop open?").await?.with(201)?;
    bob.client.send(conversation, "agent-5", "At nine, Alice.").await?.with(201)?;
    let before = replies(acme, conversation, robin).await?;
    let path = format!("/v1/conversations/{conversation}/support/release");
    bob.client.post(&path, json!({"to": "agent"})).await?.with(200)?;
    alice.client.send(conversation, "agent-6", "And when does the shop open?").await?.with(201)?;
    reply(socket, robin).await?;
    let after = replies(acme, conversation, robin).await?;
    ensure!(after == before + 1, "the agent spoke while a person had the conversation");
    play.saw("Robin was silent while Bob had it, and answers again after he gave it back");
    Ok(())
}

async fn replies(acme: &Tenant, conversation: &str, robin: &str) -> Result<usize> {
    let path = format!("/v1/conversations/{conversation}/messages?limit=100");
    let page = acme.person(0)?.client.get(&path).await?.with(200)?;
    Ok(list(&page, "messages").iter().filter(|message| message["sender"] == robin).count())
}

/// An answer of a real model, where there is one: that it comes, not what it says.
async fn real(play: &mut Play, host: &Host, acme: &Tenant, installation: &str) -> Result<()> {
    play.step("A real small model answers");
    let Some(server) = ModelServer::start()? else {
        play.saw("SKIPPED: no real model is installed here; `cargo xtask setup` fetches one where it can be had");
        return Ok(());
    };
    let limits = json!({"first_byte_ms": 300_000, "pause_ms": 300_000, "whole_ms": 600_000, "max_tokens": 48});
    let body = json!({"name": "small", "base_url": server.url, "model": "small", "limits": limits});
    host.operator().post("/v1/operator/models", body).await?.with(200)?;
    let wren = agent(acme, "Wren", installation, json!({"model": "small", "knowledge": false})).await?;
    let alice = acme.person(0)?;
    let conversation = tenant::begin(&alice.client, json!({"kind": "direct", "members": [wren]})).await?;
    let mut socket = alice.client.connect(json!({})).await?;
    alice.client.send(&conversation, "agent-real", "Say hello in one short sentence.").await?.with(201)?;
    let answered = tokio::time::timeout(Duration::from_mins(5), reply(&mut socket, &wren)).await;
    let (said, grown) = answered.context("the real model did not answer")??;
    ensure!(!said.trim().is_empty(), "the real model said nothing");
    play.saw(format!("{} state(s) on the way to: {}", grown.len(), said.replace('\n', " ")));
    Ok(())
}
