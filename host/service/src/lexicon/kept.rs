//! Word lists in the store: one record that says what a list is, and its words in chunks beside it.
//!
//! Chunks belong to a generation. A change writes the chunks of the next generation first and then the
//! record that names it, so that a crash in between leaves the old list whole; chunks that no record
//! names are swept away by the next change.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use warbler_domain::{Expect, State, StateKey, StateWrite, StoreError, TenantScope, Timestamp, UserId};
use warbler_text::Entry;

use crate::ServiceError;

/// Words of one chunk: at 256 bytes a word, at most some 300 KiB.
const CHUNK: usize = 1_000;

/// Records read at a time.
const PAGE: usize = 256;

const FAMILY: &str = "lexicon";
const WORDS: &str = "lexicon-words";

/// What a list is, beside its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) chunks: usize,
    pub(super) words: usize,
    pub(super) changed_at: Timestamp,
    pub(super) changed_by: Option<UserId>,
}

/// A list in a backup.
pub(crate) struct BackedUpList {
    /// Its name.
    pub(crate) name: String,
    /// How the keys of its words begin.
    pub(crate) words: String,
}

impl BackedUpList {
    /// Reads a record of a backup, by its key; nothing if it is no list.
    pub(crate) fn read(key: &str, value: serde_json::Value) -> Option<Self> {
        let meta: Meta = serde_json::from_value(value).ok()?;
        let blind = key.strip_prefix(FAMILY)?.strip_prefix('/')?;
        let words = format!("{WORDS}/{blind}/{}/", padded(meta.generation));
        Some(Self { name: meta.name, words })
    }
}

/// The lists as they are kept.
pub(super) struct Kept {
    state: Arc<dyn State>,
}

impl Kept {
    pub(super) fn new(state: Arc<dyn State>) -> Self {
        Self { state }
    }

    /// The record of a list, with its version.
    pub(super) async fn meta(&self, scope: &TenantScope, name: &str) -> Result<Option<(Meta, u64)>, StoreError> {
        let Some(kept) = self.state.get(scope, &self.key(scope, name)?).await? else {
            return Ok(None);
        };
        read(&kept.value).map(|meta| Some((meta, kept.version)))
    }

    /// The records of all lists.
    pub(super) async fn metas(&self, scope: &TenantScope) -> Result<Vec<(Meta, u64)>, StoreError> {
        let found = self.state.scan(scope, &StateKey::new(FAMILY, &[&""]), None, PAGE).await?;
        found.iter().map(|(_, kept)| Ok((read(&kept.value)?, kept.version))).collect()
    }

    /// The words of a list.
    pub(super) async fn entries(&self, scope: &TenantScope, meta: &Meta) -> Result<Vec<Entry>, ServiceError> {
        let mut entries = Vec::with_capacity(meta.words);
        for index in 0..meta.chunks {
            let key = self.chunk(scope, &meta.name, meta.generation, index)?;
            let kept = self.state.get(scope, &key).await?;
            let kept = kept.ok_or(StoreError::Corrupt { what: "word list" })?;
            entries.append(&mut read::<Vec<Entry>>(&kept.value)?);
        }
        Ok(entries)
    }

    /// Writes the chunks, and gives the record's write that makes them count.
    pub(super) async fn put(
        &self,
        scope: &TenantScope,
        mut meta: Meta,
        entries: &[Entry],
        replaces: Option<u64>,
    ) -> Result<(Meta, StateWrite), ServiceError> {
        for (index, words) in entries.chunks(CHUNK).enumerate() {
            let key = self.chunk(scope, &meta.name, meta.generation, index)?;
            let write = StateWrite { key, value: Some(written(&words)?), expect: Expect::Any };
            self.state.commit(scope, vec![write]).await?;
            meta.chunks = index + 1;
        }
        let expect = replaces.map_or(Expect::Absent, Expect::Version);
        let write = StateWrite { key: self.key(scope, &meta.name)?, value: Some(written(&meta)?), expect };
        Ok((meta, write))
    }

    /// The write that removes a list.
    pub(super) fn removal(&self, scope: &TenantScope, meta: &Meta, version: u64) -> Result<StateWrite, StoreError> {
        Ok(StateWrite { key: self.key(scope, &meta.name)?, value: None, expect: Expect::Version(version) })
    }

    /// Removes the chunks of all generations but `keep`. They are out of use, so a failure is only noted.
    pub(super) async fn sweep(&self, scope: &TenantScope, name: &str, keep: Option<u64>) {
        if let Err(error) = self.try_sweep(scope, name, keep).await {
            tracing::warn!(tenant = %scope.tenant(), %error, "old words were left in the store");
        }
    }

    async fn try_sweep(&self, scope: &TenantScope, name: &str, keep: Option<u64>) -> Result<(), StoreError> {
        let blind = self.state.blind(scope, FAMILY, name.as_bytes())?;
        let prefix = StateKey::new(WORDS, &[&blind, &""]);
        let kept = keep.map(|generation| StateKey::new(WORDS, &[&blind, &padded(generation), &""]));
        let mut after = None;
        loop {
            let found = self.state.scan(scope, &prefix, after.as_ref(), PAGE).await?;
            let is_last = found.len() < PAGE;
            after = found.last().map(|(key, _)| key.clone());
            let is_old = |key: &StateKey| kept.as_ref().is_none_or(|kept| !key.as_str().starts_with(kept.as_str()));
            let old = found.into_iter().map(|(key, _)| key).filter(is_old);
            let writes: Vec<_> = old.map(|key| StateWrite { key, value: None, expect: Expect::Any }).collect();
            if !writes.is_empty() {
                self.state.commit(scope, writes).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn key(&self, scope: &TenantScope, name: &str) -> Result<StateKey, StoreError> {
        Ok(StateKey::new(FAMILY, &[&self.state.blind(scope, FAMILY, name.as_bytes())?]))
    }

    fn chunk(&self, scope: &TenantScope, name: &str, generation: u64, index: usize) -> Result<StateKey, StoreError> {
        let blind = self.state.blind(scope, FAMILY, name.as_bytes())?;
        let index = format_args!("{index:04}").to_string();
        Ok(StateKey::new(WORDS, &[&blind, &padded(generation), &index]))
    }
}

fn padded(generation: u64) -> String {
    format!("{generation:020}")
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "word list" })
}

fn written(value: &impl Serialize) -> Result<Bytes, ServiceError> {
    let bytes = serde_json::to_vec(value).map_err(|_| ServiceError::Internal { what: "writing a word list" })?;
    Ok(bytes.into())
}
