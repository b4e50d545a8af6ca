//! Single blobs: what is put comes back, whole and in parts, and what is deleted does not.

use std::sync::Arc;

use futures::future::try_join_all;
use warbler_domain::BackupSink;

use super::super::Tally;
use super::{bytes, get, holds, put, same};
use crate::test::expect::explain;

/// The largest blob that a host gives, in bytes.
const LARGEST: usize = 32 << 20;
/// Blobs that are put and read at a time.
const AT_ONCE: u64 = 6;

/// Runs them below `folder`.
pub(super) async fn run(sink: &Arc<dyn BackupSink>, folder: &str, tally: &mut Tally) {
    for (what, length) in [
        ("an empty blob", 0),
        ("a blob of one byte", 1),
        ("a blob of 1 MiB", 1 << 20),
        ("a blob of 16 MiB", 16 << 20),
        ("a blob of 32 MiB", LARGEST),
    ] {
        tally.count(&format!("returns {what}"), &returns(sink, folder, length).await);
    }
    tally.count("takes the same blob twice", &twice(sink, folder).await);
    tally.count("reads parts", &parts(sink, folder).await);
    tally.count("tells that a blob is missing", &missing(sink, folder).await);
    tally.count("deletes, and deletes again", &deletes(sink, folder).await);
    tally.count("takes every character that a name can have", &names(sink, folder).await);
    tally.count("serves several calls at a time", &at_once(sink, folder).await);
}

async fn returns(sink: &Arc<dyn BackupSink>, folder: &str, length: usize) -> Result<(), String> {
    let name = format!("{folder}/size/{length}");
    let blob = bytes(length, length as u64);
    put(sink, &name, &blob).await?;
    holds(sink, &name, &blob).await?;
    if length > 2 {
        let (middle, half) = (length as u64 / 2, length / 2);
        same(&name, get(sink, &name, middle, u64::MAX).await?.as_ref(), Some(&blob.slice(half..)))?;
    }
    Ok(())
}

/// The host puts a blob again whenever it does not know how the last attempt ended.
async fn twice(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let (name, blob) = (format!("{folder}/twice"), bytes(70_000, 1));
    put(sink, &name, &blob).await?;
    put(sink, &name, &blob).await?;
    holds(sink, &name, &blob).await?;
    // A repository also has one file that changes: its configuration.
    let other = bytes(60_000, 2);
    put(sink, &name, &other).await?;
    holds(sink, &name, &other).await
}

async fn parts(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    const LENGTH: usize = 5_000_000;
    let (name, blob) = (format!("{folder}/parts"), bytes(LENGTH, 3));
    put(sink, &name, &blob).await?;
    let end = LENGTH as u64;
    for (offset, length) in [
        (0, 0),
        (0, 1),
        (0, end),
        (0, u64::MAX),
        (1, 4_194_304),
        (4_194_303, 2),
        (end - 1, 1),
        (end - 1, 9),
        (end - 7, u64::MAX),
        (end, 0),
        (end, 1),
        (end + 1, 1),
        (u64::MAX, 1),
        (u64::MAX, u64::MAX),
    ] {
        let from = usize::try_from(offset.min(end)).unwrap_or(LENGTH);
        let to = usize::try_from(offset.saturating_add(length).min(end)).unwrap_or(LENGTH);
        let read = get(sink, &name, offset, length).await?;
        same(&format!("{length} bytes from {offset} of {end}"), read.as_ref(), Some(&blob.slice(from..to.max(from))))?;
    }
    Ok(())
}

async fn missing(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    put(sink, &format!("{folder}/there/deep/down"), &bytes(9, 4)).await?;
    // Also what is only a part of a name: servers with folders know it as something.
    for name in ["absent", "there/absent", "there", "there/deep", "there/deep/dow"] {
        let name = format!("{folder}/{name}");
        for (offset, length) in [(0, 1_000), (0, 0), (7, 7)] {
            same(&name, get(sink, &name, offset, length).await?.as_ref(), None)?;
        }
    }
    Ok(())
}

async fn deletes(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let delete =
        async |name: &str| sink.delete(name).await.map_err(|error| format!("delete {name:?}: {}", explain(&error)));
    let (name, neighbour) = (format!("{folder}/delete/one"), format!("{folder}/delete/other"));
    put(sink, &name, &bytes(9, 5)).await?;
    put(sink, &neighbour, &bytes(9, 6)).await?;
    delete(&name).await?;
    same(&name, get(sink, &name, 0, 9).await?.as_ref(), None)?;
    delete(&name).await?;
    delete(&format!("{folder}/never/was")).await?;
    // A part of a name is no blob: nothing below it may go.
    delete(&format!("{folder}/delete")).await?;
    holds(sink, &neighbour, &bytes(9, 6)).await?;
    put(sink, &name, &bytes(11, 7)).await?;
    holds(sink, &name, &bytes(11, 7)).await
}

async fn names(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let room = 255_usize.saturating_sub(folder.len() + "/names/".len());
    let all = [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789._-",
        ".hidden",
        "dots..in..it",
        "-dash",
        "_",
        "ends.",
        "a/b/c/d/e/f/g/h",
        &"n".repeat(room),
    ];
    for (seed, name) in (10..).zip(all) {
        put(sink, &format!("{folder}/names/{name}"), &bytes(40, seed)).await?;
    }
    // Compared after all are there: two names that differ only in case are two blobs.
    for (seed, name) in (10..).zip(all) {
        holds(sink, &format!("{folder}/names/{name}"), &bytes(40, seed)).await?;
    }
    Ok(())
}

async fn at_once(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let work = (0..AT_ONCE).map(|number| async move {
        let (name, blob) = (format!("{folder}/at-once/{number}"), bytes(1 << 20, 100 + number));
        put(sink, &name, &blob).await?;
        holds(sink, &name, &blob).await
    });
    try_join_all(work).await.map(drop)
}
