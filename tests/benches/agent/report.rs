//! The table and the file.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::Shape;
use crate::through::Measured;

/// What was measured.
pub(crate) struct Report {
    pub(crate) shape: Shape,
    /// Latencies of the streams read from the stand-in itself, in milliseconds.
    pub(crate) direct: Vec<f64>,
    pub(crate) through: Measured,
}

/// The value below which `share` of all lie.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Within the list, since shares are below one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

impl Report {
    fn added(&self, share: f64) -> f64 {
        quantile(&self.through.latencies, share) - quantile(&self.direct, share)
    }

    fn kib_per_reply(&self) -> f64 {
        let (before, most) = self.through.resident;
        most.saturating_sub(before) as f64 / 1024.0 / self.shape.replies as f64
    }

    pub(crate) fn print(&self) {
        let Self { shape, direct, through } = self;
        println!("\n{} replies at once, {} tokens each, {} frames", shape.replies, shape.tokens, through.frames);
        println!("\nlatency of a token, ms     p50      p90      p99");
        for (name, values) in [("straight from the model", direct), ("through the host", &through.latencies)] {
            let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| quantile(values, share));
            println!("{name:24} {p50:7.2}  {p90:7.2}  {p99:7.2}");
        }
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| self.added(share));
        println!("{:24} {p50:7.2}  {p90:7.2}  {p99:7.2}", "added");
        println!("\nmemory of a running reply: {:.0} KiB", self.kib_per_reply());
        println!("threads of the host: {} before, {} at the most", through.threads.0, through.threads.1);
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let figures = json!({
            "replies": self.shape.replies,
            "tokens": self.shape.tokens,
            "direct_p50_ms": quantile(&self.direct, 0.5),
            "direct_p99_ms": quantile(&self.direct, 0.99),
            "through_p50_ms": quantile(&self.through.latencies, 0.5),
            "through_p99_ms": quantile(&self.through.latencies, 0.99),
            "added_p50_ms": self.added(0.5),
            "added_p99_ms": self.added(0.99),
            "kib_per_reply": self.kib_per_reply(),
            "threads_before": self.through.threads.0,
            "threads_during": self.through.threads.1,
            "ratios": { "added_p50_to_2ms": self.added(0.5) / 2.0, "memory_to_400kib": self.kib_per_reply() / 400.0 },
        });
        Ok(std::fs::write(file, serde_json::to_string_pretty(&figures)?)?)
    }
}
