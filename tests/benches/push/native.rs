//! The native sender: the same number of requests of the same size, over at most four HTTP/2 connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::provider::Provider;
use crate::report::Measured;
use warbler_benches::process;

/// Connections, and requests under way on each: as many as the host has.
const CONNECTIONS: usize = 4;
const WINDOW: usize = 32;

/// The body of one notification, as a plugin writes it.
const BODY: usize = 520;

pub(crate) async fn run(provider: &Provider, count: u64) -> Result<Measured> {
    let (connections, own) = (provider.connections(), std::process::id());
    let cpu = process::cpu_seconds(own)?;
    let url = format!("https://{}/push", provider.address());
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let root = reqwest::Certificate::from_der(&provider.certificate)?;
        let client = reqwest::Client::builder().tls_certs_only([root]).build()?;
        // The first goes ahead, so that the others find its connection.
        client.post(&url).body(vec![b'x'; BODY]).send().await?;
        next.fetch_add(1, Ordering::Relaxed);
        for _ in 0..WINDOW {
            let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
            senders.spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    client.post(&url).body(vec![b'x'; BODY]).send().await?;
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
