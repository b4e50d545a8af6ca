//! A crash: the host is killed while messages come in, started again, and has lost nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::JoinSet;
use warbler_tests::client::Client;
use warbler_tests::host::Host;
use warbler_tests::tenant::Tenant;

use super::{list, shown};
use crate::play::Play;
use crate::world::ACME;

/// Senders at the time of the crash.
const SENDERS: usize = 8;

/// Acknowledged messages before the host is killed.
const ENOUGH: usize = 200;

/// Texts by place, as they were acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<u64, String>>>;

pub(super) async fn play(play: &mut Play, host: Host, acme: &Tenant) -> Result<()> {
    play.step("Kill the host while messages come in, and start it again");
    let conversation = acme.direct(0, 1).await?;
    let acknowledged = Acknowledged::default();
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        let client = acme.person(number % 2)?.client.clone();
        senders.spawn(send(client, conversation.clone(), number, Arc::clone(&acknowledged)));
    }
    while count(&acknowledged) < ENOUGH {
        tokio::task::yield_now().await;
        ensure!(senders.try_join_next().is_none(), "a sender ended before the crash");
    }
    let folder = host.folder().to_owned();
    host.kill()?;
    senders.shutdown().await;
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
    play.saw(format!("SIGKILL after {} acknowledged messages", acknowledged.len()));

    let host = Host::start(&folder, "")?;
    let acme = Tenant::sign_in(&host, "acme", &ACME).await?;
    let found = history(&acme.person(1)?.client, &conversation).await?;
    for (sequence, text) in &acknowledged {
        let kept = found.get(sequence).with_context(|| format!("the message at place {sequence} is lost"))?;
        ensure!(kept == text, "place {sequence} holds {kept:?} instead of {text:?}");
    }
    play.saw(format!("after the restart: all {} are there, each in its place", acknowledged.len()));
    let sent = acme.person(0)?.client.send(&conversation, "after-restart", "damn").await?.with(201)?;
    ensure!(shown(&sent["message"]) == "****", "the filters are not back: {sent}");
    play.saw("the filters are back as well");
    host.stop()?;
    play.saw("and asked to stop, the host drains and ends");
    Ok(())
}

fn count(acknowledged: &Acknowledged) -> usize {
    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Sends until the host is gone.
async fn send(client: Client, conversation: String, number: usize, acknowledged: Acknowledged) {
    for count in 0.. {
        let text = format!("message {count} of sender {number}");
        let Ok(answer) = client.send(&conversation, &format!("{number}-{count}"), &text).await else { return };
        let Some(sequence) = answer.body["message"]["sequence"].as_u64().filter(|_| answer.status == 201) else {
            continue;
        };
        acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence, text);
    }
}

/// The whole history, by place.
async fn history(client: &Client, conversation: &str) -> Result<BTreeMap<u64, String>> {
    let mut found = BTreeMap::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/conversations/{conversation}/messages?after={after}&limit=100");
        let page = client.get(&path).await?.with(200)?;
        let messages = list(&page, "messages");
        let Some(last) = messages.last().and_then(|message| message["sequence"].as_u64()) else { return Ok(found) };
        let place = |message: &Value| Some((message["sequence"].as_u64()?, shown(message).to_owned()));
        found.extend(messages.iter().filter_map(place));
        after = last;
    }
}
