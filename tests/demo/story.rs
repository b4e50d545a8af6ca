//! The whole story, told through the public API as a client would live it. Every step checks what it
//! claims, and the first that does not hold ends the story with an error.

mod agents;
mod backup;
mod messages;
mod plugins;
mod push;
mod restart;

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;
use warbler_tests::client::text;
use warbler_tests::host::Host;
use warbler_tests::web_push::WebPushReceiver;

use crate::play::Play;
use crate::world;

/// Plays it in a temporary folder on a free port.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut play = Play::new();

    play.step("Start a host, and make two enterprises with their people and filters");
    let browser = WebPushReceiver::start().await?;
    let host = Host::start(folder.path(), &configuration(folder.path(), &browser))?;
    play.saw(format!("the host listens on {}", host.base()));
    let (acme, qingmu) = world::fill(&host).await?;
    for enterprise in [&acme, &qingmu] {
        let plugins = enterprise.owner.get("/v1/admin/plugins").await?.with(200)?;
        for plugin in list(&plugins, "plugins") {
            ensure!(text(plugin, "status")? == "active", "a plugin is not active: {plugin}");
        }
        let names: Vec<&str> = list(&plugins, "plugins").iter().filter_map(|it| it["plugin"].as_str()).collect();
        play.saw(format!("{}: {} people, filters {}", enterprise.slug, enterprise.people.len() + 1, names.join(", ")));
    }

    messages::play(&mut play, &acme, &qingmu).await?;
    agents::play(&mut play, &host, &acme).await?;
    plugins::play(&mut play, &acme).await?;
    backup::play(&mut play, folder.path(), &acme).await?;
    push::play(&mut play, &acme, &browser).await?;
    restart::play(&mut play, host, &acme).await?;
    play.end();
    Ok(())
}

/// What the story's plugins may reach on this machine.
fn configuration(folder: &Path, browser: &WebPushReceiver) -> String {
    let reachable = browser.origin().replacen("http://", "", 1);
    let allowed = format!("[plugins]\nallow_private_http = [\"{reachable}\"]\n");
    format!("{allowed}\n{}\n{}", backup::configuration(folder), agents::config())
}

/// The array under `name`, empty if there is none.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a message as it is shown.
fn shown(message: &Value) -> &str {
    message["body"]["text"].as_str().unwrap_or_default()
}
