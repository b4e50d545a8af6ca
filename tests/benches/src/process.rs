//! What a process has used, from `/proc` (see proc(5)).

use std::fs;

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`; 100 on every Linux that this runs on (sysconf(3), `_SC_CLK_TCK`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time that `process` has used, its kernel time included.
///
/// # Errors
/// There is no such process.
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in brackets, may contain spaces; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| -> Result<f64> { Ok(fields.get(at).context("short stat")?.parse()?) };
    Ok((field(11)? + field(12)?) / TICKS_PER_SECOND)
}

/// Bytes of memory that `process` alone has written to. Clean pages of a mapped file, such as compiled code,
/// belong to the system's cache.
///
/// # Errors
/// There is no such process, or it is another user's.
pub fn private_bytes(process: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok());
    Ok(rollup.lines().filter(|line| line.starts_with("Private_Dirty")).filter_map(kib).sum::<u64>() * 1024)
}

/// The machine's load average over one minute.
#[must_use]
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
