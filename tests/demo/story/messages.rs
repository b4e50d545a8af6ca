//! What becomes of messages: delivered, masked, warned of, held and approved, rejected; and what
//! another tenant sees of all that.

use anyhow::{Result, ensure};
use serde_json::json;
use warbler_tests::client::{Socket, text};

use super::{list, shown};
use crate::play::Play;
use warbler_tests::tenant::Tenant;

pub(super) async fn play(play: &mut Play, acme: &Tenant, qingmu: &Tenant) -> Result<()> {
    let conversation = acme.direct(0, 1).await?;
    let mut bob = acme.person(1)?.client.connect(json!({})).await?;

    delivered(play, acme, &conversation, &mut bob).await?;
    masked(play, acme, &conversation, &mut bob).await?;
    warned(play, acme, &conversation, &mut bob).await?;
    held(play, acme, &conversation, &mut bob).await?;
    rejected(play, acme, &conversation).await?;
    apart(play, acme, qingmu, &conversation).await
}

async fn delivered(play: &mut Play, acme: &Tenant, conversation: &str, bob: &mut Socket) -> Result<()> {
    play.step("Alice writes to Bob, who is connected");
    let alice = &acme.person(0)?.client;
    let sent = alice.send(conversation, "hello", "Hello Bob, 你好!").await?.with(201)?;
    let got = bob.until("message").await?;
    ensure!(got["message"]["id"] == sent["message"]["id"], "another message arrived: {got}");
    play.saw(format!("delivered live at place {}: {:?}", got["message"]["sequence"], shown(&got["message"])));
    let again = alice.send(conversation, "hello", "Hello Bob, 你好!").await?.with(201)?;
    ensure!(again["message"]["id"] == sent["message"]["id"], "the repeated send made another message");
    play.saw("sent again under the same key: the same message, not a second one");
    let other = alice.send(conversation, "hello", "something else").await?;
    ensure!(other.status == 409 && other.code() == "key-reused", "{other:?}");
    play.saw("the same key for another text: refused as key-reused");
    Ok(())
}

async fn masked(play: &mut Play, acme: &Tenant, conversation: &str, bob: &mut Socket) -> Result<()> {
    play.step("A word that Acme masks, written in disguise");
    let alice = &acme.person(0)?.client;
    alice.send(conversation, "mask", "This d\u{200b}a.m.n printer is broken again").await?.with(201)?;
    let got = bob.until("message").await?;
    let seen = shown(&got["message"]);
    ensure!(seen.contains('*') && seen.ends_with(" printer is broken again"), "not masked: {seen:?}");
    play.saw(format!("Bob reads {seen:?}"));
    Ok(())
}

async fn warned(play: &mut Play, acme: &Tenant, conversation: &str, bob: &mut Socket) -> Result<()> {
    play.step("A message that looks like fraud");
    let alice = &acme.person(0)?.client;
    let fraud = "Hi, I'm from customer service, please tell me the verification code you just received";
    alice.send(conversation, "fraud", fraud).await?.with(201)?;
    let got = bob.until("message").await?;
    let caution = &got["message"]["caution"];
    ensure!(caution["text"].is_string(), "delivered without a caution: {got}");
    play.saw(format!("delivered with a caution ({}): {}", caution["code"], caution["text"]));
    Ok(())
}

async fn held(play: &mut Play, acme: &Tenant, conversation: &str, bob: &mut Socket) -> Result<()> {
    play.step("A message that a moderator has to see first");
    let alice = &acme.person(0)?.client;
    let answer = alice.send(conversation, "held", "Have you heard about the layoffs?").await?.with(202)?;
    play.saw(format!("Alice is told that it is held: {answer}"));
    let moderator = &acme.person(2)?.client;
    let queue = moderator.get("/v1/admin/review").await?.with(200)?;
    let waiting = list(&queue, "held");
    ensure!(waiting.len() == 1, "the moderator sees {} held messages", waiting.len());
    let id = text(&waiting[0], "id")?;
    moderator.post(&format!("/v1/admin/review/{id}/approve"), json!({})).await?.with(200)?;
    let got = bob.until("message").await?;
    ensure!(shown(&got["message"]) == "Have you heard about the layoffs?", "another message: {got}");
    play.saw(format!("Mia approves it, and Bob gets it at place {}", got["message"]["sequence"]));
    Ok(())
}

async fn rejected(play: &mut Play, acme: &Tenant, conversation: &str) -> Result<()> {
    play.step("A message that Acme refuses");
    let answer = acme.person(0)?.client.send(conversation, "refused", "Here is the project-x blueprint").await?;
    ensure!(answer.status == 422 && answer.code() == "message-rejected", "{answer:?}");
    play.saw(format!("refused with the reason {}, may edit: {}", answer.body["reason"], answer.body["can_edit"]));
    let history = acme.person(1)?.client.get(&format!("/v1/conversations/{conversation}/messages")).await?.with(200)?;
    let leaked = list(&history, "messages").iter().any(|message| shown(message).contains("blueprint"));
    ensure!(!leaked, "the refused message is in the history");
    play.saw("it is not in the history");
    Ok(())
}

async fn apart(play: &mut Play, acme: &Tenant, qingmu: &Tenant, conversation: &str) -> Result<()> {
    play.step("The other enterprise tries to look in");
    let stranger = &qingmu.person(0)?.client;
    let real = stranger.get(&format!("/v1/conversations/{conversation}")).await?;
    let invented = stranger.get("/v1/conversations/0192d3c4-0000-7000-8000-000000000001").await?;
    ensure!(real.status == 404 && real.code() == invented.code(), "{real:?} {invented:?}");
    let direct = json!({"kind": "direct", "members": [acme.person(1)?.id]});
    let answer = stranger.post("/v1/conversations", direct).await?;
    ensure!(answer.status >= 400, "a conversation across tenants was made: {answer:?}");
    play.saw("Acme's conversation and people are answered as if they did not exist");
    Ok(())
}
