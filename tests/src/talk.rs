//! Conversations with much in them, and the comparison of what stands there with what stood there.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::client::{Client, text};

/// Messages on their way at a time.
const AT_ONCE: usize = 16;

/// Limits that eager senders do not run into.
pub const LIMITS: &str = "[limits]\nmessages_burst = 1000000\nmessages_per_second = 1000000\n\
    sign_ins_burst = 10000\nsign_ins_per_second = 1000\n";

/// Messages of a conversation by their places, each as the API shows it.
pub type History = BTreeMap<u64, Value>;

/// Sends so many text messages in turns; all of them are acknowledged when this is through.
///
/// # Errors
/// The host refused one.
pub async fn say(clients: &[&Client], conversation: &str, about: &str, count: usize) -> Result<()> {
    stream::iter((0..count).zip(clients.iter().cycle()))
        .map(|(number, client)| async move {
            let said = format!("{about}, message {number}");
            client.send(conversation, &format!("{about}-{number}"), &said).await?.with(201)
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await
}

/// Sends a file, and gives its identifier.
///
/// # Errors
/// The host refused it.
pub async fn send_file(client: &Client, conversation: &str, name: &str, bytes: &[u8]) -> Result<String> {
    let path = format!("/v1/attachments?name={name}");
    let kept = client.upload(&path, "application/octet-stream", bytes).await?.with(201)?;
    let id = text(kept.get("attachment").context("no attachment")?, "id")?.to_owned();
    let body = json!({"key": name, "body": {"type": "file", "attachment": id}});
    client.post(&format!("/v1/conversations/{conversation}/messages"), body).await?.with(201)?;
    Ok(id)
}

/// Everything in a conversation, without the marks that a restore leaves.
///
/// # Errors
/// The host refused.
pub async fn history(client: &Client, conversation: &str) -> Result<History> {
    let (mut found, mut after) = (History::new(), 0);
    loop {
        let path = format!("/v1/conversations/{conversation}/messages?after={after}&limit=200");
        let page = client.get(&path).await?.with(200)?;
        for message in page.get("messages").and_then(Value::as_array).into_iter().flatten() {
            let mut message = message.clone();
            message.as_object_mut().context("no object")?.remove("restored_at");
            let place = message.get("sequence").and_then(Value::as_u64).context("no place")?;
            found.insert(place, message);
        }
        match page.get("last").and_then(Value::as_u64) {
            Some(last) if page.get("more").and_then(Value::as_bool) == Some(true) => after = last,
            _ => return Ok(found),
        }
    }
}

/// How many messages of a conversation have content.
#[must_use]
pub fn filled(history: &History) -> usize {
    history.values().filter(|message| message.get("body").is_some_and(|body| !body.is_null())).count()
}
