//! Damage: a clear error, never a panic, and nothing readable by who has the disk alone.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use warbler_domain::{Append, Sequence};
use warbler_store::OpenError;

use crate::{ONE, conversation, open, open_with, put, refusal, titled};

const SECRET: &str = "marzipan-under-the-oak";

async fn filled(folder: &Path, count: usize) {
    let store = open(folder);
    store.create_tenant(ONE.tenant()).await.unwrap();
    for number in 0..count {
        let writes = vec![put(&format!("a/{number}"), SECRET.as_bytes())];
        store.log().append(&ONE, Append { writes, ..titled(1, &format!("{SECRET} {number}")) }).await.unwrap();
    }
    let flow = stream::iter([Ok(Bytes::from(SECRET.repeat(10_000)))]).boxed();
    store.blobs().put(&ONE, flow, u64::MAX).await.unwrap();
    store.close().await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn no_file_holds_a_word_of_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 50).await;
    let files = files(folder.path());
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(12).any(|window| SECRET.as_bytes().starts_with(window));
        assert!(!found, "{}", path.display());
    }
}

#[tokio::test]
async fn a_store_that_is_open_does_not_open_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(matches!(refusal(folder.path(), 42), OpenError::Locked { .. }));
    store.close().await;
    open(folder.path()).close().await;
}

#[tokio::test]
async fn a_damaged_configuration_of_the_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 5).await;
    fs::write(folder.path().join("log/conf"), b"\xff\xfe nonsense").unwrap();
    let error = refusal(folder.path(), 42);
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("log"), "{error}");
}

#[tokio::test]
async fn a_database_scribbled_over_anywhere_opens_whole_or_says_that_something_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 60).await;
    let path = folder.path().join("log/db");
    let whole = fs::read(&path).unwrap();
    let mut lost = 0;
    for at in (0..whole.len()).step_by(whole.len() / 24) {
        let mut damaged = whole.clone();
        damaged.iter_mut().skip(at).take(4000).for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(7));
        fs::write(&path, &damaged).unwrap();
        match open_with(folder.path(), 42) {
            Err(OpenError::Lost { kept, found, .. }) => {
                assert!(found < kept);
                lost += 1;
            }
            Err(other) => assert!(matches!(other, OpenError::Corrupt { .. }), "{other:?}"),
            Ok(store) => {
                let events = store.log().read_after(&ONE, conversation(1), Sequence(0), 99).await.unwrap();
                let expected = (0..60).map(|number| format!("{SECRET} {number}"));
                assert!(expected.eq(events.iter().map(|event| crate::title(event))), "{at}: {}", events.len());
                store.close().await;
            }
        }
    }
    assert!(lost > 0, "nothing was damaged");
    // Whoever takes the loss can go on with what is left.
    fs::remove_file(folder.path().join("log/mark")).unwrap();
    let store = open(folder.path());
    assert!(store.log().head(&ONE, conversation(1)).await.unwrap() < Sequence(60));
    store.close().await;
}
