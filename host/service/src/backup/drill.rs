//! A trial of a restore: the newest version is restored in full into a store that is thrown away afterwards, and what
//! came out is set against what the version says of itself. The tenant's own data is not touched.

mod compare;
mod trial;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{BackupError, BackupProgress, TenantScope, UserId};

use self::compare::Comparison;
use self::trial::Trial;
use super::layout::Manifest;
use super::read::{self, Index};
use super::restore::{Reach, Restore};
use super::whole::RestoreJob;
use super::{Inner, ledger};
use crate::ServiceError;
use crate::audit::{Actor, NewEntry};

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DrillReport {
    /// Which version was restored.
    pub version: String,
    /// Conversations that came back.
    pub conversations: u64,
    /// Events in them, each compared with the version.
    pub events: u64,
    /// Messages among them whose content came back.
    pub messages: u64,
    /// Files that came back with their messages, each with the right bytes.
    pub attachments: u64,
    /// Accounts that were compared.
    pub members: u64,
    /// Word lists that came back.
    pub word_lists: u64,
    /// Installations that came back.
    pub installations: u64,
    /// Values that plugins have stored, each compared.
    pub plugin_values: u64,
    /// Agents that were compared.
    pub agents: u64,
    /// Tool servers that were compared.
    pub tool_servers: u64,
    /// Documents of the knowledge base that came back with the right bytes.
    pub documents: u64,
    /// Other records that were compared: what was read and muted, and who has which support conversation.
    pub records: u64,
    /// Files of the version that were read, up to its manifest.
    pub files: u64,
    /// Their bytes.
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
            drop(inner.drill(&scope, Actor::Host, &turn.progress).await);
            drop(turn);
        });
        true
    }

    /// Tries a restore, and tells what came of it.
    pub(super) async fn drill(
        &self,
        scope: &TenantScope,
        actor: Actor,
        progress: &Arc<BackupProgress>,
    ) -> Result<DrillReport, BackupError> {
        let result = self.try_drill(scope, progress).await;
        let problem = match &result {
            Ok(report) => report.problems.first().cloned(),
            Err(error) => Some(error.to_string()),
        };
        if let Err(error) = self.tell_drill(scope, actor, &result, problem).await {
            tracing::error!(%error, tenant = %scope.tenant(), "what came of a trial could not be set down");
        }
        result
    }

    async fn try_drill(&self, scope: &TenantScope, progress: &Arc<BackupProgress>) -> Result<DrillReport, BackupError> {
        let newest = self.open(scope).await?.versions().await?.pop();
        let newest = newest.ok_or(BackupError::NotFound { what: "version" })?;
        let progress = Arc::clone(progress);
        let restore = Restore { progress, ..self.restore(scope, &newest.id, Reach::All).await? };
        let manifest = read::manifest(&*restore.repository, &newest.id).await?;
        let trial = self.begin_trial(scope, manifest.bytes).await?;
        let restore = Restore { core: Arc::clone(&trial.inner.core), ..restore };
        let result = self.try_in(&trial, scope, &restore, &manifest).await;
        // Its store is not in use any more.
        drop(restore);
        trial.end().await?;
        result
    }

    /// Restores all of it into a trial, and compares.
    async fn try_in(
        &self,
        trial: &Trial,
        scope: &TenantScope,
        restore: &Restore,
        manifest: &Manifest,
    ) -> Result<DrillReport, BackupError> {
        let (id, now) = (self.core.ports.ids.next(), self.core.now());
        let mut job = RestoreJob::new(id, &restore.version, UserId::from_uuid(id), now);
        trial.inner.restore_all(scope, restore, &mut job).await?;
        let mut comparison = Comparison::new(&trial.inner, restore);
        comparison.all(manifest).await?;
        let mut report = comparison.report;
        (report.word_lists, report.installations) = (job.word_lists, job.installations);
        let mut index = Index::open(&restore.repository, &restore.version).await?;
        while let Some(line) = index.next().await? {
            // What is in a version was in the store, and stays there.
            let id = line.conversation.id;
            if self.core.ports.log.head(scope, id).await? < line.head {
                report.problems.push(format!("conversation {id} has lost places in the store"));
            }
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
        #[allow(clippy::cast_precision_loss)] // A gauge, and times stay below 2^53 milliseconds.
        if problem.is_none() {
            let tenant = scope.tenant().to_string();
            metrics::gauge!("backup_drill_last_seconds", "tenant" => tenant).set(now.as_millis() as f64 / 1000.0);
        }
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
                .detail("messages", report.messages)
                .detail("attachments", report.attachments)
                .detail("members", report.members)
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
