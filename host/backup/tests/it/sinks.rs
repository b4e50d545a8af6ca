//! Sinks for tests: one in memory that can be told to fail, and one in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use warbler_backup::{Patience, ResticRepositories};
use warbler_domain::{
    BackupRepositories as _, BackupRepository, BackupSink, BlobEntry, HookError, Refusal, RepositoryKey,
    RepositoryOptions, Unlock,
};

/// What a sink was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Put,
    Get,
    List,
    Delete,
}

type Judge = Box<dyn FnMut(Call, &str) -> Option<HookError> + Send>;

/// A sink in memory.
#[derive(Default)]
pub(crate) struct MemorySink {
    pub(crate) blobs: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) calls: Mutex<Vec<(Call, String)>>,
    judge: Mutex<Option<Judge>>,
}

impl MemorySink {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// From now on every call is put before `judge`, which may let it fail.
    pub(crate) fn judged(&self, judge: impl FnMut(Call, &str) -> Option<HookError> + Send + 'static) {
        *self.judge.lock() = Some(Box::new(judge));
    }

    pub(crate) fn well(&self) {
        *self.judge.lock() = None;
    }

    pub(crate) fn named(&self, prefix: &str) -> Vec<String> {
        self.blobs.lock().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blobs.lock().values().map(Bytes::len).sum()
    }

    fn ask(&self, call: Call, name: &str) -> Result<(), HookError> {
        self.calls.lock().push((call, name.to_owned()));
        self.judge.lock().as_mut().and_then(|judge| judge(call, name)).map_or(Ok(()), Err)
    }
}

pub(crate) fn away() -> HookError {
    HookError::Refused(Refusal::Unavailable { after: std::time::Duration::from_secs(1) })
}

pub(crate) fn full() -> HookError {
    HookError::Refused(Refusal::Misconfigured { text: "the disk is full".into() })
}

#[async_trait]
impl BackupSink for MemorySink {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        assert!(bytes.len() <= 32 << 20, "{name} has {} bytes", bytes.len());
        self.ask(Call::Put, name)?;
        self.blobs.lock().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        self.ask(Call::Get, name)?;
        let Some(blob) = self.blobs.lock().get(name).cloned() else { return Ok(None) };
        let from = usize::try_from(offset).unwrap().min(blob.len());
        let to = from.saturating_add(usize::try_from(length).unwrap()).min(blob.len());
        Ok(Some(blob.slice(from..to)))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        self.ask(Call::List, prefix)?;
        let blobs = self.blobs.lock();
        let found = blobs.iter().filter(|(name, _)| name.starts_with(prefix));
        let found = found.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
        Ok(found.take(1_000).map(|(name, blob)| BlobEntry { name: name.clone(), size: blob.len() as u64 }).collect())
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        self.ask(Call::Delete, name)?;
        self.blobs.lock().remove(name);
        Ok(())
    }
}

/// A sink in a folder, with each blob under its name.
pub(crate) struct FolderSink(pub(crate) PathBuf);

impl FolderSink {
    fn walk(&self, below: &str, found: &mut Vec<BlobEntry>) {
        let Ok(entries) = fs::read_dir(self.0.join(below)) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                self.walk(&format!("{name}/"), found);
            } else {
                found.push(BlobEntry { name, size: entry.metadata().unwrap().len() });
            }
        }
    }
}

#[async_trait]
impl BackupSink for FolderSink {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        Ok(())
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        let Ok(blob) = fs::read(self.0.join(name)) else { return Ok(None) };
        let from = usize::try_from(offset).unwrap().min(blob.len());
        let to = from.saturating_add(usize::try_from(length).unwrap()).min(blob.len());
        Ok(Some(Bytes::copy_from_slice(&blob[from..to])))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        let mut found = Vec::new();
        self.walk("", &mut found);
        found.retain(|entry| entry.name.starts_with(prefix) && after.is_none_or(|after| entry.name.as_str() > after));
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found.truncate(1_000);
        Ok(found)
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        let _ = fs::remove_file(self.0.join(name));
        Ok(())
    }
}

/// Repositories that ask a sink three times, without waiting.
pub(crate) fn repositories() -> ResticRepositories {
    ResticRepositories::new(Patience { attempts: 3, first: Duration::ZERO, longest: Duration::ZERO })
}

/// A new repository in a sink, and its key.
pub(crate) async fn create(sink: Arc<dyn BackupSink>) -> (RepositoryKey, Arc<dyn BackupRepository>) {
    let key = repositories().new_key().unwrap();
    let repository = repositories().create(sink, &key, RepositoryOptions::default()).await.unwrap();
    (key, repository)
}

pub(crate) async fn reopen(sink: Arc<dyn BackupSink>, key: &RepositoryKey) -> Arc<dyn BackupRepository> {
    repositories().open(sink, Unlock::Key(key.clone()), RepositoryOptions::default()).await.unwrap()
}
