//! The conformance suite of backup sinks: what a host relies on, checked against the author's real server,
//! directly and with faults in between. What a sink's configuration means is not known here.

mod blobs;
mod faults;
mod lists;
mod proxy;
mod setting;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{BackupSink, HookError};

pub(super) use faults::{Disturbed, run as run_faults};
pub(super) use proxy::Proxy;
pub(super) use setting::SinkCase;

use super::Tally;
use super::expect::explain;

/// Runs the checks that need no faults, below `folder`, which is the run's own.
pub(super) async fn run(sink: &Arc<dyn BackupSink>, folder: &str, tally: &mut Tally) {
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
