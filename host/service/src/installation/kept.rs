//! Installations in a backup: which packages belong to it, and how an installation comes back from one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{Blobs, ByteStream, Clock, Expect, InstallationId, State, StateWrite, StoreError, TenantScope};
use warbler_package::{Digest, Hook};

use super::log::LogRing;
use super::packages;
use super::rack::{Live, Running};
use super::record::{FAMILY, Record, Wish, record_key};
use super::{INSTALLATIONS, Plugins};
use crate::audit::{Actor, Audit, NewEntry};
use crate::marked::behind_mark;
use crate::plugin_author::Author;
use crate::{ServiceError, records};

/// A package that belongs into a backup.
pub(crate) struct KeptPackage {
    /// SHA-256 of the package, in hex.
    pub(crate) sha256: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    blob: Digest,
}

impl KeptPackage {
    /// The package's bytes.
    pub(crate) async fn open(&self, blobs: &dyn Blobs, scope: &TenantScope) -> Result<ByteStream, StoreError> {
        let found = blobs.get(scope, self.blob.as_bytes()).await?;
        let marked = found.ok_or(StoreError::Missing { what: "package" })?;
        Ok(behind_mark(packages::HEADING.len(), marked))
    }
}

/// The packages of a tenant's installations that are in use, in the order of their digests.
pub(crate) async fn kept_packages(
    state: &dyn State,
    blobs: &dyn Blobs,
    scope: &TenantScope,
) -> Result<Vec<KeptPackage>, ServiceError> {
    let mut found = BTreeMap::new();
    for record in all(state, scope).await? {
        let Some(edition) = record.current else { continue };
        if blobs.get(scope, edition.blob.as_bytes()).await?.is_none() {
            tracing::warn!(tenant = %scope.tenant(), plugin = record.plugin, "a plugin's package is not in the store");
            continue;
        }
        let sha256 = edition.digest.to_string();
        found.insert(sha256.clone(), KeptPackage { sha256, size: edition.size, blob: edition.blob });
    }
    Ok(found.into_values().collect())
}

async fn all(state: &dyn State, scope: &TenantScope) -> Result<Vec<Record>, ServiceError> {
    let found = records::scan_all(state, scope, &records::under(FAMILY, &[]), INSTALLATIONS + 1).await?;
    // One that cannot be read is reported where plugins are loaded.
    Ok(found.iter().filter_map(|(_, kept)| Record::parse(&kept.value).ok()).collect())
}

/// An installation as a backup has it.
pub(crate) struct KeptInstallation {
    record: Record,
}

impl KeptInstallation {
    /// Reads a record; nothing if it is none, or no version was ever in use.
    pub(crate) fn read(value: serde_json::Value) -> Option<Self> {
        let record: Record = serde_json::from_value(value).ok()?;
        record.current.is_some().then_some(Self { record })
    }

    /// Its identifier.
    pub(crate) const fn id(&self) -> InstallationId {
        self.record.id
    }

    /// Whether it keeps backups.
    pub(crate) fn is_sink(&self) -> bool {
        self.record.current.as_ref().is_some_and(|edition| edition.manifest.hooks.contains(&Hook::BackupSink))
    }

    /// The plugin's name and version, for people.
    pub(crate) fn name(&self) -> String {
        let version = self.record.current.as_ref().map(super::record::Edition::version).unwrap_or_default();
        format!("{} {version}", self.record.name())
    }

    /// SHA-256 of its package, in hex.
    pub(crate) fn sha256(&self) -> String {
        self.record.current.as_ref().map(|edition| edition.digest.to_string()).unwrap_or_default()
    }

    /// The secrets that it asks for by name, which no backup has.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let edition = self.record.current.as_ref();
        edition.map(|edition| edition.granted.0.secrets.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// Whether it was meant to run.
    pub(crate) fn was_active(&self) -> bool {
        self.record.wish == Wish::Active
    }

    /// The installation of this plugin and label that the tenant has, maybe under another identifier.
    pub(crate) async fn present(
        &self,
        state: &dyn State,
        scope: &TenantScope,
    ) -> Result<Option<InstallationId>, ServiceError> {
        let (present, name) = (all(state, scope).await?, self.record.name());
        let same = present.iter().find(|record| record.id == self.record.id);
        let found = same.or_else(|| present.iter().find(|record| record.name() == name));
        Ok(found.map(|record| record.id))
    }

    /// Puts it into the store, not to run yet, with its package if there is one. Gives its identifier, or nothing if the
    /// tenant has this plugin.
    pub(crate) async fn put(
        mut self,
        state: &dyn State,
        blobs: &Arc<dyn Blobs>,
        audit: &Audit,
        scope: &TenantScope,
        package: Option<Bytes>,
    ) -> Result<Option<InstallationId>, ServiceError> {
        let present = all(state, scope).await?;
        let name = self.record.name();
        let is_there = |record: &Record| record.id == self.record.id || record.name() == name;
        if present.len() >= INSTALLATIONS || present.iter().any(is_there) {
            return Ok(None);
        }
        if let (Some(package), Some(edition)) = (&package, &mut self.record.current) {
            edition.blob = packages::put(blobs, scope, package).await?;
        }
        let id = self.record.id;
        self.record.wish = Wish::Inactive;
        (self.record.previous, self.record.waiting) = (None, None);
        let told = NewEntry::new(Actor::Host, "plugin.restore")
            .subject("installation", &id)
            .detail("plugin", self.record.plugin.clone())
            .detail("digest", self.sha256())
            .detail("package", package.is_some());
        let write: StateWrite = records::put(record_key(id), &self.record, Expect::Absent)?;
        audit.commit(scope, vec![write], told).await?;
        Ok(Some(id))
    }
}

impl Plugins {
    /// Takes up an installation that was just put into the store, and lets it run if `active`. One that cannot run stays
    /// inactive: messages do not wait for it. One that is meant to run was taken up before, and is left alone.
    pub(crate) async fn take_up(
        &self,
        scope: &TenantScope,
        installation: InstallationId,
        active: bool,
    ) -> Result<(), ServiceError> {
        let (inner, rack) = (&self.inner, self.inner.rack(scope.tenant()));
        let _turn = rack.change.lock().await;
        let kept = inner.ports.state.get(scope, &record_key(installation)).await?;
        let kept = kept.ok_or(ServiceError::NotFound { what: "installation" })?;
        let record = Record::parse(&kept.value)?;
        if record.wish == Wish::Active {
            return Ok(());
        }
        let clock: Arc<dyn Clock> = Arc::clone(&inner.ports.clock);
        rack.put(Live {
            record: Arc::new(record),
            running: Running::Off,
            warm: None,
            log: Arc::new(LogRing::new(clock)),
            health: Arc::default(),
        });
        if !active {
            return Ok(());
        }
        let author = Author { scope: *scope, actor: Actor::Host };
        let draft = inner.open_draft(&author, Arc::clone(&rack), installation).await?;
        Box::pin(inner.activate(&author, draft, None)).await.map(drop)
    }
}
