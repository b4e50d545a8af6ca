//! The table, the ratios within each round, and the file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

/// What every round gave.
#[derive(Default)]
pub(crate) struct Report {
    round: BTreeMap<&'static str, f64>,
    rounds: Vec<BTreeMap<&'static str, f64>>,
}

/// Ratios: their name, and what is divided by what.
const RATIOS: [(&str, &str, &str); 5] = [
    ("warm_to_native", "warm", "native"),
    ("fresh_to_native", "fresh", "native"),
    ("extism_to_warm", "extism", "warm"),
    ("webhook_to_warm", "webhook", "warm"),
    ("keyword_filter_to_native", "keyword-filter", "native-lexicon"),
];

/// Contestants in the order of the table.
const ORDER: [&str; 10] = [
    "native",
    "warm",
    "fresh",
    "border",
    "native-lexicon",
    "keyword-filter",
    "keyword-filter-everyday",
    "anti-fraud",
    "extism",
    "webhook",
];

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, nanos: f64) {
        self.round.insert(name, nanos);
    }

    pub(crate) fn end_round(&mut self) {
        self.rounds.push(std::mem::take(&mut self.round));
    }

    fn median_of(&self, value: impl Fn(&BTreeMap<&'static str, f64>) -> Option<f64>) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn nanos(&self, name: &str) -> f64 {
        self.median_of(|round| round.get(name).copied())
    }

    /// The median of the ratios within each round.
    fn ratio(&self, above: &str, below: &str) -> f64 {
        self.median_of(|round| Some(round.get(above)? / round.get(below)?))
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{} words, messages of about 200 bytes, medians of {} rounds",
            warbler_bench_words::WORDS,
            self.rounds.len()
        );
        println!("{:24} {:>10}", "contestant", "µs a call");
        for name in ORDER {
            println!("{name:24} {:>10.2}", self.nanos(name) / 1e3);
        }
        for (name, above, below) in RATIOS {
            println!("{name:26} {:>8.2}", self.ratio(above, below));
        }
        println!("load average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let ratios: BTreeMap<&str, f64> =
            RATIOS.iter().map(|(name, above, below)| (*name, self.ratio(above, below))).collect();
        let nanos: BTreeMap<&str, f64> = ORDER.iter().map(|name| (*name, self.nanos(name))).collect();
        let mut report = json!({"ratios": ratios, "nanos": nanos, "rounds": self.rounds.len()});
        if let Some(ratios) = report.get_mut("ratios").and_then(serde_json::Value::as_object_mut) {
            ratios.insert("border_ns".to_owned(), json!(self.nanos("border")));
        }
        Ok(std::fs::write(file, serde_json::to_vec_pretty(&report)?)?)
    }
}
