//! The streams as they come from the stand-in itself.

use anyhow::{Result, ensure};
use futures::StreamExt as _;
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::{Shape, millis, now, tokens};

/// Milliseconds from the sending of each token to its reading.
pub(crate) async fn run(base: &str, shape: Shape) -> Result<Vec<f64>> {
    let client = reqwest::Client::new();
    let streams = (0..shape.replies).map(|_| {
        let (client, url) = (client.clone(), format!("{base}/chat/completions"));
        tokio::spawn(read(client, url))
    });
    let mut all = Vec::new();
    for read in try_join_all(streams).await? {
        all.extend(read?);
    }
    ensure!(all.len() >= shape.replies * shape.tokens / 2, "only {} tokens came", all.len());
    Ok(all)
}

async fn read(client: reqwest::Client, url: String) -> Result<Vec<f64>> {
    let prompt = json!({"model": "stand-in", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let mut stream = client.post(url).json(&prompt).send().await?.error_for_status()?.bytes_stream();
    let (mut pending, mut latencies) = (String::new(), Vec::new());
    while let Some(bytes) = stream.next().await {
        let at = now();
        pending.push_str(&String::from_utf8_lossy(&bytes?));
        while let Some(end) = pending.find("\n\n") {
            let event: String = pending.drain(..end + 2).collect();
            let Some(data) = event.trim().strip_prefix("data: ") else { continue };
            let Ok(chunk) = serde_json::from_str::<Value>(data) else { continue };
            let text = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or_default();
            latencies.extend(tokens(text).map(|sent| millis(sent, at)));
        }
    }
    Ok(latencies)
}
