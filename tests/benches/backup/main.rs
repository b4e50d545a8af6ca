//! Backups against `restic`: the same chat-like data, once in Warbler's repository through a sink in a folder, once by
//! `restic` from files. Seconds, CPU seconds, peak memory and bytes stored, in the same run. Each phase is a process of
//! its own, so that memory and CPU time are that phase's alone.

mod data;
mod ours;
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde_json::json;

use crate::data::Data;
use crate::process::{Cost, measure};

const PASSPHRASE: &str = "a passphrase for both";

/// What to measure.
#[derive(Debug, Parser)]
struct Options {
    /// Write the figures there, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// 64 MiB instead of 1 GiB.
    #[arg(long)]
    quick: bool,
    /// How many MiB of data.
    #[arg(long)]
    mib: Option<u64>,
    /// One phase of our own, in a process of its own.
    #[arg(long, hide = true, num_args = 3)]
    phase: Option<Vec<String>>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(phase) = &options.phase {
        let [what, data, repository] = phase.as_slice() else { anyhow::bail!("a phase has three words") };
        return ours::run(what, Path::new(data), Path::new(repository));
    }
    let has_restic = Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success());
    ensure!(has_restic, "there is no restic on this machine: cargo xtask setup");
    let mib = options.mib.unwrap_or(if options.quick { 64 } else { 1024 });
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let data = Data::make(&root.join("data"), mib << 20).context("making the data")?;
    println!("{mib} MiB of chat-like data in {} files", data.files()?);
    let (mut rows, ours, theirs) = (Vec::new(), root.join("ours"), root.join("theirs"));
    run_restic(&data, &theirs, &["init"])?;
    phase("create", &data, &ours)?;
    for (name, what, prepare) in [("first version", "backup", false), ("after 2 % changed", "backup", true)] {
        if prepare {
            data.change()?;
        }
        let (mine, other) = (phase(what, &data, &ours)?, run_restic(&data, &theirs, &["backup", "."])?);
        rows.push(Row { name, mine, other });
    }
    let stored = (data::size(&ours)?, data::size(&theirs)?);
    let one = data.conversation();
    let target = |name: &str| root.join(name).to_string_lossy().into_owned();
    let (mine, other) = (
        phase(&format!("one:{one}"), &data, &ours)?,
        run_restic(&data, &theirs, &["restore", "latest", "--include", &format!("/{one}"), "--target", &target("o")])?,
    );
    rows.push(Row { name: "one conversation", mine, other });
    let (mine, other) =
        (phase("all", &data, &ours)?, run_restic(&data, &theirs, &["restore", "latest", "--target", &target("t")])?);
    rows.push(Row { name: "everything", mine, other });
    println!("{:<20} {:>28}   {:>28}", "", "warbler: s / CPU s / MiB", "restic: s / CPU s / MiB");
    for Row { name, mine, other } in &rows {
        println!("{name:<20} {mine:>28}   {other:>28}");
    }
    println!("stored: {} against {} bytes, {:.3}", stored.0, stored.1, share(stored.0, stored.1));
    let [first, second, one, all] = rows.as_slice() else { anyhow::bail!("a phase is missing") };
    let ratios = json!({
        "first_to_restic": ratio(first.mine.seconds, first.other.seconds),
        "first_to_incremental": ratio(first.mine.seconds, second.mine.seconds),
        "stored_to_restic": share(stored.0, stored.1),
        "everything_to_restic": ratio(all.mine.seconds, all.other.seconds),
        "one_conversation_seconds": one.mine.seconds,
        "peak_mib": rows.iter().map(|row| row.mine.peak_mib).fold(0.0, f64::max),
    });
    println!("{ratios:#}");
    if let Some(path) = &options.json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        std::fs::write(path, serde_json::to_vec_pretty(&json!({ "mib": mib, "rows": rows, "ratios": ratios }))?)?;
    }
    Ok(())
}

struct Row {
    name: &'static str,
    mine: Cost,
    other: Cost,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        json!({ "name": self.name, "warbler": self.mine.json(), "restic": self.other.json() })
    }
}

#[allow(clippy::cast_precision_loss)] // Bytes of a bench are far below 2^52.
fn share(one: u64, other: u64) -> f64 {
    ratio(one as f64, other as f64)
}

fn ratio(one: f64, other: f64) -> f64 {
    (one / other * 1000.0).round() / 1000.0
}

fn phase(what: &str, data: &Data, repository: &Path) -> Result<Cost> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--phase", what]).arg(data.folder()).arg(repository);
    measure(&mut command)
}

fn run_restic(data: &Data, repository: &Path, arguments: &[&str]) -> Result<Cost> {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "--quiet", "--repo"]).arg(repository).args(arguments);
    command.current_dir(data.folder()).env("RESTIC_PASSWORD", PASSPHRASE);
    measure(&mut command)
}
