//! A source of files in memory, and what a version holds in the end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use warbler_domain::{
    BackupContent, BackupEntry, BackupError, BackupRepository, BackupSource, BackupVersion, ByteStream, Timestamp,
};

/// A file: when it changed and what it holds.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) modified: u64,
    pub(crate) bytes: Bytes,
    /// The length that is announced, if it is a lie.
    pub(crate) announced: Option<u64>,
}

/// Files by path, as a source gives them.
#[allow(clippy::struct_field_names)]
#[derive(Clone, Default)]
pub(crate) struct Files {
    pub(crate) files: BTreeMap<PathBuf, File>,
    /// Those whose content was asked for.
    pub(crate) opened: Arc<Mutex<BTreeSet<String>>>,
    /// Before this one the source fails.
    pub(crate) fails_at: Option<usize>,
}

impl Files {
    pub(crate) fn put(&mut self, path: &str, modified: u64, bytes: impl Into<Bytes>) {
        let file = File { modified, bytes: bytes.into(), announced: None };
        self.files.insert(path.into(), file);
    }

    pub(crate) fn announce(&mut self, path: &str, length: u64) {
        self.files.get_mut(&PathBuf::from(path)).unwrap().announced = Some(length);
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.keys().map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn bytes(&self, path: &str) -> Bytes {
        self.files[&PathBuf::from(path)].bytes.clone()
    }

    pub(crate) fn source(&self) -> Box<dyn BackupSource> {
        let files: Vec<_> = self.files.iter().map(|(path, file)| (path.clone(), file.clone())).collect();
        Box::new(Given { files: files.into_iter(), opened: Arc::clone(&self.opened), left: self.fails_at })
    }

    /// Makes a version of them.
    pub(crate) async fn back_up(
        &self,
        repository: &Arc<dyn BackupRepository>,
        at: u64,
    ) -> Result<BackupVersion, BackupError> {
        repository.snapshot(Timestamp::from_millis(at), self.source(), Arc::default()).await
    }
}

struct Given {
    files: std::vec::IntoIter<(PathBuf, File)>,
    opened: Arc<Mutex<BTreeSet<String>>>,
    left: Option<usize>,
}

#[async_trait]
impl BackupSource for Given {
    async fn next(&mut self) -> Result<Option<BackupEntry>, BackupError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or(BackupError::from(warbler_domain::StoreError::Closed))?;
        }
        let Some((path, file)) = self.files.next() else { return Ok(None) };
        let (path, opened) = (path.to_str().unwrap().to_owned(), Arc::clone(&self.opened));
        let (name, bytes) = (path.clone(), file.bytes.clone());
        let open = move || {
            opened.lock().insert(name);
            let pieces: Vec<_> = bytes.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            async move { Ok(stream::iter(pieces).boxed() as ByteStream) }.boxed()
        };
        Ok(Some(BackupEntry {
            path,
            size: file.announced.unwrap_or(file.bytes.len() as u64),
            modified: Timestamp::from_millis(file.modified),
            content: BackupContent::Open(Box::new(open)),
        }))
    }
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(length);
    bytes
}

/// A small tenant: some conversations, a file of three megabytes, an empty one.
pub(crate) fn small() -> Files {
    let mut files = Files::default();
    files.put("attachments/aa/one", 1, noise(1, 3 << 20));
    files.put("attachments/ab/two", 1, noise(2, 100));
    files.put("conversations/1/2026-01-0001.jsonl", 1, "{\"hello\":\"world\"}\n".repeat(1_000));
    files.put("conversations/2/2026-01-0001.jsonl", 1, "{\"hello\":\"moon\"}\n".repeat(500));
    files.put("empty", 1, "");
    files.put("manifest.json", 1, "{}");
    files
}

pub(crate) async fn read(repository: &Arc<dyn BackupRepository>, version: &str, path: &str) -> Option<Vec<u8>> {
    let pieces: Vec<Bytes> = repository.read(version, path).await.unwrap()?.try_collect().await.unwrap();
    Some(pieces.concat())
}
