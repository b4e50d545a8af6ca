//! The copy under the new key, and the commit by which it takes the original's place.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use warbler_domain::{
    BackupError, BackupProgress, BackupRepository, BackupSink, CheckDepth, CopiedVersion, Expect, InstallationId,
    KeyedSink, Refusal, RepositoryOptions, StateKey, StateWrite, StoreError, TenantScope, Unlock,
};

use super::super::Inner;
use super::super::collect::ours;
use super::super::ledger::{self, Failure, Ledger};
use super::super::mirror::{self, MirrorRecord};
use super::super::place::Leased;
use super::super::policy::BackupPolicy;
use super::super::target::failed;
use super::{Next, next_key};
use crate::audit::Actor;
use crate::{ServiceError, records};

/// How often a change in between may undo the last step before it counts as failed.
const ATTEMPTS: usize = 8;

fn does_not_run(sink: InstallationId) -> BackupError {
    let text = format!("the backup sink {sink} does not run");
    failed("copying under a new key", Refusal::Misconfigured { text }.into())
}

impl Inner {
    /// Changes the key, and tells what came of it.
    pub(super) async fn rotate(&self, scope: &TenantScope, next: &Next, progress: &Arc<BackupProgress>) {
        let tenant = scope.tenant();
        tracing::info!(%tenant, sink = %next.sink, "the key of a repository is being changed");
        let Err(error) = Box::pin(self.try_rotate(scope, next, progress)).await else { return };
        // A lease that was lost in the end does not undo what is done.
        if matches!(self.pending(scope).await, Ok(None)) {
            tracing::warn!(%error, %tenant, "the key of a repository is changed, but its lease was lost");
            return;
        }
        if self.core.tasks.stop().is_cancelled() {
            tracing::info!(%tenant, "the change of a repository's key goes on when the host is back");
            return;
        }
        metrics::counter!("backup_key_rotation_total", "tenant" => tenant.to_string(), "outcome" => "failed")
            .increment(1);
        if let Err(error) = self.tell_not_rotated(scope, next, &error).await {
            tracing::error!(%error, %tenant, "what came of the change of a repository's key could not be set down");
        }
    }

    async fn tell_not_rotated(
        &self,
        scope: &TenantScope,
        next: &Next,
        error: &BackupError,
    ) -> Result<(), ServiceError> {
        let failure = Failure::new(self.core.now(), error);
        tracing::error!(tenant = %scope.tenant(), error = %failure.text, "the key of a repository was not changed");
        let told = next.told("backup.key.rotate.end").detail("failure", failure.text.clone());
        let text = format!("the key of the backups was not changed: {}", failure.text);
        let mut kept = next.clone();
        kept.failure = Some(failure);
        self.core.audit.commit(scope, vec![kept.write()?], told).await?;
        if matches!(error, BackupError::Damaged { .. }) {
            // The next run makes good what can be made good.
            ledger::change(&*self.core.ports.state, scope, |ledger| ledger.is_damaged = true).await?;
        }
        if !matches!(error, BackupError::Cancelled) {
            self.alert(scope, "backup-key-rotation-failed", text).await;
        }
        Ok(())
    }

    async fn try_rotate(
        &self,
        scope: &TenantScope,
        next: &Next,
        progress: &Arc<BackupProgress>,
    ) -> Result<(), BackupError> {
        let (state, backups) = (&*self.core.ports.state, &self.core.ports.backups);
        let sink = self.running_sink(scope, next.sink).ok_or_else(|| does_not_run(next.sink))?;
        let key = ledger::key(state, scope).await.map_err(ours)?.ok_or(BackupError::NoRepository)?;
        let options = self.options(scope).await.map_err(ours)?;
        let to = KeyedSink { sink: Arc::clone(&sink), key: next.key() };
        let work = async |leased: Leased| {
            let copying = async {
                let from = KeyedSink { sink: Arc::clone(&leased.sink), key };
                let copied = backups.copy(from, to.clone(), options, Arc::clone(progress)).await?;
                let damage = self.compare_copy(&*leased.repository, to).await?;
                if progress.is_cancelled() {
                    return Err(BackupError::Cancelled);
                }
                // What another host made meanwhile would be left behind.
                leased.verify().await?;
                self.take_place(scope, (next, &leased.installations), &copied, damage, progress).await
            };
            Box::pin(self.with_lease_of(&leased, &sink, progress, copying)).await
        };
        self.with_lease(scope, &Actor::User { id: next.by }, progress, work).await
    }

    /// Makes sure that the copy lacks nothing that the original has. Gives how many problems both have.
    async fn compare_copy(&self, original: &dyn BackupRepository, to: KeyedSink) -> Result<usize, BackupError> {
        let copy = self.core.ports.backups.open(to.sink, Unlock::Key(to.key), RepositoryOptions::default()).await?;
        let problems = copy.check(CheckDepth::Structure).await?.problems;
        let Some(first) = problems.first() else { return Ok(0) };
        let known = original.check(CheckDepth::Structure).await?.problems.len();
        if problems.len() > known {
            return Err(BackupError::Damaged { text: format!("the copy under the new key: {first}") });
        }
        Ok(problems.len())
    }

    /// Puts the copy in the place of the original: the key, the sink, and which of its versions was the last one.
    async fn take_place(
        &self,
        scope: &TenantScope,
        (next, from): (&Next, &[InstallationId]),
        copied: &[CopiedVersion],
        damage: usize,
        progress: &BackupProgress,
    ) -> Result<(), BackupError> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let told = next
            .told("backup.key.rotate.end")
            .detail("versions", count(copied.len()))
            .detail("stored", progress.stored())
            .detail("damage", count(damage));
        for _ in 0..ATTEMPTS {
            let writes = self.new_place(scope, (next, from), copied).await.map_err(ours)?;
            match self.core.audit.commit(scope, writes, told.clone()).await {
                Ok(_) => {
                    let tenant = scope.tenant().to_string();
                    tracing::info!(tenant, versions = copied.len(), damage, "the key of a repository is changed");
                    metrics::counter!("backup_key_rotation_total", "tenant" => tenant, "outcome" => "done")
                        .increment(1);
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(BackupError::Internal { text: "the backups' policy is being changed by others".to_owned() })
    }

    /// The writes by which the copy takes the original's place, all at once.
    async fn new_place(
        &self,
        scope: &TenantScope,
        (next, from): (&Next, &[InstallationId]),
        copied: &[CopiedVersion],
    ) -> Result<Vec<StateWrite>, ServiceError> {
        let now = self.core.now();
        let ledger = |ledger: &mut Ledger| {
            let last = copied.iter().find(|version| Some(&version.from) == ledger.version.as_ref());
            ledger.version = last.map(|version| version.to.clone());
            ledger.sink = Some(next.sink);
            ledger.rotated_at = Some(now);
            ledger.pruned_at = Some(now);
            // Tried as soon as may be: it is another repository.
            ledger.drilled_at = None;
            ledger.needs_escrow = true;
            ledger.left_behind.retain(|sink| *sink != next.sink && !from.contains(sink));
            ledger.left_behind.extend(from);
        };
        let policy = |policy: &mut BackupPolicy| (policy.sinks, policy.require) = (vec![next.sink], 1);
        // Of the sink that has it now everything is known; the others are strangers to it.
        let mirror = |record: &mut MirrorRecord| *record = MirrorRecord::default();
        Ok(vec![
            ledger::key_write(&next.key())?,
            records::delete(next_key(), Expect::Any),
            self.changed(scope, ledger::ledger_key(), "backup ledger", ledger).await?,
            self.changed(scope, ledger::policy_key(), "backup policy", policy).await?,
            self.changed(scope, mirror::key(), "backup mirror", mirror).await?,
        ])
    }

    /// The write of a record as it is when it is changed, if nobody else changes it meanwhile.
    async fn changed<T: Serialize + DeserializeOwned + Default>(
        &self,
        scope: &TenantScope,
        key: StateKey,
        what: &'static str,
        apply: impl FnOnce(&mut T),
    ) -> Result<StateWrite, ServiceError> {
        let (mut record, expect) = records::get_or_new(&*self.core.ports.state, scope, &key, what).await?;
        apply(&mut record);
        records::put(key, &record, expect)
    }

    /// Takes note of sinks that hold the repository under the old key no longer. To be called when something was written
    /// to the present one.
    pub(in super::super) async fn forget_emptied(&self, scope: &TenantScope, present: &dyn BackupSink) {
        let state = &*self.core.ports.state;
        let noted = async {
            let left = ledger::ledger(state, scope).await?.left_behind;
            if left.is_empty() {
                return Ok(());
            }
            let ours = self.config(present).await?;
            let mut gone = Vec::new();
            for sink in left {
                let Some(found) = self.running_sink(scope, sink) else { continue };
                // One that does not answer is asked the next time.
                let Ok(held) = self.config(&*found).await else { continue };
                if held.is_none() || held == ours {
                    gone.push(sink);
                }
            }
            ledger::change(state, scope, |ledger| ledger.left_behind.retain(|sink| !gone.contains(sink))).await?;
            Ok::<(), ServiceError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, tenant = %scope.tenant(), "whether sinks with the old key were emptied is not known");
        }
    }
}
