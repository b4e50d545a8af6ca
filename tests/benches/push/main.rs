//! The push bench: notifications from a message in the log to a provider on the loopback, through the real
//! host and a bundled plugin; and the same requests by a native sender, in the same run.
//!
//! The provider speaks HTTP/2 over TLS, and counts. Everyone of a group is away and has one device; one
//! message to each of many groups makes the load.

// Figures for people: nothing here comes near what an f64 cannot hold.
#![allow(clippy::cast_precision_loss)]

mod native;
mod provider;
mod report;
mod world;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;

use warbler_benches::process;

use crate::provider::Provider;
use crate::report::{Measured, Report};
use crate::world::{Device, World};

#[derive(Parser)]
struct Arguments {
    /// Also writes the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A tenth of everything.
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (people, groups) = if arguments.quick { (100, 100) } else { (500, 200) };
    let folder = tempfile::tempdir()?;
    let provider = Provider::start(folder.path()).await?;
    println!("setting up {people} people with devices, in {groups} groups");
    let world = World::start(folder.path(), &provider, people, groups).await?;
    let mut report = Report::default();
    for (name, device) in [("webhook", Device::Webhook), ("web-push", Device::WebPush)] {
        world.register(&provider, device).await?;
        // Compiled code, connections and what is known of everybody are there before anything is counted.
        through_host(&world, &provider, people * groups, &format!("{name} at first")).await?;
        let measured = through_host(&world, &provider, people * groups, name).await?;
        println!("  {name}: {:.0}/s over {} connections", measured.per_second(), measured.connections);
        report.add(name, measured);
    }
    let count = u64::try_from(people * groups)?;
    let measured = native::run(&provider, count).await?;
    println!("  native: {:.0}/s over {} connections", measured.per_second(), measured.connections);
    report.add("native", measured);
    report.print();
    if let Some(file) = arguments.json {
        report.write(&file)?;
    }
    world.stop()
}

/// One message to every group, until every device was told.
async fn through_host(world: &World, provider: &Provider, count: usize, key: &str) -> Result<Measured> {
    let (connections, cpu) = (provider.connections(), process::cpu_seconds(world.process())?);
    provider.expect(u64::try_from(count)?);
    let began = Instant::now();
    world.say(key).await?;
    provider.all_came().await?;
    Ok(Measured {
        count: u64::try_from(count)?,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: process::cpu_seconds(world.process())? - cpu,
        private_bytes: process::private_bytes(world.process())?,
        connections: provider.connections() - connections,
    })
}
