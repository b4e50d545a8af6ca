//! What a process uses, from `/proc` (see proc(5)).

use std::fs;

use anyhow::{Context, Result};

/// Bytes of memory that are resident.
pub(crate) fn resident_bytes(process: u32) -> Result<u64> {
    Ok(field(process, "VmRSS:")? * 1024)
}

/// Its threads.
pub(crate) fn threads(process: u32) -> Result<u64> {
    field(process, "Threads:")
}

fn field(process: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
    Ok(line.split_whitespace().next().context("an empty field")?.parse()?)
}
