//! What a reply costs that waits for its model. In a process of its own, because it measures that process.

#![allow(unreachable_pub, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

#[path = "../../../tests/src/guests.rs"]
mod guests;
#[path = "runtime/harness.rs"]
mod harness;
#[path = "runtime/room.rs"]
mod room;

use std::sync::Arc;

use warbler_domain::ByteSize;
use warbler_runtime::{Pool, Runtime};

use crate::harness::{message, options};
use crate::room::{Room, SlowModels, agent, has_spoken, lend, load};

/// Memory that is this process's alone, in KiB.
fn private() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_reply_that_waits_takes_at_most_400_kib() {
    const MANY: usize = 200;
    let mut options = options();
    options.pool = Pool { instances: 500, memory: ByteSize::mib(128) };
    let runtime = Runtime::new(options).unwrap();
    let it = load(agent("model"), &runtime).await;
    let (room, models) = (Arc::new(Room::default()), SlowModels::new());
    let begin = || {
        let (agent, context) = (Arc::clone(&it.agent), lend(&room, Arc::clone(&models) as _));
        tokio::spawn(async move { agent.reply(&message("hello"), &context).await })
    };
    // What the first one takes is taken once.
    let mut replies = vec![begin()];
    has_spoken(&room, 1).await;
    let before = private();
    replies.extend((0..MANY).map(|_| begin()));
    has_spoken(&room, 1 + MANY).await;
    let each = private().saturating_sub(before) / MANY as u64;
    println!("{each} KiB for each reply that waits");
    assert!(each <= 400, "{each} KiB for each reply that waits");
    models.gate.add_permits(2 * (1 + MANY));
    for reply in replies {
        reply.await.unwrap().unwrap();
    }
}
