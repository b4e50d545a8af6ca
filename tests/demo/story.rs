//! The whole story, told through the public API as a client would live it. Every step checks what it
//! claims, and the first that does not hold ends the story with an error.

mod agents;
mod backup;
mod messages;
mod plugins;
mod restart;

use anyhow::{Result, ensure};
use serde_json::Value;
use warbler_tests::client::text;
use warbler_tests::host::Host;

use crate::play::Play;
use crate::world;

/// Plays it in a temporary folder on a free port.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut play = Play::new();

    play.step("Start a host, and make two enterprises with their people and filters");
    let configuration = format!("{}\n{}", backup::configuration(folder.path()), agents::config());
    let host = Host::start(folder.path(), &configuration)?;
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
    restart::play(&mut play, host, &acme).await?;
    play.end();
    Ok(())
}

/// The array under `name`, empty if there is none.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a message as it is shown.
fn shown(message: &Value) -> &str {
    message["body"]["text"].as_str().unwrap_or_default()
}
