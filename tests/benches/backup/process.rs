//! What a process costs, from `/proc` (proc(5)): looked at every so often while it runs.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Clock ticks of a second, as Linux has them on every common machine.
const TICKS: f64 = 100.0;

/// What a process cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
}

impl Cost {
    pub(crate) fn json(&self) -> Value {
        json!({ "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "peak_mib": self.peak_mib })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2} / {:.2} / {:.0}", self.seconds, self.cpu_seconds, self.peak_mib))
    }
}

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> Result<Cost> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().context("starting a process")?;
    let mut cost = Cost::default();
    let status = loop {
        look(child.id(), &mut cost);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    cost.seconds = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(cost)
}

fn look(id: u32, cost: &mut Cost) {
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        cost.peak_mib = cost.peak_mib.max(peak.unwrap_or(0.0) / 1024.0);
    }
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) {
        // After the name in brackets: user and system time are the 12th and 13th.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        cost.cpu_seconds = cost.cpu_seconds.max(ticks / TICKS);
    }
}
