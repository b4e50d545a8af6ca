//! Verifying the log: the chain is computed anew from the first entry to the last.

use serde::Serialize;
use warbler_domain::{StoreError, TenantId, TenantScope};

use super::entry::GENESIS;
use super::lane::Head;
use super::{Audit, AuditEntry};

/// Entries read at a time.
const PAGE: usize = 500;

/// Where a log is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The first entry that is not as it was written.
    pub number: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What verifying a log showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Entries that are as they were written, from the first on.
    pub intact: u64,
    /// The hash of the last of them. Written down elsewhere, it proves later that nothing before it
    /// was changed, even by someone who can write the whole store.
    pub last_hash: String,
    /// The first entry that is not, if there is one.
    pub broken: Option<Broken>,
}

impl Audit {
    /// Computes the chain of the tenant's log anew. Entries that are added meanwhile are not waited for.
    ///
    /// # Errors
    /// The store failed. An entry that does not open is no error but a finding.
    pub async fn verify(&self, scope: &TenantScope) -> Result<AuditReport, StoreError> {
        let head = self.head(scope).await?;
        let mut report = AuditReport { intact: 0, last_hash: GENESIS.to_owned(), broken: None };
        loop {
            let entries = match self.range(scope, report.intact, PAGE).await {
                Ok(entries) => entries,
                Err(StoreError::Corrupt { .. }) => self.up_to_corrupt(scope, &mut report).await?,
                Err(error) => return Err(error),
            };
            let is_last = entries.len() < PAGE;
            for entry in entries {
                if let Err(reason) = extend(scope.tenant(), &mut report, &entry) {
                    report.broken = Some(Broken { number: report.intact + 1, reason });
                    return Ok(report);
                }
            }
            if report.broken.is_some() {
                return Ok(report);
            }
            if is_last {
                let head = match head {
                    // The log may have begun since: an empty head counts only if it still is one.
                    Some(Head { number: 0, .. }) if report.intact > 0 => self.head(scope).await?,
                    head => head,
                };
                report.broken = compare(&report, head.as_ref());
                return Ok(report);
            }
        }
    }

    /// The head, or nothing if it does not open.
    async fn head(&self, scope: &TenantScope) -> Result<Option<Head>, StoreError> {
        match Head::load(&*self.inner.state, scope).await {
            Ok(head) => Ok(Some(head)),
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads one by one to name the entry that does not open. Leaves it in the report for the case that
    /// those before it hold.
    async fn up_to_corrupt(
        &self,
        scope: &TenantScope,
        report: &mut AuditReport,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut entries = Vec::new();
        for number in report.intact + 1.. {
            match self.get(scope, number).await {
                Ok(Some(entry)) => entries.push(AuditEntry::clone(&entry)),
                Ok(None) => {
                    report.broken = Some(Broken { number, reason: "is missing" });
                    break;
                }
                Err(StoreError::Corrupt { .. }) => {
                    report.broken = Some(Broken { number, reason: "does not open" });
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }
}

/// Takes one entry more into a report, if it follows from those before it in the log of `tenant`.
pub(super) fn extend(tenant: TenantId, report: &mut AuditReport, entry: &AuditEntry) -> Result<(), &'static str> {
    if entry.number != report.intact + 1 {
        return Err(if entry.number > report.intact { "is missing" } else { "bears another number" });
    }
    if entry.previous != report.last_hash {
        return Err("does not follow from the entry before it");
    }
    if entry.hash != entry.hash_for(tenant) {
        return Err("was changed: its hash is another");
    }
    report.intact = entry.number;
    report.last_hash.clone_from(&entry.hash);
    Ok(())
}

/// Compares the end of the chain with the head that was kept beside it. The head was read first, so a
/// chain that has grown since is longer, never shorter.
fn compare(report: &AuditReport, head: Option<&Head>) -> Option<Broken> {
    let number = report.intact + 1;
    match head {
        None => Some(Broken { number, reason: "cannot be ruled out: the head of the log does not open" }),
        Some(head) if head.number > report.intact => Some(Broken { number, reason: "is missing" }),
        Some(head) if head.number == report.intact && head.hash != report.last_hash => {
            Some(Broken { number: head.number, reason: "is not the one that the head of the log names" })
        }
        Some(head) if head.number == 0 && report.intact > 0 => {
            Some(Broken { number: 1, reason: "stands in a log whose head is missing" })
        }
        Some(_) => None,
    }
}
