//! One repository: its versions, their files, its checks and its keys. Reading opens it once; everything else opens it
//! anew, and what is read afterwards is read from the repository as it then is.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use bytesize::ByteSize;
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use rustic_core::repofile::{KeyId, Node, SnapshotFile, SnapshotId};
use rustic_core::{
    BackupOptions, CheckOptions, Credentials, FileType, Id, IndexedFull, IndexedFullStatus, KeyOptions, LimitOption,
    OpenStatus, PruneOptions, Repository, RusticResult, SnapshotOptions, jiff,
};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use warbler_domain::{
    BackupError, BackupFile, BackupProgress, BackupRepository, BackupSource, BackupVersion, ByteStream, CheckDepth,
    CheckReport, Freeing, PassphraseKey, Repaired, StoreError, Timestamp,
};
use zeroize::Zeroizing;

use crate::backend::SinkBackend;
use crate::error::{Fault, internal, panicked};
use crate::repair::{repair, take_in};
use crate::repositories::{PACK, Place, layout, open};
use crate::source::Source;
use crate::tree;

/// Who made a version, in restic's terms: the same for all, so that each one builds on the one before.
const HOST: &str = "warbler";
const ROOT: &str = "/";

/// Pieces of a file that may wait for a slow reader.
const PIECES: usize = 2;

/// One repository.
pub(crate) struct ResticRepository {
    place: Place,
    credentials: Credentials,
    /// What was opened to read from, for as long as nothing is changed through this one.
    reading: Mutex<Option<Arc<Reading>>>,
    /// Whether the next version is made from all files, and not from what changed since the one before.
    looks_anew: AtomicBool,
}

/// A repository to read from.
struct Reading {
    repository: Repository<IndexedFullStatus>,
    backend: Arc<SinkBackend>,
    snapshots: Vec<SnapshotFile>,
}

impl Reading {
    fn snapshot(&self, version: &str) -> Result<&SnapshotFile, BackupError> {
        let id: SnapshotId = parse_id(version, "version")?.into();
        let found = self.snapshots.iter().find(|snapshot| snapshot.id == id);
        found.ok_or(BackupError::NotFound { what: "version" })
    }
}

/// An opened repository with the failures of its sink.
struct Opened {
    repository: Repository<OpenStatus>,
    backend: Arc<SinkBackend>,
}

impl Opened {
    fn fault(&self) -> &Fault {
        &self.backend.fault
    }

    fn snapshots(&self) -> Result<Vec<SnapshotFile>, BackupError> {
        self.repository.get_all_snapshots().map_err(|error| self.fault().explain(&error))
    }
}

impl ResticRepository {
    pub(crate) const fn new(place: Place, credentials: Credentials) -> Self {
        Self { place, credentials, reading: Mutex::new(None), looks_anew: AtomicBool::new(false) }
    }

    /// The repository as it was when it was first read from.
    async fn reading(&self) -> Result<Arc<Reading>, BackupError> {
        if let Some(reading) = &*self.reading.lock() {
            return Ok(Arc::clone(reading));
        }
        let opened = self.work(|opened| {
            let snapshots = opened.snapshots()?;
            let Opened { repository, backend } = opened;
            let repository = repository.to_indexed().map_err(|error| backend.fault.explain(&error))?;
            Ok(Arc::new(Reading { repository, backend, snapshots }))
        });
        let reading = opened.await?;
        *self.reading.lock() = Some(Arc::clone(&reading));
        Ok(reading)
    }

    /// Reads, away from the async threads. After a failure the repository is opened anew.
    async fn read_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError> {
        let reading = self.reading().await?;
        let done = spawn_blocking(move || work(&reading)).await.map_err(|error| panicked(&error)).and_then(|done| done);
        if done.is_err() {
            *self.reading.lock() = None;
        }
        done
    }

    pub(crate) async fn try_open(&self) -> Result<(), BackupError> {
        self.work(|_| Ok(())).await
    }

    /// Does something with the opened repository, away from the async threads.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(Opened) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError> {
        self.watched_work(Arc::default(), work).await
    }

    async fn watched_work<T: Send + 'static>(
        &self,
        progress: Arc<BackupProgress>,
        work: impl FnOnce(Opened) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError> {
        *self.reading.lock() = None;
        let (backend, credentials) = (self.place.backend(progress), self.credentials.clone());
        let work = move || {
            let repository = open(&backend, &credentials)?;
            work(Opened { repository, backend })
        };
        spawn_blocking(work).await.map_err(|error| panicked(&error))?
    }
}

#[async_trait]
impl BackupRepository for ResticRepository {
    async fn snapshot(
        &self,
        at: Timestamp,
        source: Box<dyn BackupSource>,
        progress: Arc<BackupProgress>,
    ) -> Result<BackupVersion, BackupError> {
        let counted = Arc::clone(&progress);
        let handle = tokio::runtime::Handle::current();
        let looks_anew = self.looks_anew.swap(false, Ordering::AcqRel);
        let work = move |opened: Opened| {
            let _entered = handle.enter();
            let mut options = BackupOptions::default().no_scan(true);
            options.parent_opts.ignore_ctime = true;
            options.parent_opts.force = looks_anew;
            archive(opened, &options, at, source, counted)
        };
        self.watched_work(progress, work).await
    }

    async fn versions(&self) -> Result<Vec<BackupVersion>, BackupError> {
        self.work(|opened| {
            let mut versions: Vec<_> = opened.snapshots()?.iter().map(version).collect();
            versions.sort_by(|left, right| left.at.cmp(&right.at).then_with(|| left.id.cmp(&right.id)));
            Ok(versions)
        })
        .await
    }

    async fn list(&self, version: &str, folder: &str) -> Result<Option<Vec<BackupFile>>, BackupError> {
        let (version, folder) = (version.to_owned(), folder.to_owned());
        self.read_work(move |reading| {
            let snapshot = reading.snapshot(&version)?;
            tree::files_in(&reading.repository, &reading.backend.fault, snapshot, &folder)
        })
        .await
    }

    async fn read(&self, version: &str, path: &str) -> Result<Option<ByteStream>, BackupError> {
        let (version, path) = (version.to_owned(), path.to_owned());
        let found = self.read_work(move |reading| {
            let snapshot = reading.snapshot(&version)?;
            tree::node_at(&reading.repository, &reading.backend.fault, snapshot, &path)
        });
        let Some(node) = found.await?.filter(Node::is_file) else { return Ok(None) };
        let reading = self.reading().await?;
        let (pieces, received) = mpsc::channel(PIECES);
        spawn_blocking(move || dump(&reading.repository, &reading.backend, &node, &pieces));
        Ok(Some(stream::unfold(received, |mut pieces| async { Some((pieces.recv().await?, pieces)) }).boxed()))
    }

    async fn check(&self, depth: CheckDepth) -> Result<CheckReport, BackupError> {
        self.work(move |opened| {
            let options = CheckOptions::default().read_data(depth == CheckDepth::Everything);
            let results = opened.repository.check(options).map_err(|error| opened.fault().explain(&error))?;
            let mut report = CheckReport::default();
            for (level, finding) in &results.0 {
                // Its advice is to use a command that is not ours.
                let text = finding.to_string();
                let text = text.split(" To repair: ").next().unwrap_or_default().to_owned();
                // The type of the level is not exported; its name is.
                if format!("{level:?}") == "Error" { report.problems.push(text) } else { report.remarks.push(text) }
            }
            Ok(report)
        })
        .await
    }

    async fn repair(&self) -> Result<Repaired, BackupError> {
        let done = self.work(|opened| repair(&opened.repository, &opened.backend)).await?;
        // What was lost is stored again only if the files are looked at anew.
        self.looks_anew.store(true, Ordering::Release);
        Ok(done)
    }

    async fn forget(&self, versions: &[String]) -> Result<(), BackupError> {
        let ids = versions.iter().map(|version| Ok(parse_id(version, "version")?.into()));
        let ids = ids.collect::<Result<Vec<SnapshotId>, BackupError>>()?;
        self.work(move |opened| {
            opened.repository.delete_snapshots(&ids).map_err(|error| opened.fault().explain(&error))?;
            opened.fault().check()
        })
        .await
    }

    async fn prune(&self, how: Freeing) -> Result<u64, BackupError> {
        self.work(move |opened: Opened| match how {
            Freeing::Gently => free(&opened, &PruneOptions::default()),
            Freeing::AtOnce => {
                let options = |most| {
                    let mut options = PruneOptions::default();
                    (options.instant_delete, options.max_repack) = (true, LimitOption::Size(ByteSize(most)));
                    options
                };
                let freed = free(&opened, &options(0))?;
                // What was freed has made room for it, or nothing has.
                Ok(free(&opened, &options(PACK)).map_or(freed, |more| freed.max(more)))
            }
        })
        .await
    }

    async fn add_passphrase(&self, passphrase: Zeroizing<String>) -> Result<PassphraseKey, BackupError> {
        self.work(move |opened| {
            let explain = |error: Box<rustic_core::RusticError>| opened.fault().explain(&error);
            let options = KeyOptions::default().hostname(HOST.to_owned()).with_created(true);
            let id = opened.repository.add_key(&passphrase, &options).map_err(explain)?.to_hex();
            let file = rustic_core::ReadBackend::read_full(&*opened.backend, FileType::Key, &parse_id(&id, "key")?);
            Ok(PassphraseKey { id: id.as_str().to_owned(), file: file.map_err(explain)? })
        })
        .await
    }

    async fn passphrases(&self) -> Result<Vec<String>, BackupError> {
        self.work(|opened| {
            let keys: RusticResult<Vec<KeyId>> = opened.repository.list::<KeyId>().map(Iterator::collect);
            let keys = keys.map_err(|error| opened.fault().explain(&error))?;
            Ok(keys.iter().map(|id| id.to_hex().as_str().to_owned()).collect())
        })
        .await
    }

    async fn remove_passphrase(&self, id: &str) -> Result<(), BackupError> {
        let id: KeyId = parse_id(id, "key")?.into();
        self.work(move |opened| opened.repository.delete_key(&id).map_err(|error| opened.fault().explain(&error))).await
    }
}

/// Frees what no version needs; how many bytes.
fn free(opened: &Opened, options: &PruneOptions) -> Result<u64, BackupError> {
    let explain = |error: Box<rustic_core::RusticError>| opened.fault().explain(&error);
    let plan = opened.repository.prune_plan(options).map_err(explain)?;
    let unused = plan.stats.size_sum().unused + plan.stats.size_unref;
    opened.repository.prune(options, plan).map_err(explain)?;
    opened.fault().check()?;
    Ok(unused)
}

/// Makes a version, and shows it once every file of the source is accounted for.
fn archive(
    opened: Opened,
    options: &BackupOptions,
    at: Timestamp,
    source: Box<dyn BackupSource>,
    progress: Arc<BackupProgress>,
) -> Result<BackupVersion, BackupError> {
    let Opened { mut repository, backend } = opened;
    let fault = backend.fault.clone();
    // One that another tool made may say something else, or a size of packs that the sink does not take.
    repository.apply_config(&layout()).map_err(|error| fault.explain(&error))?;
    take_in(&repository, &backend)?;
    let indexed = repository.to_indexed_ids().map_err(|error| fault.explain(&error))?;
    let about = SnapshotOptions::default().host(HOST.to_owned()).time(zoned(at)?).command(HOST.to_owned());
    let snapshot = about.to_snapshot().map_err(|error| fault.explain(&error))?;
    let source = Source::new(source, fault.clone(), progress);
    let given = Arc::clone(&source.work.given);
    backend.hold_snapshots();
    let made = indexed.archive(options, &source, snapshot, &[PathBuf::from(ROOT)]);
    let made = made.map_err(|error| fault.explain(&error));
    source.end()?;
    let made = made?;
    fault.check()?;
    let (given, kept) = (given.load(Ordering::Relaxed), version(&made).files);
    if given != kept {
        return Err(internal(&format!("of {given} files only {kept} were stored")));
    }
    backend.release()?;
    Ok(version(&made))
}

/// Sends a file in pieces for as long as somebody reads them.
fn dump<S: IndexedFull>(
    repository: &Repository<S>,
    backend: &SinkBackend,
    node: &Node,
    pieces: &mpsc::Sender<Result<Bytes, StoreError>>,
) {
    if let Err(error) = repository.dump(node, &mut Pieces(pieces)) {
        let error = Box::new(backend.fault.explain(&error));
        // Nobody reads any more: that was the error.
        drop(pieces.blocking_send(Err(StoreError::Io { doing: "reading a backup", source: error })));
    }
}

struct Pieces<'a>(&'a mpsc::Sender<Result<Bytes, StoreError>>);

impl Write for Pieces<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(piece)));
        sent.map(|()| piece.len()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn version(snapshot: &SnapshotFile) -> BackupVersion {
    let summary = snapshot.summary.as_ref();
    BackupVersion {
        id: snapshot.id.to_hex().as_str().to_owned(),
        at: Timestamp::from_millis(u64::try_from(snapshot.time.timestamp().as_millisecond()).unwrap_or(0)),
        files: summary.map_or(0, |summary| summary.total_files_processed),
        bytes: summary.map_or(0, |summary| summary.total_bytes_processed),
        added: summary.map_or(0, |summary| summary.data_added_packed),
    }
}

fn zoned(at: Timestamp) -> Result<jiff::Zoned, BackupError> {
    let out_of_range = |_| internal("the clock is out of range");
    let ms = i64::try_from(at.as_millis()).map_err(|_| internal("the clock is out of range"))?;
    Ok(jiff::Timestamp::from_millisecond(ms).map_err(out_of_range)?.to_zoned(jiff::tz::TimeZone::UTC))
}

fn parse_id(text: &str, what: &'static str) -> Result<Id, BackupError> {
    text.parse().map_err(|_| BackupError::NotFound { what })
}
