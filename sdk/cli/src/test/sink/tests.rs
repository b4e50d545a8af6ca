//! The suite itself: a sink that keeps its word passes, and each that breaks it is caught.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use warbler_domain::{BackupSink, BlobEntry, HookError, Refusal};

use super::super::Tally;
use super::run;

/// A promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crime {
    Innocent,
    LosesTheLastByte,
    KeepsTheFirstVersion,
    IgnoresTheOffset,
    FailsBeyondTheEnd,
    TakesMissingForEmpty,
    FailsToDeleteTwice,
    DeletesWholeFolders,
    ForgetsCase,
    ListsByFolder,
    ListsInOnePage,
    ListsShortPages,
    RepeatsTheLastName,
    ListsWrongSizes,
    KeepsWhatIsDeleted,
}

struct Memory {
    crime: Crime,
    blobs: Mutex<BTreeMap<String, Bytes>>,
}

fn error() -> HookError {
    Refusal::Unsupported { text: "no".into() }.into()
}

impl Memory {
    fn key(&self, name: &str) -> String {
        if self.crime == Crime::ForgetsCase { name.to_lowercase() } else { name.to_owned() }
    }
}

#[async_trait]
impl BackupSink for Memory {
    async fn put(&self, name: &str, mut bytes: Bytes) -> Result<(), HookError> {
        if self.crime == Crime::LosesTheLastByte {
            bytes.truncate(bytes.len().saturating_sub(1));
        }
        let mut blobs = self.blobs.lock().unwrap();
        if self.crime != Crime::KeepsTheFirstVersion || !blobs.contains_key(name) {
            blobs.insert(self.key(name), bytes);
        }
        Ok(())
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        let blobs = self.blobs.lock().unwrap();
        let Some(blob) = blobs.get(&self.key(name)) else {
            return Ok((self.crime == Crime::TakesMissingForEmpty).then(Bytes::new));
        };
        let offset = if self.crime == Crime::IgnoresTheOffset { 0 } else { offset };
        if self.crime == Crime::FailsBeyondTheEnd && offset > blob.len() as u64 {
            return Err(error());
        }
        let from = usize::try_from(offset).unwrap().min(blob.len());
        let to = from.saturating_add(usize::try_from(length).unwrap()).min(blob.len());
        Ok(Some(blob.slice(from..to)))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        let blobs = self.blobs.lock().unwrap();
        let crime = self.crime;
        let after = after.unwrap_or_default();
        let mut all: Vec<&String> = blobs.keys().collect();
        if crime == Crime::ListsByFolder {
            all.sort_by_key(|name| name.split('/').collect::<Vec<_>>());
        }
        let chosen = all.into_iter().filter(|name| {
            name.starts_with(prefix)
                && (name.as_str() > after || (crime == Crime::RepeatsTheLastName && *name == after))
        });
        let most = match crime {
            Crime::ListsInOnePage => usize::MAX,
            Crime::ListsShortPages => 999,
            _ => 1_000,
        };
        let size = |name: &str| match crime {
            Crime::ListsWrongSizes => 7,
            _ => blobs.get(name).unwrap().len() as u64,
        };
        Ok(chosen.take(most).map(|name| BlobEntry { name: name.clone(), size: size(name) }).collect())
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        let mut blobs = self.blobs.lock().unwrap();
        if self.crime == Crime::DeletesWholeFolders {
            blobs.retain(|known, _| !known.starts_with(&format!("{name}/")));
        }
        if self.crime == Crime::KeepsWhatIsDeleted {
            return Ok(());
        }
        if blobs.remove(&self.key(name)).is_none() && self.crime == Crime::FailsToDeleteTwice {
            return Err(error());
        }
        Ok(())
    }
}

async fn judge(crime: Crime) -> Tally {
    let sink: Arc<dyn BackupSink> = Arc::new(Memory { crime, blobs: Mutex::default() });
    let mut tally = Tally::default();
    run(&sink, "warbler-check/1", &mut tally).await;
    tally
}

#[tokio::test]
async fn a_sink_that_keeps_its_word_passes() {
    assert_eq!(judge(Crime::Innocent).await.failed, 0);
}

#[tokio::test]
async fn every_broken_promise_is_caught() {
    for crime in [
        Crime::LosesTheLastByte,
        Crime::KeepsTheFirstVersion,
        Crime::IgnoresTheOffset,
        Crime::FailsBeyondTheEnd,
        Crime::TakesMissingForEmpty,
        Crime::FailsToDeleteTwice,
        Crime::DeletesWholeFolders,
        Crime::ForgetsCase,
        Crime::ListsByFolder,
        Crime::ListsInOnePage,
        Crime::ListsShortPages,
        Crime::RepeatsTheLastName,
        Crime::ListsWrongSizes,
        Crime::KeepsWhatIsDeleted,
    ] {
        assert!(judge(crime).await.failed > 0, "{crime:?} was not caught");
    }
}
