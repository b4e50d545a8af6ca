//! A sink as the library's backend: restic's names, patience with a sink that is away, and a snapshot that is kept
//! back until all of it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};
use tokio::runtime::Handle;
use tokio::time::Instant;
use warbler_domain::{BackupError, BackupProgress, BackupSink, HookError};

use crate::Patience;
use crate::error::Fault;
use crate::throttle::Throttle;

/// Longest blob of a sink: 32 MiB, by its contract.
const BLOB: u64 = 32 * 1024 * 1024;

/// Entries of one page of a sink's list; fewer mean that there are no more.
const PAGE: usize = 1_000;

/// How soon a pause hears that the run was cancelled.
const HEARD: Duration = Duration::from_millis(100);

/// A sink as a backend, for one operation.
pub(crate) struct SinkBackend {
    sink: Arc<dyn BackupSink>,
    handle: Handle,
    patience: Patience,
    throttle: Option<Arc<Throttle>>,
    progress: Arc<BackupProgress>,
    pub(crate) fault: Fault,
    /// Whether snapshots are kept back.
    holding: AtomicBool,
    held: Mutex<Option<(String, Bytes)>>,
}

impl SinkBackend {
    /// Must be called where there is an async runtime.
    pub(crate) fn new(
        sink: Arc<dyn BackupSink>,
        patience: Patience,
        throttle: Option<Arc<Throttle>>,
        progress: Arc<BackupProgress>,
    ) -> Self {
        Self {
            sink,
            handle: Handle::current(),
            patience,
            throttle,
            progress,
            fault: Fault::default(),
            holding: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    /// From now on a snapshot that is written waits for [`release`](Self::release).
    pub(crate) fn hold_snapshots(&self) {
        self.holding.store(true, Ordering::Release);
    }

    /// Writes the snapshot that was kept back.
    pub(crate) fn release(&self) -> Result<(), BackupError> {
        match self.held.lock().take() {
            Some((name, bytes)) => self.put(&name, bytes),
            None => Err(crate::error::internal("there is no snapshot to keep")),
        }
    }

    #[allow(clippy::needless_pass_by_value)] // The sink takes the bytes, however often it is tried.
    pub(crate) fn put(&self, name: &str, bytes: Bytes) -> Result<(), BackupError> {
        if bytes.len() as u64 > BLOB {
            return Err(BackupError::Internal { text: format!("{name} has {} bytes, more than {BLOB}", bytes.len()) });
        }
        if let Some(throttle) = &self.throttle {
            let wait = throttle.wait(bytes.len(), Instant::now());
            self.sleep(wait);
        }
        let length = bytes.len() as u64;
        self.patiently("putting a blob", || self.sink.put(name, bytes.clone()))?;
        self.progress.add_stored(length);
        Ok(())
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, BackupError> {
        self.patiently("getting a blob", || self.sink.get(name, offset, length))
    }

    /// A whole blob; nothing if it is not there.
    pub(crate) fn get_whole(&self, name: &str) -> Result<Option<Bytes>, BackupError> {
        self.get(name, 0, BLOB)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), BackupError> {
        self.patiently("deleting a blob", || self.sink.delete(name))
    }

    /// Everything under a prefix.
    fn list_all(&self, prefix: &str) -> Result<Vec<(String, u64)>, BackupError> {
        let mut found: Vec<(String, u64)> = Vec::new();
        loop {
            let after = found.last().map(|(name, _)| name.clone());
            let page = self.patiently("listing blobs", || self.sink.list(prefix, after.as_deref()))?;
            let is_last = page.len() < PAGE;
            for entry in page {
                if found.last().is_some_and(|(last, _)| *last >= entry.name) {
                    return Err(BackupError::Untrue { text: "its list is not in order".to_owned() });
                }
                found.push((entry.name, entry.size));
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Pauses, and not any longer once the run is cancelled.
    fn sleep(&self, pause: Duration) {
        // Made within the runtime, which the library's threads do not belong to.
        self.handle.block_on(async {
            let until = Instant::now() + pause;
            while Instant::now() < until && !self.progress.is_cancelled() {
                tokio::time::sleep_until(until.min(Instant::now() + HEARD)).await;
            }
        });
    }

    /// Whether a blob that is listed is wherever it has to be.
    pub(crate) fn is_one(&self) -> bool {
        self.sink.is_one()
    }

    /// Calls the sink, and again after a pause if that may help.
    fn patiently<T, F>(&self, doing: &'static str, call: impl Fn() -> F) -> Result<T, BackupError>
    where
        F: Future<Output = Result<T, HookError>>,
    {
        let mut attempt = 1;
        loop {
            if self.progress.is_cancelled() {
                return Err(BackupError::Cancelled);
            }
            let error = match self.handle.block_on(call()) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A trap ends the instance; the next call gets another one.
            let may_help = error.is_transient() || matches!(error, HookError::Trapped { .. });
            if !may_help || attempt >= self.patience.attempts {
                return Err(BackupError::Sink { doing, source: Arc::new(error) });
            }
            tracing::warn!(%error, attempt, doing, "the sink failed and is asked again");
            self.sleep(self.patience.pause(attempt));
            attempt += 1;
        }
    }
}

/// The blob's name in restic's layout.
pub(crate) fn name_of(kind: FileType, id: &Id) -> String {
    match kind {
        FileType::Config => "config".to_owned(),
        FileType::Pack => {
            let hex = id.to_hex().to_string();
            format!("data/{}/{hex}", hex.get(..2).unwrap_or_default())
        }
        other => format!("{}/{}", other.dirname(), id.to_hex().as_str()),
    }
}

impl ReadBackend for SinkBackend {
    fn location(&self) -> String {
        "sink".to_owned()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let raise = |error| self.fault.raise(error);
        if kind == FileType::Config {
            let found = self.list_all("config").map_err(raise)?;
            let config = found.into_iter().find(|(name, _)| name == "config");
            return Ok(config.map(|(_, size)| (Id::default(), length_of(size))).into_iter().collect());
        }
        let found = self.list_all(&format!("{}/", kind.dirname())).map_err(raise)?;
        // Other names are none of ours: the half of an upload that a sink keeps under a name of its own.
        let known = found.iter().filter_map(|(name, size)| {
            let id = name.rsplit('/').next()?.parse::<Id>().ok()?;
            (name_of(kind, &id) == *name).then(|| (id, length_of(*size)))
        });
        Ok(known.collect())
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let name = name_of(kind, id);
        let missing = || BackupError::Damaged { text: format!("{name} is missing") };
        self.get(&name, 0, BLOB).and_then(|bytes| bytes.ok_or_else(missing)).map_err(|error| self.fault.raise(error))
    }

    fn read_partial(&self, kind: FileType, id: &Id, _cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let name = name_of(kind, id);
        self.read_range(&name, u64::from(offset), u64::from(length)).map_err(|error| self.fault.raise(error))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        name_of(kind, id)
    }
}

impl SinkBackend {
    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Bytes, BackupError> {
        let damaged = |text: &str| BackupError::Damaged { text: format!("{name} {text}") };
        let first = self.get(name, offset, length)?.ok_or_else(|| damaged("is missing"))?;
        if first.len() as u64 == length {
            return Ok(first);
        }
        // A sink may give less than it was asked for.
        let mut whole = BytesMut::from(&first[..]);
        while (whole.len() as u64) < length {
            let got = whole.len() as u64;
            let more = self.get(name, offset + got, length - got)?.ok_or_else(|| damaged("is missing"))?;
            if more.is_empty() {
                return Err(damaged("is too short"));
            }
            whole.extend_from_slice(&more);
        }
        if whole.len() as u64 > length {
            return Err(BackupError::Untrue { text: format!("{name} came longer than it was asked for") });
        }
        Ok(whole.freeze())
    }
}

impl WriteBackend for SinkBackend {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let name = name_of(kind, id);
        let bytes = joined(content);
        if kind == FileType::Snapshot && self.holding.load(Ordering::Acquire) {
            *self.held.lock() = Some((name, bytes));
            return Ok(());
        }
        self.put(&name, bytes).map_err(|error| self.fault.raise(error))
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.delete(&name_of(kind, id)).map_err(|error| self.fault.raise(error))
    }
}

fn length_of(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn joined(content: BytesList) -> Bytes {
    let mut parts = content.into_vec();
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    // Each goes as soon as it is copied.
    for part in parts {
        whole.extend_from_slice(&part);
    }
    whole.freeze()
}
