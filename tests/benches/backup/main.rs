//! Backups against `restic`: a host with chat-like data in its sealed store, whose versions go through the bundled sink
//! into a folder; `restic` on the files that a version holds; and between them, on the same files, the host's repository
//! without the rest of the host. Seconds, CPU seconds, peak memory and bytes stored, in the same run. The host's memory
//! is that of the whole process, its store's cache included.

mod data;
mod fill;
mod library;
mod process;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde_json::json;
use warbler_tests::backups::{PASSPHRASE, restic};

use crate::process::{Cost, measure};
use crate::world::World;

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
    size: Option<u64>,
    /// Only make versions, and restore no whole tenant.
    #[arg(long)]
    short: bool,
    /// A phase of the repository alone, with the files and the repository.
    #[arg(long, num_args = 3, hide = true)]
    phase: Option<Vec<PathBuf>>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some([what, files, repository]) = options.phase.as_deref() {
        return runtime.block_on(library::phase(&what.to_string_lossy(), files, repository));
    }
    let has_restic = Command::new("restic").arg("version").output().is_ok_and(|output| output.status.success());
    ensure!(has_restic, "there is no restic on this machine: cargo xtask setup");
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let mib = options.size.unwrap_or(if options.quick { 64 } else { 1024 });
    let bytes = mib << 20;
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let theirs = Theirs { files: root.join("files"), repository: root.join("theirs"), root: root.to_owned() };
    for folder in [root.join("sink"), theirs.files.clone()] {
        std::fs::create_dir_all(folder)?;
    }
    println!("making {mib} MiB of data");
    let world = World::make(&root.join("host"), &root.join("sink"), bytes).await?;
    theirs.run(&["init"])?;
    let library = |what| library::measured(what, &theirs.files, &root.join("library"));
    library("create")?;
    let (mut rows, ours) = (Vec::new(), world.backups.folder.clone());
    for name in ["first version", "after 2 % changed"] {
        if !rows.is_empty() {
            world.talk_on(bytes).await?;
        }
        let mine = world.back_up().await?;
        theirs.export(&ours)?;
        let (alone, other) = (Some(library("backup")?), theirs.run(&["backup", "."])?);
        rows.push(Row { name: name.to_owned(), mine, alone, other });
    }
    let stored = (data::size(&ours)?, data::size(&theirs.repository)?);
    for id in world.conversations()? {
        let (mine, messages) = world.restore(id).await?;
        let target = root.join("one");
        let (include, target) = (format!("/conversations/{id}"), target.to_string_lossy());
        let other = theirs.run(&["restore", "latest", "--include", &include, "--target", &target])?;
        rows.push(Row { name: format!("a conversation of {messages}"), mine, alone: None, other });
    }
    if !options.short {
        let mine = world.restore_all(&root.join("again")).await?;
        let target = root.join("all");
        let alone = Some(library("restore")?);
        let other = theirs.run(&["restore", "latest", "--target", &target.to_string_lossy()])?;
        rows.push(Row { name: "everything".to_owned(), mine, alone, other });
    }
    report(&rows, stored, mib, options.json.as_deref())
}

/// The other side.
struct Theirs {
    files: PathBuf,
    repository: PathBuf,
    root: PathBuf,
}

impl Theirs {
    /// Gives `restic` the files that our newest version holds, which it reads from our own repository.
    fn export(&self, ours: &Path) -> Result<()> {
        let target = self.root.join("exported");
        restic(ours, &["--no-lock", "restore", "latest", "--target", &target.to_string_lossy()])?
            .context("there is no restic")?;
        data::make_alike(&target, &self.files)?;
        Ok(std::fs::remove_dir_all(target)?)
    }

    fn run(&self, arguments: &[&str]) -> Result<Cost> {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--quiet", "--repo"]).arg(&self.repository).args(arguments);
        command.current_dir(&self.files).env("RESTIC_PASSWORD", PASSPHRASE);
        measure(&mut command)
    }
}

struct Row {
    name: String,
    mine: Cost,
    /// The repository alone, on the files.
    alone: Option<Cost>,
    other: Cost,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        let alone = self.alone.map(|cost| cost.json());
        json!({ "name": self.name, "warbler": self.mine.json(), "repository": alone, "restic": self.other.json() })
    }
}

/// Prints the figures, and whether they are what they shall be.
fn report(rows: &[Row], stored: (u64, u64), mib: u64, json: Option<&Path>) -> Result<()> {
    println!(
        "{:<24} {:>28} {:>24} {:>24}",
        "s / CPU s / MiB", "host, over its store", "repository, over files", "restic"
    );
    for Row { name, mine, alone, other } in rows {
        let alone = alone.map(|cost| cost.to_string()).unwrap_or_default();
        println!("{name:<24} {mine:>28} {alone:>24} {other:>24}");
    }
    println!("stored: {} against {} bytes", stored.0, stored.1);
    let [first, second, large, one, ..] = rows else { anyhow::bail!("a phase is missing") };
    let peak = rows.iter().map(|row| row.mine.peak_mib).fold(0.0, f64::max);
    let files = first.alone.map_or(f64::INFINITY, |alone| ratio(alone.seconds, first.other.seconds));
    let targets = [
        Target { what: "first version of files, to restic's", is: files, most: 0.75 },
        Target {
            what: "first version of the store, to restic's",
            is: ratio(first.mine.seconds, first.other.seconds),
            most: 0.75,
        },
        Target { what: "second, to the first", is: ratio(second.mine.seconds, first.mine.seconds), most: 0.1 },
        Target { what: "one conversation, seconds", is: one.mine.seconds, most: 1.0 },
        Target { what: "one with much in it, seconds", is: large.mine.seconds, most: 1.0 },
        Target { what: "peak memory, MiB", is: peak, most: 300.0 },
        Target { what: "bytes stored, to restic's", is: share(stored), most: 1.05 },
    ];
    for Target { what, is, most } in &targets {
        println!("{} {what}: {is:.3}, at most {most}", if is <= most { '✓' } else { '✗' });
    }
    if let Some(path) = json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        let targets: Vec<_> = targets.iter().map(|t| json!({"what": t.what, "is": t.is, "most": t.most})).collect();
        let all = json!({ "mib": mib, "rows": rows, "stored": [stored.0, stored.1], "targets": targets });
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
    }
    Ok(())
}

/// A figure, and what it may be at most.
struct Target {
    what: &'static str,
    is: f64,
    most: f64,
}

#[allow(clippy::cast_precision_loss)] // Bytes of a bench are far below 2^52.
fn share((one, other): (u64, u64)) -> f64 {
    ratio(one as f64, other as f64)
}

fn ratio(one: f64, other: f64) -> f64 {
    (one / other * 1000.0).round() / 1000.0
}
