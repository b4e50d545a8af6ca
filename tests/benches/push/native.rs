//! The native sender: the same requests, written and signed by native code, over at most four HTTP/2
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::task::JoinSet;

use crate::provider::Provider;
use crate::report::Measured;
use warbler_benches::process;

/// Connections, and requests under way on each: as many as the host has.
const CONNECTIONS: usize = 4;
const WINDOW: usize = 32;

/// What a webhook of the plugin says; the words are those of the bench.
fn body(number: u64) -> Vec<u8> {
    let body = json!({
        "type": "notification",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {
            "id": format!("019c0000-0000-7000-8000-{number:012x}"),
            "endpoint": "019c0000-0000-7000-8000-000000000001",
            "address": {"person": number},
            "locale": "en",
            "title": "Speaker in Group 1",
            "body": "The quick brown fox jumps over the lazy dog.",
            "conversation": "019c0000-0000-7000-8000-000000000002",
            "collapse_key": "019c0000000070008000000000000002",
            "badge": number % 1_000,
            "urgency": "normal",
            "expires_at": "2026-01-02T00:00:00Z",
            "secret": false,
        },
    });
    body.to_string().into_bytes()
}

/// One signed request (Standard Webhooks, version 1).
async fn send(client: &reqwest::Client, url: &str, key: &hmac::Key, number: u64) -> Result<()> {
    let (id, body) = (number.to_string(), body(number));
    let mut signer = hmac::Context::with_key(key);
    signer.update(format!("{id}.1767225600.").as_bytes());
    signer.update(&body);
    let signature = format!("v1,{}", STANDARD.encode(signer.sign()));
    let request = client.post(url).header("content-type", "application/json").header("webhook-id", id);
    let request = request.header("webhook-timestamp", "1767225600").header("webhook-signature", signature);
    request.body(body).send().await?;
    Ok(())
}

pub(crate) async fn run(provider: &Provider, count: u64) -> Result<Measured> {
    let (connections, own) = (provider.connections(), std::process::id());
    let cpu = process::cpu_seconds(own)?;
    let url = format!("https://{}/push", provider.address());
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of thirty-two bytes, or so");
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let root = reqwest::Certificate::from_der(&provider.certificate)?;
        let client = reqwest::Client::builder().tls_certs_only([root]).build()?;
        // The first goes ahead, so that the others find its connection.
        send(&client, &url, &key, 0).await?;
        next.fetch_add(1, Ordering::Relaxed);
        for _ in 0..WINDOW {
            let (client, url, key, next) = (client.clone(), url.clone(), key.clone(), Arc::clone(&next));
            senders.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    send(&client, &url, &key, number).await?;
                }
                anyhow::Ok(())
            });
        }
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(Measured {
        count,
        seconds: began.elapsed().as_secs_f64(),
        // The provider runs in this process: its share is in it, too.
        cpu_seconds: process::cpu_seconds(own)? - cpu,
        private_bytes: process::private_bytes(own)?,
        connections: provider.connections() - connections,
    })
}
