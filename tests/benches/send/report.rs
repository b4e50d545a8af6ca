//! The table, the ratios, and the file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use warbler_benches::process;

use crate::load::{Measured, Shape};

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) shape: Shape,
    pub(crate) window: usize,
    pub(crate) filters: bool,
}

/// All rounds of all cases.
pub(crate) struct Report {
    rounds: BTreeMap<Case, Vec<Measured>>,
    load_before: String,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { rounds: BTreeMap::new(), load_before: process::load_average() }
    }

    pub(crate) fn add(&mut self, case: Case, measured: Measured) {
        self.rounds.entry(case).or_default().push(measured);
    }

    /// The round with the median rate.
    fn median(&self, case: Case) -> Option<Measured> {
        let mut rounds = self.rounds.get(&case)?.clone();
        rounds.sort_by(|a, b| a.acknowledged_per_second().total_cmp(&b.acknowledged_per_second()));
        rounds.get(rounds.len() / 2).copied()
    }

    /// The rate with filters over the rate without.
    fn filters_ratio(&self, shape: Shape, window: usize) -> Option<f64> {
        let rate = |filters| self.median(Case { shape, window, filters }).map(|it| it.acknowledged_per_second());
        Some(rate(true)? / rate(false)?)
    }

    pub(crate) fn print(&self) {
        println!("\nshape   window  filters  acked/s  deliveries/s  p50 ms  p99 ms  host CPU s per 100,000");
        for case in self.rounds.keys() {
            let Some(it) = self.median(*case) else { continue };
            println!(
                "{:7} {:6}  {:7}  {:7.0}  {:12.0}  {:6.2}  {:6.2}  {:22.2}",
                format!("{:?}", case.shape),
                case.window,
                if case.filters { "on" } else { "off" },
                it.acknowledged_per_second(),
                it.deliveries_per_second(),
                it.p50_ms,
                it.p99_ms,
                it.host_cpu_per_100_000(),
            );
        }
        for (shape, window) in crate::CASES {
            if let Some(ratio) = self.filters_ratio(shape, window) {
                println!("filters on / off, {shape:?} window {window}: {ratio:.3}");
            }
        }
        println!("load average before and after: {}, {}", self.load_before, process::load_average());
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut cases = Vec::new();
        for case in self.rounds.keys() {
            let Some(it) = self.median(*case) else { continue };
            cases.push(json!({
                "shape": format!("{:?}", case.shape).to_lowercase(),
                "window": case.window,
                "filters": case.filters,
                "acknowledged_per_second": it.acknowledged_per_second(),
                "deliveries_per_second": it.deliveries_per_second(),
                "p50_ms": it.p50_ms,
                "p99_ms": it.p99_ms,
                "host_cpu_seconds_per_100_000": it.host_cpu_per_100_000(),
            }));
        }
        let ratio = |shape, window| self.filters_ratio(shape, window);
        let report = json!({
            "cases": cases,
            "ratios": {
                "pairs_1_filters": ratio(Shape::Pairs, 1),
                "pairs_16_filters": ratio(Shape::Pairs, 16),
                "group_1_filters": ratio(Shape::Group, 1),
                "group_16_filters": ratio(Shape::Group, 16),
            },
            "load_average": [self.load_before, process::load_average()],
        });
        Ok(std::fs::write(file, serde_json::to_vec_pretty(&report)?)?)
    }
}
