//! What a process costs, from `/proc` (proc(5)): one that is looked at every so often while it runs, or a part of the
//! life of one that goes on.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use warbler_benches::process::cpu_seconds;

/// What something cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// The most memory of the process.
    pub(crate) peak_mib: f64,
    /// What it had before.
    pub(crate) before_mib: f64,
}

impl Cost {
    pub(crate) fn json(&self) -> Value {
        let Self { seconds, cpu_seconds, peak_mib, before_mib } = self;
        json!({ "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib, "before_mib": before_mib })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, cpu_seconds, peak_mib, before_mib } = self;
        let before = if *before_mib > 0.0 { format!(" (+{:.0})", peak_mib - before_mib) } else { String::new() };
        f.pad(&format!("{seconds:.2} / {cpu_seconds:.2} / {peak_mib:.0}{before}"))
    }
}

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> Result<Cost> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().context("starting a process")?;
    let mut cost = Cost::default();
    let status = loop {
        cost.peak_mib = cost.peak_mib.max(memory(child.id(), "VmHWM:").unwrap_or_default());
        cost.cpu_seconds = cost.cpu_seconds.max(cpu_seconds(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    cost.seconds = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(cost)
}

/// A part of the life of a process, from now on.
pub(crate) struct Stretch {
    process: u32,
    begun: Instant,
    cpu: f64,
    before_mib: f64,
}

impl Stretch {
    pub(crate) fn begin(process: u32) -> Result<Self> {
        // The peak counts from here on.
        std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
        let (cpu, before_mib) = (cpu_seconds(process)?, memory(process, "VmRSS:")?);
        Ok(Self { process, begun: Instant::now(), cpu, before_mib })
    }

    pub(crate) fn end(self) -> Result<Cost> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let cpu_seconds = cpu_seconds(self.process)? - self.cpu;
        let (peak_mib, before_mib) = (memory(self.process, "VmHWM:")?, self.before_mib);
        Ok(Cost { seconds, cpu_seconds, peak_mib, before_mib })
    }
}

/// A line of a process's status, in MiB.
fn memory(process: u32, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let found = status.lines().find_map(|found| found.strip_prefix(line)?.split_whitespace().next()?.parse().ok());
    found.map(|kib: f64| kib / 1024.0).with_context(|| format!("no {line} of process {process}"))
}
