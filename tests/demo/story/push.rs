//! Somebody is away: their browser is told, a dead address is forgotten, and everybody can read why.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use warbler_tests::client::text;
use warbler_tests::tenant::Tenant;
use warbler_tests::web_push::WebPushReceiver;

use super::list;
use crate::play::Play;

/// A key of nobody's: that of the example in RFC 8291.
const VAPID_KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";

pub(super) async fn play(play: &mut Play, acme: &Tenant, browser: &WebPushReceiver) -> Result<()> {
    play.step("Notifications for somebody who is away");
    let config = json!({"subject": "mailto:push@example.com", "push_service": browser.origin()});
    let extra = json!({"config": config, "secrets": {"vapid_key": VAPID_KEY}});
    acme.install_bundled("push-webpush", extra).await?;
    let (alice, bob) = (&acme.person(0)?.client, &acme.person(1)?.client);
    let device = json!({"kind": "web-push", "address": browser.subscription()});
    bob.post("/v1/push-endpoints", device).await?.with(201)?;
    let conversation = acme.direct(0, 1).await?;
    let sent = alice.send(&conversation, "while-away", "晚上一起吃饭吗？").await?.with(201)?;
    let message = text(&sent["message"], "id")?.to_owned();
    let received = browser.wait_for(1).await?;
    let told = received.last().context("nothing was received")?;
    ensure!(told["body"] == "晚上一起吃饭吗？", "the browser opened something else: {told}");
    play.saw(format!("Bob's browser opened {} from {}, badge {}", told["body"], told["title"], told["badge"]));
    tell(play, bob, &message, "accepted").await?;

    let mute = format!("/v1/conversations/{conversation}/notifications");
    bob.patch(&mute, json!({"level": "none"})).await?.with(200)?;
    let sent = alice.send(&conversation, "muted", "还在吗？").await?.with(201)?;
    tell(play, bob, text(&sent["message"], "id")?, "not-sent").await?;
    bob.patch(&mute, json!({"level": "all"})).await?.with(200)?;

    browser.expire();
    let sent = alice.send(&conversation, "dead", "还在吗？？").await?.with(201)?;
    tell(play, bob, text(&sent["message"], "id")?, "gone").await?;
    let devices = bob.get("/v1/push-endpoints").await?.with(200)?;
    ensure!(list(&devices, "endpoints").is_empty(), "a dead address is still there: {devices}");
    let overview = acme.owner.get("/v1/admin/push").await?.with(200)?;
    let health = list(&overview, "providers").first().cloned().unwrap_or_default();
    play.saw(format!(
        "the subscription ended: the address is forgotten (accepted {}, gone {})",
        health["accepted"], health["gone"]
    ));
    Ok(())
}

/// Prints the story of a message once it has come to `step`.
async fn tell(play: &Play, of: &warbler_tests::client::Client, message: &str, step: &str) -> Result<()> {
    // A story is written a moment after what it tells of.
    for _ in 0..1_000 {
        let story: Value = of.get(&format!("/v1/push/story?message={message}")).await?.with(200)?;
        let notes = list(&story, "notes");
        if notes.last().is_some_and(|note| note["step"] == step) {
            for note in notes {
                play.saw(format!("the story of this message: {note}"));
            }
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    anyhow::bail!("the story of {message} never came to {step}")
}
