//! The limits bench: what a host must keep to whatever is installed and connected. How long it takes to
//! start with many plugins from its cache, what an idle installation and an idle session take of its
//! memory, and whether its own work comes by while guests never return.

// Figures for people: nothing here comes near what an f64 cannot hold.
#![allow(clippy::cast_precision_loss)]

mod report;
mod runaway;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::report::Report;
use crate::runaway::Guests;
use crate::world::World;

/// The allocator of the host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Also writes the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Few plugins and short times, to see that it works.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (tenants, sessions) = if arguments.quick { (5, 500) } else { (100, 4_000) };
    let span = Duration::from_secs(if arguments.quick { 2 } else { 10 });
    let mut report = Report::new();
    for guests in [Guests::None, Guests::OfFourTenants, Guests::OfOneTenant] {
        report.heartbeat(guests, runaway::measure(guests, span)?);
    }
    let threads = tokio::runtime::Runtime::new()?;
    threads.block_on(async {
        let folder = tempfile::tempdir()?;
        let world = World::make(folder.path(), tenants).await?;
        let (world, bare_seconds) = world.restart().await?;
        let bare = world.settled().await?;
        println!("installing {} plugins", world.plugins());
        world.install().await?;
        let (world, seconds) = world.restart().await?;
        world.check().await?;
        report.start(world.plugins(), bare_seconds, seconds);
        let full = world.settled().await?;
        report.idle_installation(full.saturating_sub(bare) / world.plugins() as u64);
        report.idle_session(world.idle_session_bytes(sessions).await?);
        world.stop()
    })?;
    report.print();
    arguments.json.map_or(Ok(()), |file| report.write(&file))
}
