//! Lists: in byte order, in pages, by prefix, and never without something that is there.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use warbler_domain::{BackupSink, BlobEntry};

use super::super::Tally;
use super::{bytes, put};
use crate::test::expect::explain;

/// Blobs in one answer; fewer mean that there are no more.
const PAGE: usize = 1_000;
/// Blobs that are listed: more than a page.
const MANY: usize = 1_030;
/// Calls at a time while many blobs are made or removed.
const AT_ONCE: usize = 8;

/// Names whose order a server with folders gets wrong if it sorts folder by folder.
const NEIGHBOURS: [&str; 9] = ["a", "a-b", "a.b", "a0", "aA", "b/c", "b/d/e", "b/d-e", "b0/c"];

/// Runs them below `folder`.
pub(super) async fn run(sink: &Arc<dyn BackupSink>, folder: &str, tally: &mut Tally) {
    tally.count("lists in byte order, by prefix", &neighbours(sink, &format!("{folder}/order")).await);
    tally.count(&format!("lists {MANY} blobs in pages"), &pages(sink, &format!("{folder}/many")).await);
}

/// One page.
pub(super) async fn page(
    sink: &Arc<dyn BackupSink>,
    prefix: &str,
    after: Option<&str>,
) -> Result<Vec<BlobEntry>, String> {
    let page = sink.list(prefix, after).await;
    page.map_err(|error| format!("list {prefix:?} after {after:?}: {}", explain(&error)))
}

fn names(page: &[BlobEntry]) -> Vec<&str> {
    page.iter().map(|entry| entry.name.as_str()).collect()
}

/// Whether a page holds exactly `expected`.
fn check(what: &str, page: &[BlobEntry], expected: &[&str]) -> Result<(), String> {
    let came = names(page);
    if came == expected {
        return Ok(());
    }
    let at =
        came.iter().zip(expected).position(|(one, two)| one != two).unwrap_or_else(|| came.len().min(expected.len()));
    Err(format!(
        "{what}: expected {} names, got {}; at place {at} expected {:?}, got {:?}",
        expected.len(),
        came.len(),
        expected.get(at),
        came.get(at)
    ))
}

async fn neighbours(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let mut all: Vec<String> = NEIGHBOURS.iter().map(|name| format!("{folder}/{name}")).collect();
    all.sort();
    for (length, name) in (0..).zip(&all) {
        put(sink, name, &bytes(length, 20)).await?;
    }
    let with = |prefix: &str, after: &str| {
        let chosen = all.iter().map(String::as_str).filter(|name| name.starts_with(prefix) && *name > after);
        chosen.collect::<Vec<&str>>()
    };
    // With and without a slash, in the middle of a segment, a whole name, and nothing at all.
    for prefix in ["/", "", "/a", "/a.", "/b", "/b/", "/b/d", "/b/d/", "/b/d/e", "/c", "/a/"] {
        let prefix = format!("{folder}{prefix}");
        let listed = page(sink, &prefix, None).await?;
        check(&format!("prefix {prefix:?}"), &listed, &with(&prefix, ""))?;
        // Names that are there, and some that are not.
        for after in ["/a", "/a.b", "/a/", "/b/", "/b/d", "/b/d/zz", "/b0", "/zz"] {
            let after = format!("{folder}{after}");
            let listed = page(sink, &prefix, Some(&after)).await?;
            check(&format!("prefix {prefix:?} after {after:?}"), &listed, &with(&prefix, &after))?;
        }
    }
    let listed = page(sink, folder, None).await?;
    match (0_u64..).zip(&listed).find(|(length, entry)| entry.size != *length) {
        Some((length, entry)) => Err(format!("the size of {:?}: expected {length}, got {}", entry.name, entry.size)),
        None => Ok(()),
    }
}

async fn pages(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let all: Vec<String> = (0..MANY).map(|number| format!("{folder}/{number:05}")).collect();
    let blob = bytes(3, 30);
    let puts = stream::iter(&all).map(|name| put(sink, name, &blob));
    puts.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let expected: Vec<&str> = all.iter().map(String::as_str).collect();
    let (first, rest) = expected.split_at(PAGE);
    let listed = page(sink, folder, None).await?;
    check("the first page", &listed, first)?;
    let listed = page(sink, folder, first.last().copied()).await?;
    check("the second page", &listed, rest)?;
    let listed = page(sink, folder, rest.last().copied()).await?;
    check("the page after the last", &listed, &[])?;
    let listed = page(sink, folder, expected.get(MANY - PAGE - 1).copied()).await?;
    check("a full last page", &listed, expected.get(MANY - PAGE..).unwrap_or_default())
}

/// Removes all below `folder`, and looks whether all is gone.
pub(super) async fn clear(sink: &Arc<dyn BackupSink>, folder: &str) -> Result<(), String> {
    let prefix = format!("{folder}/");
    let delete = async |name: String| sink.delete(&name).await.map_err(|error| explain(&error));
    let mut before: Option<Vec<BlobEntry>> = None;
    loop {
        let listed = page(sink, &prefix, None).await?;
        if listed.is_empty() {
            return Ok(());
        }
        if before.as_ref() == Some(&listed) {
            return Err(format!(
                "{} blobs are listed that were deleted, such as {:?}",
                listed.len(),
                names(&listed).first()
            ));
        }
        let entries: Vec<String> = listed.iter().map(|entry| entry.name.clone()).collect();
        stream::iter(entries).map(delete).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        before = Some(listed);
    }
}
