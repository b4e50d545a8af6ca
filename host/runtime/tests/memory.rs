//! What an installation costs that nobody calls. In a process of its own, because it measures that process.

#![allow(unreachable_pub, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

#[path = "../../../tests/src/guests.rs"]
mod guests;
#[path = "runtime/harness.rs"]
mod harness;

use std::time::Duration;

use warbler_runtime::Runtime;

use crate::harness::{options, plan};

/// Memory that is this process's alone, in KiB.
fn private() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn an_idle_installation_takes_at_most_64_kib() {
    const MANY: u64 = 200;
    let folder = tempfile::TempDir::new().unwrap();
    let mut options = options();
    options.cache = Some(folder.path().into());
    options.pool.instances = 400;
    let runtime = Runtime::new(options).unwrap();
    // What the first one takes is taken once: its code is mapped, and the engine has come to work.
    let mut plugins = vec![plan("configured").load(&runtime).await];
    let before = private();
    for _ in 0..MANY {
        plugins.push(plan("configured").load(&runtime).await);
    }
    for plugin in &plugins {
        plugin.held("hello").await;
    }
    let called = private().saturating_sub(before) / MANY;
    runtime.evict_idle(Duration::ZERO);
    let idle = private().saturating_sub(before) / MANY;
    println!("after a call {called} KiB each, with no instance left {idle} KiB each");
    assert!(called <= 64, "{called} KiB each with an instance that was called");
    assert!(idle <= 64, "{idle} KiB each without an instance");
}
