//! Audit logs of tenants as they once were, which came back from a backup: kept beside the tenant's own log, never mixed
//! into it. Each is a chain of its own under the identifier of the tenant that it was written for, and is verified
//! entry by entry before it is taken in.

use serde::{Deserialize, Serialize};
use warbler_domain::{Expect, StateKey, StateWrite, StoreError, TenantId, TenantScope, Timestamp};

use super::entry::GENESIS;
use super::verify::extend;
use super::{Audit, AuditEntry, AuditReport, Broken};

/// Entries in one commit.
const BATCH: usize = 200;

/// Most archives of one tenant: one for each host that was lost.
const ARCHIVES: usize = 64;

const ENTRIES: &str = "audit-archive";
const HEADS: &str = "audit-archive-head";

/// An audit log that came back from a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditArchive {
    /// The tenant that it was written for, as it was called on the host of then.
    pub tenant: TenantId,
    /// Entries that were taken in, from the first on; each was verified.
    pub entries: u64,
    /// The hash of the last of them.
    pub last_hash: String,
    /// Why the one after them was not taken in, if it did not follow from them.
    pub broken: Option<String>,
    /// When the last one was taken in.
    pub archived_at: Timestamp,
}

fn head_key(of: TenantId) -> StateKey {
    StateKey::new(HEADS, &[&of])
}

fn entry_key(of: TenantId, number: u64) -> StateKey {
    StateKey::new(ENTRIES, &[&of, &format_args!("{number:020}")])
}

fn written(value: &impl Serialize) -> Result<bytes::Bytes, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: "archived audit log" };
    Ok(serde_json::to_vec(value).map_err(corrupt)?.into())
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what: "archived audit log" })
}

impl Audit {
    /// Takes entries of another log in, in their order; those that are there already are passed over. An entry that does
    /// not follow from those before it is not taken in, and none after it.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn archive(
        &self,
        scope: &TenantScope,
        of: TenantId,
        entries: &[AuditEntry],
    ) -> Result<AuditArchive, StoreError> {
        let kept = self.inner.state.get(scope, &head_key(of)).await?;
        let mut expect = kept.as_ref().map_or(Expect::Absent, |kept| Expect::Version(kept.version));
        let before: Option<AuditArchive> = kept.map(|kept| read(&kept.value)).transpose()?;
        let mut archive = before.clone().unwrap_or_else(|| AuditArchive {
            tenant: of,
            entries: 0,
            last_hash: GENESIS.to_owned(),
            broken: None,
            archived_at: self.inner.clock.now(),
        });
        for batch in entries.chunks(BATCH) {
            let mut writes = Vec::with_capacity(batch.len() + 1);
            let known = archive.entries;
            for entry in batch.iter().filter(|entry| entry.number > known) {
                let mut report =
                    AuditReport { intact: archive.entries, last_hash: archive.last_hash.clone(), broken: None };
                if let Err(reason) = extend(of, &mut report, entry) {
                    archive.broken = Some(format!("entry {} {reason}", archive.entries + 1));
                    break;
                }
                archive.broken = None;
                (archive.entries, archive.last_hash) = (report.intact, report.last_hash);
                let value = Some(written(entry)?);
                writes.push(StateWrite { key: entry_key(of, entry.number), value, expect: Expect::Any });
            }
            if before.as_ref() == Some(&archive) {
                continue;
            }
            archive.archived_at = self.inner.clock.now();
            writes.push(StateWrite { key: head_key(of), value: Some(written(&archive)?), expect });
            self.inner.state.commit(scope, writes).await?;
            expect = Expect::Any;
            if archive.broken.is_some() {
                break;
            }
        }
        Ok(archive)
    }

    /// The archived logs of a tenant.
    ///
    /// # Errors
    /// The store failed, or a record does not open.
    pub async fn archives(&self, scope: &TenantScope) -> Result<Vec<AuditArchive>, StoreError> {
        let found = self.inner.state.scan(scope, &StateKey::new(HEADS, &[&""]), None, ARCHIVES).await?;
        found.iter().map(|(_, kept)| read(&kept.value)).collect()
    }

    /// At most `count` entries of an archived log after the number `after`, in order.
    ///
    /// # Errors
    /// The store failed, or an entry does not open.
    pub async fn archived(
        &self,
        scope: &TenantScope,
        of: TenantId,
        after: u64,
        count: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let prefix = StateKey::new(ENTRIES, &[&of, &""]);
        let found = self.inner.state.scan(scope, &prefix, Some(&entry_key(of, after)), count).await?;
        found.iter().map(|(_, kept)| read(&kept.value)).collect()
    }

    /// Computes the chain of an archived log anew; nothing if there is none of that tenant.
    ///
    /// # Errors
    /// The store failed, or an entry does not open.
    pub async fn verify_archive(&self, scope: &TenantScope, of: TenantId) -> Result<Option<AuditReport>, StoreError> {
        let Some(kept) = self.inner.state.get(scope, &head_key(of)).await? else { return Ok(None) };
        let head: AuditArchive = read(&kept.value)?;
        let mut report = AuditReport { intact: 0, last_hash: GENESIS.to_owned(), broken: None };
        loop {
            let entries = self.archived(scope, of, report.intact, BATCH).await?;
            for entry in &entries {
                if let Err(reason) = extend(of, &mut report, entry) {
                    report.broken = Some(Broken { number: report.intact + 1, reason });
                    return Ok(Some(report));
                }
            }
            if entries.is_empty() {
                break;
            }
        }
        if report.intact < head.entries {
            report.broken = Some(Broken { number: report.intact + 1, reason: "is missing" });
        } else if report.last_hash != head.last_hash {
            let reason = "is not the one that was taken in";
            report.broken = Some(Broken { number: report.intact, reason });
        }
        Ok(Some(report))
    }
}
