//! The host's repository alone, on the files that `restic` reads: without the store, the sandbox and the rest of the host.
//! Each phase is a process of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use warbler_backup::ResticRepositories;
use warbler_domain::{
    BackupContent, BackupEntry, BackupError, BackupRepositories as _, BackupRepository, BackupSink, BackupSource,
    BlobEntry, Clock as _, HookError, RepositoryKey, RepositoryOptions, StoreError, SystemClock, Timestamp, Unlock,
};
use zeroize::Zeroizing;

use crate::data::walk;
use crate::process::{Cost, measure};

/// Measures one phase.
pub(crate) fn measured(what: &str, data: &Path, folder: &Path) -> Result<Cost> {
    let mut command = Command::new(std::env::current_exe()?);
    measure(command.args(["--phase", what]).arg(data).arg(folder))
}

/// Does one phase: `create`, `backup` or `restore`.
pub(crate) async fn phase(what: &str, data: &Path, folder: &Path) -> Result<()> {
    let repositories = ResticRepositories::default();
    let sink: Arc<dyn BackupSink> = Arc::new(Folder(folder.to_owned()));
    // The host keeps its key sealed in its own store; here it lies beside the repository.
    let key_file = folder.with_extension("key");
    if what == "create" {
        let key = repositories.new_key()?;
        fs::write(key_file, key.0.as_bytes())?;
        repositories.create(sink, &key, RepositoryOptions::default()).await?;
        return Ok(());
    }
    let unlock = Unlock::Key(RepositoryKey(Zeroizing::new(fs::read_to_string(key_file)?)));
    let repository = repositories.open(sink, unlock, RepositoryOptions::default()).await?;
    match what {
        "backup" => {
            let source = Files { root: data.to_owned(), files: walk(data)?.into_iter() };
            repository.snapshot(SystemClock.now(), Box::new(source), Arc::default()).await?;
            Ok(())
        }
        "restore" => restore(&repository, &folder.with_extension("restored")).await,
        _ => bail!("there is no phase {what}"),
    }
}

/// Writes the newest version into a folder.
async fn restore(repository: &Arc<dyn BackupRepository>, to: &Path) -> Result<()> {
    let newest = repository.versions().await?.pop().context("there is no version")?.id;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(to.join(&folder))?;
        for file in repository.list(&newest, &folder).await?.context("the folder is missing")? {
            let path = if folder.is_empty() { file.name } else { format!("{folder}/{}", file.name) };
            if file.is_folder {
                folders.push(path);
                continue;
            }
            let mut stream = repository.read(&newest, &path).await?.context("the file is missing")?;
            let mut out = fs::File::create(to.join(&path))?;
            while let Some(bytes) = stream.try_next().await? {
                out.write_all(&bytes)?;
            }
        }
    }
    Ok(())
}

/// Files of a folder as a source.
struct Files {
    root: PathBuf,
    files: std::vec::IntoIter<PathBuf>,
}

#[async_trait]
impl BackupSource for Files {
    async fn next(&mut self) -> Result<Option<BackupEntry>, BackupError> {
        let Some(path) = self.files.next() else { return Ok(None) };
        let failed = |error: std::io::Error| StoreError::Io { doing: "reading a file", source: Box::new(error) };
        let meta = fs::metadata(&path).map_err(failed)?;
        let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let name = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
        let open: warbler_domain::OpenFile = Box::new(move || {
            Box::pin(async move {
                let bytes = fs::read(&path).map_err(failed)?;
                let stream: warbler_domain::ByteStream = Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))]));
                Ok(stream)
            })
        });
        Ok(Some(BackupEntry {
            path: name,
            size: meta.len(),
            modified: Timestamp::from_millis(u64::try_from(modified.as_millis()).unwrap_or(0)),
            content: BackupContent::Open(open),
        }))
    }
}

/// A folder as a sink.
struct Folder(PathBuf);

impl Folder {
    fn failed(error: &std::io::Error) -> HookError {
        HookError::Trapped { text: error.to_string() }
    }
}

#[async_trait]
impl BackupSink for Folder {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), HookError> {
        let path = self.0.join(name);
        let written = fs::create_dir_all(path.parent().unwrap_or(&self.0)).and_then(|()| fs::write(&path, bytes));
        written.map_err(|error| Self::failed(&error))
    }

    async fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, HookError> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let Ok(mut file) = fs::File::open(self.0.join(name)) else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.take(length).read_to_end(&mut bytes));
        read.map_err(|error| Self::failed(&error))?;
        Ok(Some(bytes.into()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        let found = walk(&self.0).unwrap_or_default();
        let mut entries: Vec<BlobEntry> = found
            .iter()
            .filter_map(|path| {
                let name = path.strip_prefix(&self.0).ok()?.to_str()?.to_owned();
                let is_wanted = name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after);
                is_wanted.then(|| BlobEntry { name, size: fs::metadata(path).map_or(0, |meta| meta.len()) })
            })
            .collect();
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        entries.truncate(1_000);
        Ok(entries)
    }

    async fn delete(&self, name: &str) -> Result<(), HookError> {
        // It may be gone already.
        let _ = fs::remove_file(self.0.join(name));
        Ok(())
    }
}
