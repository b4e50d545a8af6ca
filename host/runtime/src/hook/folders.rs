//! `folders`: folders of the host's disk that the operator named. Where they are is in `crate::folders`.

use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{FolderError, FolderStore};

use super::bindings::warbler::plugin::folders::{Error, FileInfo, Host};
use crate::state::GuestState;

/// Most entries in one answer, as the contract says.
const ENTRIES: usize = 1_000;
/// Most bytes in one answer: a guest's memory holds no more.
const MOST: u64 = 32 << 20;
/// Stands for every folder in a grant.
const ALL: &str = "*";

impl GuestState {
    /// The tenant's part of a folder, if it was granted and the operator named it.
    fn folder(&mut self, name: &str) -> Result<Arc<dyn FolderStore>, Error> {
        self.waits();
        let grants = &self.lent.grants.folders;
        if !grants.contains(ALL) && !grants.contains(name) {
            return Err(Error::NoFolder(format!("the folder {name:?} was not granted")));
        }
        let folder = self.lent.folders.open(self.lent.tenant, name);
        folder.ok_or_else(|| Error::NoFolder(format!("the operator named no folder {name:?}")))
    }

    /// What the plugin is told, and the log in full.
    fn told(&self, error: &FolderError) -> Error {
        match error {
            FolderError::NoRoom => Error::NoRoom,
            FolderError::Name { .. } | FolderError::Quota { .. } => Error::Refused(error.to_string()),
            error => {
                // Paths and numbers of the host's disk are the operator's business.
                let cause = error as &dyn std::error::Error;
                tracing::warn!(tenant = %self.lent.tenant, error = cause, "a folder failed");
                Error::Unavailable
            }
        }
    }
}

impl Host for GuestState {
    async fn put(&mut self, folder: String, name: String, bytes: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        Ok(folder.put(&name, Bytes::from(bytes)).await.map_err(|error| self.told(&error)))
    }

    async fn get(
        &mut self,
        folder: String,
        name: String,
        offset: u64,
        length: u64,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        let read = folder.get(&name, offset, length.min(MOST)).await;
        Ok(read.map(|bytes| bytes.map(Vec::from)).map_err(|error| self.told(&error)))
    }

    async fn list(
        &mut self,
        folder: String,
        prefix: String,
        after: Option<String>,
    ) -> wasmtime::Result<Result<Vec<FileInfo>, Error>> {
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        let listed = folder.list(&prefix, after.as_deref(), ENTRIES).await;
        let infos = listed
            .map(|entries| entries.into_iter().map(|entry| FileInfo { name: entry.name, size: entry.size }).collect());
        Ok(infos.map_err(|error| self.told(&error)))
    }

    async fn delete(&mut self, folder: String, name: String) -> wasmtime::Result<Result<(), Error>> {
        let folder = match self.folder(&folder) {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        Ok(folder.delete(&name).await.map_err(|error| self.told(&error)))
    }
}
