//! A trial of a restore: the newest version is read in full and set against what it says of itself and against what
//! stands in the store, without changing anything.

use std::sync::Arc;

use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use warbler_domain::{BackupError, BackupRepository, TenantScope};

use super::collect::Tally;
use super::read::{self, Index, from_stream};
use super::{Inner, ledger};
use crate::ServiceError;
use crate::audit::{Actor, NewEntry};
use crate::authentication::hex;

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DrillReport {
    /// Which version was read.
    pub version: String,
    /// What was read of it.
    pub conversations: u64,
    /// Events that were read, and put together as a restore would.
    pub events: u64,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// What is wrong, a sentence each; nothing if all is well.
    pub problems: Vec<String>,
}

impl Inner {
    /// Begins a trial, unless something is under way; whether it did.
    pub(super) fn start_drill(self: &Arc<Self>, scope: &TenantScope) -> bool {
        let Some(turn) = self.turn(scope.tenant(), "drill") else { return false };
        let (inner, scope) = (Arc::clone(self), *scope);
        self.core.tasks.spawn(async move {
            drop(inner.drill(&scope, Actor::Host).await);
            drop(turn);
        });
        true
    }

    /// Tries a restore, and tells what came of it.
    pub(super) async fn drill(&self, scope: &TenantScope, actor: Actor) -> Result<DrillReport, BackupError> {
        let result = self.try_drill(scope).await;
        let problem = match &result {
            Ok(report) => report.problems.first().cloned(),
            Err(error) => Some(error.to_string()),
        };
        if let Err(error) = self.tell_drill(scope, actor, &result, problem).await {
            tracing::error!(%error, tenant = %scope.tenant(), "what came of a trial could not be set down");
        }
        result
    }

    async fn try_drill(&self, scope: &TenantScope) -> Result<DrillReport, BackupError> {
        let repository = self.open(scope).await?;
        let newest = repository.versions().await?.pop();
        let newest = newest.ok_or(BackupError::NotFound { what: "version" })?;
        let manifest = read::manifest(&*repository, &newest.id).await?;
        let mut report = DrillReport { version: newest.id.clone(), ..DrillReport::default() };
        let mut tally = Tally::default();
        for folder in ["attachments", "audit"] {
            hash_folder(&repository, &newest.id, folder, &mut tally).await?;
        }
        let mut index = Index::open(&repository, &newest.id).await?;
        while let Some(line) = index.next().await? {
            report.conversations += 1;
            let mut next = 1;
            for part in &line.parts {
                let id = line.conversation.id;
                let events = read::events(&*repository, &newest.id, id, part).await?;
                for event in &events {
                    if event.sequence.0 != next {
                        report.problems.push(format!("conversation {id} lacks the place {next}"));
                    }
                    next = event.sequence.0 + 1;
                }
                report.events += events.len() as u64;
                hash_file(&repository, &newest.id, &part.path(id), &mut tally).await?;
            }
            if next != line.head.0 + 1 {
                report.problems.push(format!(
                    "conversation {} ends at {} of {}",
                    line.conversation.id,
                    next - 1,
                    line.head
                ));
            }
            let live = self.core.ports.log.head(scope, line.conversation.id).await?;
            if live < line.head {
                report.problems.push(format!("conversation {} has lost places in the store", line.conversation.id));
            }
        }
        hash_folder(&repository, &newest.id, "index", &mut tally).await?;
        let (files, bytes, sha256) = tally.sum();
        (report.files, report.bytes) = (files, bytes);
        for (what, found, said) in [
            ("conversations", report.conversations, manifest.conversations),
            ("events", report.events, manifest.events),
            ("files", files, manifest.files),
            ("bytes", bytes, manifest.bytes),
        ] {
            if found != said {
                report.problems.push(format!("the manifest says {said} {what}, and there are {found}"));
            }
        }
        if sha256 != manifest.sha256 {
            report.problems.push("the digest of all files is not that of the manifest".to_owned());
        }
        Ok(report)
    }

    async fn tell_drill(
        &self,
        scope: &TenantScope,
        actor: Actor,
        result: &Result<DrillReport, BackupError>,
        problem: Option<String>,
    ) -> Result<(), ServiceError> {
        let now = self.core.now();
        let kept = problem.clone();
        let is_damaged = matches!(result, Err(BackupError::Damaged { .. }));
        ledger::change(&*self.core.ports.state, scope, |ledger| {
            ledger.drilled_at = Some(now);
            ledger.drill_failure.clone_from(&kept);
            ledger.is_damaged |= is_damaged;
        })
        .await?;
        let outcome = if problem.is_some() { "failed" } else { "done" };
        let labels = [("tenant", scope.tenant().to_string()), ("outcome", outcome.to_owned())];
        metrics::counter!("backup_drill_total", &labels).increment(1);
        let mut entry = NewEntry::new(actor, "backup.drill").detail("outcome", outcome);
        if let Ok(report) = result {
            entry = entry
                .subject("version", &report.version)
                .detail("conversations", report.conversations)
                .detail("events", report.events)
                .detail("files", report.files)
                .detail("bytes", report.bytes);
        }
        if let Some(problem) = problem {
            tracing::error!(tenant = %scope.tenant(), %problem, "a trial of a restore failed");
            entry = entry.detail("problem", problem.clone());
            self.alert(scope, "backup-drill-failed", format!("a trial of a restore failed: {problem}")).await;
        }
        self.core.audit.record(scope, entry).await?;
        Ok(())
    }
}

async fn hash_folder(
    repository: &Arc<dyn BackupRepository>,
    version: &str,
    folder: &str,
    tally: &mut Tally,
) -> Result<(), BackupError> {
    let mut names = repository.list(version, folder).await?.unwrap_or_default();
    names.sort_by(|left, right| left.name.cmp(&right.name));
    for file in names {
        let path = format!("{folder}/{}", file.name);
        if file.is_folder {
            Box::pin(hash_folder(repository, version, &path, tally)).await?;
        } else {
            hash_file(repository, version, &path, tally).await?;
        }
    }
    Ok(())
}

async fn hash_file(
    repository: &Arc<dyn BackupRepository>,
    version: &str,
    path: &str,
    tally: &mut Tally,
) -> Result<(), BackupError> {
    let missing = || BackupError::Damaged { text: format!("{path} is missing") };
    let mut stream = repository.read(version, path).await?.ok_or_else(missing)?;
    let (mut hash, mut length) = (Sha256::new(), 0);
    while let Some(bytes) = stream.try_next().await.map_err(from_stream)? {
        hash.update(&bytes);
        length += bytes.len() as u64;
    }
    tally.file(path, length, &hex(&hash.finalize().into()));
    Ok(())
}
