//! The Extism contestant: answers each line `N` on its input with the nanoseconds per call of N calls.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use extism::{Manifest, Plugin, Wasm};
use serde_json::json;

fn main() -> Result<()> {
    let guest = std::env::args().nth(1).context("usage: bench-extism GUEST.wasm")?;
    let mut plugin = Plugin::new(Manifest::new([Wasm::data(std::fs::read(guest)?)]), [], false)?;
    plugin.call::<_, Vec<u8>>("init", serde_json::to_vec(&warbler_bench_words::words())?)?;
    let messages: Vec<_> = warbler_bench_words::messages();
    for line in std::io::stdin().lock().lines() {
        let calls: usize = line?.trim().parse().context("expected a number of calls")?;
        let began = Instant::now();
        for text in messages.iter().cycle().take(calls) {
            // What a host would have to send: the whole message, as JSON.
            let message = json!({
                "id": "0192d3c4-0000-7000-8000-000000000001",
                "conversation": "0192d3c4-0000-7000-8000-000000000002",
                "sender": {"id": "0192d3c4-0000-7000-8000-000000000003", "name": "", "role": "member"},
                "sent_at": 1_795_000_000_000_u64,
                "body": {"type": "text", "text": text},
            });
            let answer: Vec<u8> = plugin.call("check", serde_json::to_vec(&message)?)?;
            let _: serde_json::Value = serde_json::from_slice(&answer)?;
        }
        let nanos = began.elapsed().as_nanos() / calls.max(1) as u128;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{nanos}")?;
        out.flush()?;
    }
    Ok(())
}
