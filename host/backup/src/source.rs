//! What is to be backed up, as the library reads it: an iterator over a source that is async. The source is read ahead on
//! a thread of its own, so that it works while the library does.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use parking_lot::Mutex;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ReadSource, ReadSourceEntry, ReadSourceOpen, RusticResult, jiff};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use warbler_domain::{BackupContent, BackupEntry, BackupError, BackupProgress, BackupSource, ByteStream};

use crate::error::{Fault, internal};

/// Files that may wait for the library.
const AHEAD: usize = 2;

/// What a source gives at a time.
type Given = Result<Option<BackupEntry>, BackupError>;

/// A source, read once.
pub(crate) struct Source {
    given: Mutex<Option<mpsc::Receiver<Given>>>,
    reading: JoinHandle<()>,
    pub(crate) work: Work,
}

/// What reading needs and counts.
#[derive(Clone)]
pub(crate) struct Work {
    handle: Handle,
    fault: Fault,
    progress: Arc<BackupProgress>,
    /// Files that the source gave.
    pub(crate) given: Arc<AtomicU64>,
}

impl Source {
    /// Must be called where there is an async runtime.
    pub(crate) fn new(inner: Box<dyn BackupSource>, fault: Fault, progress: Arc<BackupProgress>) -> Self {
        let work = Work { handle: Handle::current(), fault, progress, given: Arc::default() };
        let (giving, given) = mpsc::channel(AHEAD);
        let handle = work.handle.clone();
        let reading = spawn_blocking(move || handle.block_on(read_ahead(inner, giving)));
        Self { given: Mutex::new(Some(given)), reading, work }
    }

    /// Returns when the source is read no more.
    pub(crate) fn end(self) -> Result<(), BackupError> {
        drop(self.given);
        let ended = self.work.handle.block_on(self.reading);
        ended.map_err(|_| internal("what is to be backed up failed to be read in an unforeseen way"))
    }
}

/// Reads until there is nothing more, or nobody wants it.
async fn read_ahead(mut inner: Box<dyn BackupSource>, giving: mpsc::Sender<Given>) {
    loop {
        let next = inner.next().await;
        let is_last = !matches!(next, Ok(Some(_)));
        if giving.send(next).await.is_err() || is_last {
            return;
        }
    }
}

impl ReadSource for Source {
    type Open = Open;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        Entries { given: self.given.lock().take(), last: None, work: self.work.clone() }
    }
}

/// The files of a source.
pub(crate) struct Entries {
    given: Option<mpsc::Receiver<Given>>,
    last: Option<PathBuf>,
    work: Work,
}

impl Iterator for Entries {
    type Item = RusticResult<ReadSourceEntry<Open>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(entry) => entry.map(Ok),
            Err(error) => {
                // The library only warns of an error here, so that the fault is what ends the run.
                self.given = None;
                drop(self.work.fault.raise(error));
                None
            }
        }
    }
}

impl Entries {
    fn read(&mut self) -> Result<Option<ReadSourceEntry<Open>>, BackupError> {
        let Some(given) = &mut self.given else { return Ok(None) };
        // What failed elsewhere need not be gone on with.
        self.work.fault.check()?;
        if self.work.progress.is_cancelled() {
            return Err(BackupError::Cancelled);
        }
        // A source that ended without a last word panicked, which is found out at its end.
        let Some(entry) = given.blocking_recv().transpose()?.flatten() else { return Ok(None) };
        let path = PathBuf::from(&entry.path);
        if self.last.as_ref().is_some_and(|last| *last >= path) {
            return Err(internal("the files to back up do not come in order"));
        }
        self.last = Some(path.clone());
        self.work.given.fetch_add(1, Ordering::Relaxed);
        self.work.progress.add_file();
        Ok(Some(ReadSourceEntry { node: node(&path, &entry)?, open: Some(self.open(entry)?), path }))
    }

    fn open(&self, entry: BackupEntry) -> Result<Open, BackupError> {
        if let BackupContent::Bytes(bytes) = &entry.content
            && bytes.len() as u64 != entry.size
        {
            return Err(BackupError::Changed { path: entry.path, text: "it has another length".to_owned() });
        }
        Ok(Open { entry, work: self.work.clone() })
    }
}

fn node(path: &std::path::Path, entry: &BackupEntry) -> Result<Node, BackupError> {
    let name: &OsStr = path.file_name().ok_or_else(|| internal("a file to back up has no name"))?;
    let modified = i64::try_from(entry.modified.as_millis()).ok();
    let modified = modified.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let meta = Metadata { mode: Some(0o600), mtime: modified, size: entry.size, links: 1, ..Metadata::default() };
    Ok(Node::new_node(name, NodeType::File, meta))
}

/// A file that may have to be read.
pub(crate) struct Open {
    entry: BackupEntry,
    work: Work,
}

impl ReadSourceOpen for Open {
    type Reader = Reader;

    fn open(self) -> RusticResult<Reader> {
        let Self { entry, work } = self;
        let (chunk, rest) = match entry.content {
            BackupContent::Bytes(bytes) => (bytes, None),
            BackupContent::Open(open) => match work.handle.block_on(open()) {
                Ok(stream) => (Bytes::new(), Some(stream)),
                Err(error) => return Err(work.fault.raise(error)),
            },
        };
        Ok(Reader { path: entry.path, left: entry.size, chunk, rest: rest.map(Mutex::new), work })
    }
}

/// Reads a file, and holds it to the length that was announced.
pub(crate) struct Reader {
    path: String,
    left: u64,
    chunk: Bytes,
    /// In a lock because the stream is not `Sync`.
    rest: Option<Mutex<ByteStream>>,
    work: Work,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.chunk.is_empty() {
            let next = match &mut self.rest {
                Some(rest) => self.work.handle.block_on(rest.get_mut().next()),
                None => None,
            };
            match next {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(self.fail(error.into())),
                None if self.left == 0 => return Ok(0),
                None => return Err(self.changed("it is shorter")),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        let Some(left) = self.left.checked_sub(length as u64) else { return Err(self.changed("it is longer")) };
        self.left = left;
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), self.chunk.get(..length)) {
            to.copy_from_slice(from);
        }
        self.chunk.advance(length);
        self.work.progress.add_read(length as u64);
        Ok(length)
    }
}

impl Reader {
    fn changed(&self, text: &str) -> io::Error {
        self.fail(BackupError::Changed { path: self.path.clone(), text: text.to_owned() })
    }

    fn fail(&self, error: BackupError) -> io::Error {
        drop(self.work.fault.raise(error));
        io::Error::other("the source failed")
    }
}
