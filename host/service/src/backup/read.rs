//! Reading versions: the index, the events of a conversation, and what was erased since.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use futures::TryStreamExt as _;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use warbler_domain::{
    BackupError, BackupRepository, ByteStream, ConversationId, Event, MessageId, Sequence, StoreError, TenantId,
    Timestamp,
};

use super::layout::{ERASED, FORMAT, IndexLine, MANIFEST, Manifest, Part, RecordLine};

/// Longest line that is read: the store's limit of an event, and a conversation of a gigabyte in the index.
const LINE: usize = 8 * 1024 * 1024;

/// A file of a version, line by line.
pub(super) struct Lines {
    path: String,
    stream: ByteStream,
    buffer: BytesMut,
    /// How much of the buffer has no line end in it.
    searched: usize,
    is_done: bool,
}

impl Lines {
    /// The lines of a file that must be there.
    pub(super) async fn open(
        repository: &dyn BackupRepository,
        version: &str,
        path: &str,
    ) -> Result<Self, BackupError> {
        let found = repository.read(version, path).await?;
        let stream = found.ok_or_else(|| BackupError::Damaged { text: format!("{path} is missing") })?;
        Ok(Self { path: path.to_owned(), stream, buffer: BytesMut::new(), searched: 0, is_done: false })
    }

    /// The next line, read as JSON.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BackupError> {
        loop {
            let found = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n');
            if let Some(end) = found.map(|end| self.searched + end) {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                self.searched = 0;
                let parsed = serde_json::from_slice(&line);
                return parsed.map(Some).map_err(|_| self.damaged("has a line that cannot be read"));
            }
            self.searched = self.buffer.len();
            if self.is_done {
                return if self.buffer.is_empty() { Ok(None) } else { Err(self.damaged("ends within a line")) };
            }
            if self.buffer.len() > LINE {
                return Err(self.damaged("has a line that is too long"));
            }
            match self.stream.try_next().await.map_err(from_stream)? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => self.is_done = true,
            }
        }
    }

    fn damaged(&self, text: &str) -> BackupError {
        BackupError::Damaged { text: format!("{} {text}", self.path) }
    }
}

/// An error that came through a stream of bytes, as it was before.
pub(super) fn from_stream(error: StoreError) -> BackupError {
    match error {
        StoreError::Io { source, doing } => match source.downcast::<BackupError>() {
            Ok(error) => *error,
            Err(source) => StoreError::Io { doing, source }.into(),
        },
        other => other.into(),
    }
}

/// A whole file of at most so many bytes.
pub(super) async fn whole(mut stream: ByteStream, most: u64) -> Result<Bytes, BackupError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.try_next().await.map_err(from_stream)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > most {
            return Err(BackupError::Damaged { text: format!("a file has more than {most} bytes") });
        }
    }
    Ok(bytes.freeze())
}

/// The manifest of a version.
pub(super) async fn manifest(repository: &dyn BackupRepository, version: &str) -> Result<Manifest, BackupError> {
    let damaged = |text: String| BackupError::Damaged { text };
    let found = repository.read(version, MANIFEST).await?;
    let found = found.ok_or_else(|| damaged("the version has no manifest".to_owned()))?;
    let bytes = whole(found, LINE as u64).await?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|_| damaged("the manifest cannot be read".to_owned()))?;
    if manifest.format != FORMAT {
        return Err(damaged(format!("the version is of format {}, this host reads {FORMAT}", manifest.format)));
    }
    Ok(manifest)
}

/// The lines of files in one folder of a version, file after file.
struct Files {
    repository: Arc<dyn BackupRepository>,
    version: String,
    folder: &'static str,
    names: std::vec::IntoIter<String>,
    lines: Option<Lines>,
}

impl Files {
    /// Those files whose names are wanted.
    async fn open(
        repository: &Arc<dyn BackupRepository>,
        version: &str,
        folder: &'static str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, BackupError> {
        let mut names = file_names(repository, version, folder).await?;
        names.retain(|name| is_wanted(name));
        let (repository, version) = (Arc::clone(repository), version.to_owned());
        Ok(Self { repository, version, folder, names: names.into_iter(), lines: None })
    }

    async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BackupError> {
        loop {
            if let Some(lines) = &mut self.lines
                && let Some(line) = lines.next().await?
            {
                return Ok(Some(line));
            }
            let Some(name) = self.names.next() else { return Ok(None) };
            let path = format!("{}/{name}", self.folder);
            self.lines = Some(Lines::open(&*self.repository, &self.version, &path).await?);
        }
    }
}

/// The index of a version, line by line.
pub(super) struct Index(Files);

impl Index {
    pub(super) async fn open(repository: &Arc<dyn BackupRepository>, version: &str) -> Result<Self, BackupError> {
        Ok(Self(Files::open(repository, version, "index", |_| true).await?))
    }

    pub(super) async fn next(&mut self) -> Result<Option<IndexLine>, BackupError> {
        self.0.next().await
    }

    /// The line of one conversation. Files of the index are named after their first one.
    pub(super) async fn find(
        repository: &Arc<dyn BackupRepository>,
        version: &str,
        conversation: ConversationId,
    ) -> Result<Option<IndexLine>, BackupError> {
        let name = format!("{conversation}.jsonl");
        let files = file_names(repository, version, "index").await?;
        let Some(file) = files.iter().rev().find(|file| **file <= name) else { return Ok(None) };
        let mut lines = Lines::open(&**repository, version, &format!("index/{file}")).await?;
        while let Some(line) = lines.next::<IndexLine>().await? {
            if line.conversation.id == conversation {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

pub(super) async fn file_names(
    repository: &Arc<dyn BackupRepository>,
    version: &str,
    folder: &str,
) -> Result<Vec<String>, BackupError> {
    let found = repository.list(version, folder).await?.unwrap_or_default();
    Ok(found.into_iter().filter(|file| !file.is_folder).map(|file| file.name).collect())
}

/// The events of one part, line by line.
pub(super) struct Events {
    lines: Lines,
    conversation: ConversationId,
    places: RangeInclusive<Sequence>,
}

impl Events {
    pub(super) async fn open(
        repository: &dyn BackupRepository,
        version: &str,
        conversation: ConversationId,
        part: &Part,
    ) -> Result<Self, BackupError> {
        let lines = Lines::open(repository, version, &part.path(conversation)).await?;
        Ok(Self { lines, conversation, places: part.first..=part.last })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Event>, BackupError> {
        let event: Option<Event> = self.lines.next().await?;
        let belongs = |event: &Event| event.conversation == self.conversation && self.places.contains(&event.sequence);
        match event {
            Some(event) if !belongs(&event) => Err(self.lines.damaged("has an event that does not belong there")),
            event => Ok(event),
        }
    }
}

/// The records of one family, line by line.
pub(super) struct Records(Files);

impl Records {
    pub(super) async fn open(
        repository: &Arc<dyn BackupRepository>,
        version: &str,
        family: &str,
    ) -> Result<Self, BackupError> {
        Ok(Self(Files::open(repository, version, "records", |file| is_of(file, family)).await?))
    }

    pub(super) async fn next(&mut self) -> Result<Option<RecordLine>, BackupError> {
        self.0.next().await
    }

    /// At most so many of the next ones; none at the end.
    pub(super) async fn some(&mut self, most: usize) -> Result<Vec<RecordLine>, BackupError> {
        let mut found = Vec::new();
        while found.len() < most
            && let Some(line) = self.next().await?
        {
            found.push(line);
        }
        Ok(found)
    }
}

/// Whether a file holds records of a family: `lexicon-0001.jsonl`, but not `lexicon-words-0001.jsonl`.
fn is_of(file: &str, family: &str) -> bool {
    let rest = file.strip_prefix(family).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A value of a record.
pub(super) fn parsed<T: DeserializeOwned>(line: RecordLine) -> Result<T, BackupError> {
    let RecordLine { key, value } = line;
    serde_json::from_value(value).map_err(|_| BackupError::Damaged { text: format!("the record {key} cannot be read") })
}

/// What versions say was erased, by version: one that is made never changes.
#[derive(Default)]
pub(super) struct ErasedCache(Mutex<HashMap<(TenantId, String), Arc<ErasedIn>>>);

/// What one version says was erased.
#[derive(Debug, Default, PartialEq, Eq)]
struct ErasedIn {
    messages: HashSet<MessageId>,
    /// All that was sent before, because of its age.
    before: Option<Timestamp>,
}

/// What was erased by what any version says.
#[derive(Default)]
pub(super) struct Erased(Vec<Arc<ErasedIn>>);

impl Erased {
    pub(super) fn contains(&self, message: &MessageId) -> bool {
        self.0.iter().any(|erased| erased.messages.contains(message))
    }

    /// All of them.
    pub(super) fn messages(&self) -> HashSet<MessageId> {
        self.0.iter().flat_map(|erased| erased.messages.iter().copied()).collect()
    }

    /// The time before which everything was erased because of its age.
    pub(super) fn before(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|erased| erased.before).max()
    }
}

impl ErasedCache {
    /// What any version says was erased, so that none brings it back, not even into a host that never knew of it. All
    /// are asked: the times of versions are those of a clock that may stand still or be set back, so that the one that
    /// looks newest need not know of the latest erasure.
    pub(super) async fn all(
        &self,
        tenant: TenantId,
        repository: &Arc<dyn BackupRepository>,
    ) -> Result<Erased, BackupError> {
        let versions = repository.versions().await?;
        let is_there = |id: &String| versions.iter().any(|version| version.id == *id);
        self.0.lock().retain(|(of, id), _| *of != tenant || is_there(id));
        let mut erased = Vec::with_capacity(versions.len());
        for version in &versions {
            let key = (tenant, version.id.clone());
            let known = self.0.lock().get(&key).map(Arc::clone);
            let found = if let Some(known) = known {
                known
            } else {
                let (found, is_all) = erased_in(repository, &version.id).await?;
                let found = Arc::new(found);
                // Damage may be made good.
                if is_all {
                    self.0.lock().insert(key, Arc::clone(&found));
                }
                found
            };
            // Most versions say the same as the one before.
            if *found != ErasedIn::default() && erased.last().is_none_or(|last| *last != found) {
                erased.push(found);
            }
        }
        Ok(Erased(erased))
    }
}

/// What a version says was erased, and whether that is all that it says: of a damaged one, what can be read of it.
async fn erased_in(repository: &Arc<dyn BackupRepository>, version: &str) -> Result<(ErasedIn, bool), BackupError> {
    let (mut erased, mut is_all) = (ErasedIn::default(), true);
    match manifest(&**repository, version).await {
        // One that another tool made has none, and no such records either.
        Err(BackupError::Damaged { .. }) => is_all = false,
        manifest => erased.before = manifest?.erased_before,
    }
    let mut records = match Records::open(repository, version, ERASED).await {
        Err(BackupError::Damaged { .. }) => return Ok((erased, false)),
        records => records?,
    };
    loop {
        match records.next().await {
            Ok(Some(line)) => {
                let id = line.key.rsplit('/').next().and_then(|id| id.parse::<MessageId>().ok());
                erased.messages.extend(id);
            }
            Ok(None) => return Ok((erased, is_all)),
            Err(BackupError::Damaged { .. }) => return Ok((erased, false)),
            Err(error) => return Err(error),
        }
    }
}
