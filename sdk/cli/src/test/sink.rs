//! The conformance suite of backup sinks: what a host relies on, checked against the author's real server,
//! directly and with faults in between. What a sink's configuration means is not known here.

mod blobs;
mod faults;
mod lists;
mod load;
mod proxy;
mod setting;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use uuid::Uuid;
use warbler_domain::{BackupSink, HookError, LoadError, with_causes};
use warbler_runtime::Runtime;

use super::Tally;
use super::conformance::BAD_CONFIGS;
use super::expect::explain;
use super::ports::Log;
use faults::Disturbed;
use load::Subject;
use proxy::Proxy;
use setting::SinkCase;

/// How long the host waits for a server that is known not to answer.
const HASTE: Duration = Duration::from_millis(500);

/// Tests a package with what `cases/sink.json` says.
pub(super) async fn check(component: Bytes, cases: &Path, tally: &mut Tally) -> Result<Arc<Log>> {
    let variable = |name: &str| std::env::var(name).ok();
    let case = SinkCase::read(cases, variable).map_err(anyhow::Error::msg)?;
    let server = case.address().map_err(anyhow::Error::msg)?;
    let subject = Subject::new(component)?;
    // Names of their own, so that a run neither meets another nor what is kept there for good.
    let folder = format!("warbler-check/{}", Uuid::now_v7());
    let host = subject.host(server.into_iter().collect(), None)?;
    println!("conformance of a backup sink, below {folder}");
    match subject.load(&host, &case).await {
        Ok(sink) => run(&sink, &folder, tally).await,
        Err(error) => tally.count("starts", &Err(with_causes(&error))),
    }
    for (name, config) in BAD_CONFIGS {
        let outcome = bears(&subject, &host, config, &case).await;
        tally.count(&format!("bears a configuration that is {name}"), &outcome);
    }
    drop(host);
    let Some(server) = server else {
        println!("  SKIPPED: no faults are injected, because cases/sink.json names no `server`");
        return Ok(subject.log);
    };
    println!("conformance of a backup sink, with faults before {server}");
    let proxy = Proxy::start(server).await.context("the proxy cannot listen")?;
    let through = case.through(proxy.address());
    let reachable = BTreeSet::from([proxy.address()]);
    let (host, hasty) = (subject.host(reachable.clone(), None)?, subject.host(reachable, Some(HASTE))?);
    match (subject.load(&host, &through).await, subject.load(&hasty, &through).await) {
        (Ok(sink), Ok(hasty)) => faults::run(&Disturbed { sink, hasty, proxy }, &folder, tally).await,
        (Err(error), _) | (_, Err(error)) => tally.count("starts", &Err(with_causes(&error))),
    }
    Ok(subject.log)
}

/// Whether `init` takes a configuration or refuses it with a sentence.
async fn bears(subject: &Subject, host: &Runtime, config: &str, case: &SinkCase) -> Result<(), String> {
    match subject.load_with(host, config.to_owned(), case).await {
        Err(LoadError::InitRefused { text }) if text.trim().is_empty() => Err("it refuses without a word".into()),
        Ok(_) | Err(LoadError::InitRefused { .. }) => Ok(()),
        Err(error) => Err(with_causes(&error)),
    }
}

/// Runs the checks that need no faults, below `folder`, which is the run's own.
async fn run(sink: &Arc<dyn BackupSink>, folder: &str, tally: &mut Tally) {
    blobs::run(sink, folder, tally).await;
    lists::run(sink, folder, tally).await;
    tally.count("leaves nothing behind", &lists::clear(sink, folder).await);
}

/// Bytes that no two checks share, and that compress badly: `seed` says which.
fn bytes(length: usize, seed: u64) -> Bytes {
    // The generator `splitmix64`: the same bytes on every machine.
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_le_bytes()
    });
    words.flatten().take(length).collect::<Vec<u8>>().into()
}

/// Keeps a blob.
async fn put(sink: &Arc<dyn BackupSink>, name: &str, bytes: &Bytes) -> Result<(), String> {
    let kept = sink.put(name, bytes.clone()).await;
    kept.map_err(|error| format!("put {name:?} ({} bytes): {}", bytes.len(), explain(&error)))
}

/// Reads a part of a blob.
async fn get(sink: &Arc<dyn BackupSink>, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, String> {
    let read = sink.get(name, offset, length).await;
    read.map_err(|error| format!("get {name:?} from {offset}, {length} bytes: {}", explain(&error)))
}

/// Whether the whole blob is `expected`.
async fn holds(sink: &Arc<dyn BackupSink>, name: &str, expected: &Bytes) -> Result<(), String> {
    same(name, get(sink, name, 0, expected.len() as u64 + 1).await?.as_ref(), Some(expected))
}

/// Compares without printing megabytes.
fn same(what: &str, came: Option<&Bytes>, expected: Option<&Bytes>) -> Result<(), String> {
    if came == expected {
        return Ok(());
    }
    Err(format!("{what:?}: expected {}, got {}", describe(expected, came), describe(came, expected)))
}

fn describe(bytes: Option<&Bytes>, other: Option<&Bytes>) -> String {
    let Some(bytes) = bytes else { return "no blob".into() };
    let other = other.map_or(&[][..], |other| other);
    let differs = bytes.iter().zip(other).position(|(one, two)| one != two);
    match differs {
        Some(at) => format!("{} bytes that differ from byte {at} on", bytes.len()),
        None => format!("{} bytes", bytes.len()),
    }
}

/// An error that asks for another attempt, as all that passes by itself should.
fn is_transient(error: &HookError) -> Result<(), String> {
    if error.is_transient() {
        return Ok(());
    }
    Err(format!("this passes by itself, and should be `unavailable`: {}", explain(error)))
}
