//! The table, and the file.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use warbler_benches::process;

use crate::runaway::{Guests, Lateness};

/// All figures.
pub(crate) struct Report {
    heartbeats: Vec<(Guests, Lateness)>,
    plugins: usize,
    bare_start_seconds: f64,
    start_seconds: f64,
    idle_installation_bytes: u64,
    idle_session_bytes: u64,
    load_before: String,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            heartbeats: Vec::new(),
            plugins: 0,
            bare_start_seconds: f64::NAN,
            start_seconds: f64::NAN,
            idle_installation_bytes: 0,
            idle_session_bytes: 0,
            load_before: process::load_average(),
        }
    }

    pub(crate) fn heartbeat(&mut self, guests: Guests, lateness: Lateness) {
        self.heartbeats.push((guests, lateness));
    }

    pub(crate) fn start(&mut self, plugins: usize, bare_seconds: f64, seconds: f64) {
        (self.plugins, self.bare_start_seconds, self.start_seconds) = (plugins, bare_seconds, seconds);
    }

    pub(crate) fn idle_installation(&mut self, bytes: u64) {
        self.idle_installation_bytes = bytes;
    }

    pub(crate) fn idle_session(&mut self, bytes: u64) {
        self.idle_session_bytes = bytes;
    }

    pub(crate) fn print(&self) {
        println!("\nheartbeat of 1 ms on two workers, four guests that never return   p50 ms  p99 ms  most ms");
        for (guests, late) in &self.heartbeats {
            let [p50, p99, most] = [late.p50, late.p99, late.most].map(|late| late.as_secs_f64() * 1e3);
            println!("{:64} {p50:7.2} {p99:7.2} {most:8.2}", format!("{guests:?}"));
        }
        println!("start with {} plugins from the cache: {:.2} s", self.plugins, self.start_seconds);
        println!("start without plugins: {:.2} s", self.bare_start_seconds);
        println!("an idle installation: {:.1} KiB of private memory", self.idle_installation_bytes as f64 / 1024.0);
        println!("an idle session: {:.1} KiB of private memory", self.idle_session_bytes as f64 / 1024.0);
        println!("load average before and after: {}, {}", self.load_before, process::load_average());
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let heartbeat = |(guests, late): &(Guests, Lateness)| {
            let [p50, p99, most] = [late.p50, late.p99, late.most].map(|late| late.as_secs_f64() * 1e3);
            json!({"guests": format!("{guests:?}"), "p50_ms": p50, "p99_ms": p99, "most_ms": most})
        };
        let report = json!({
            "heartbeats": self.heartbeats.iter().map(heartbeat).collect::<Vec<Value>>(),
            "plugins": self.plugins,
            "start_seconds": self.start_seconds,
            "bare_start_seconds": self.bare_start_seconds,
            "idle_installation_bytes": self.idle_installation_bytes,
            "idle_session_bytes": self.idle_session_bytes,
            "load_average": [self.load_before, process::load_average()],
        });
        Ok(std::fs::write(file, serde_json::to_vec_pretty(&report)?)?)
    }
}
