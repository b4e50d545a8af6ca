//! Figures for people and programs.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use warbler_benches::process;

/// What was measured of one way.
pub(crate) struct Measured {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) private_bytes: u64,
    pub(crate) connections: u64,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.count as f64 / self.seconds
    }
}

/// All ways.
#[derive(Default)]
pub(crate) struct Report(Vec<(&'static str, Measured)>);

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, measured: Measured) {
        self.0.push((name, measured));
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{:10} {:>9} {:>10} {:>12} {:>10} {:>12}",
            "", "count", "per second", "CPU s/100k", "MiB", "connections"
        );
        for (name, it) in &self.0 {
            let cpu = it.cpu_seconds * 100_000.0 / it.count as f64;
            let memory = it.private_bytes as f64 / f64::from(1 << 20);
            let rate = it.per_second();
            println!("{name:10} {:>9} {rate:>10.0} {cpu:>12.1} {memory:>10.0} {:>12}", it.count, it.connections);
        }
        println!("load average {}", process::load_average());
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let rate = |name: &str| self.0.iter().find(|(of, _)| *of == name).map_or(0.0, |(_, it)| it.per_second());
        let ways: Vec<_> = self
            .0
            .iter()
            .map(|(name, it)| {
                json!({
                    "way": name, "count": it.count, "per_second": it.per_second(), "cpu_seconds": it.cpu_seconds,
                    "private_bytes": it.private_bytes, "connections": it.connections,
                })
            })
            .collect();
        let ratios = json!({
            "webhook_to_native": rate("webhook") / rate("native"),
            "web_push_to_native": rate("web-push") / rate("native"),
        });
        Ok(std::fs::write(file, serde_json::to_string_pretty(&json!({"ways": ways, "ratios": ratios}))?)?)
    }
}
