//! Brings a whole tenant back, also into a host that has nothing of it: its name and policies, accounts, conversations
//! with their messages, who had read what, and what else it has. It goes on by itself, and after a crash from where it
//! was: doing a part of it again changes nothing.

mod agents;
mod belongings;
mod decisions;
mod job;
mod people;
mod plugins;

use std::pin::pin;
use std::sync::Arc;

use futures::{TryStreamExt as _, stream};
use warbler_domain::{BackupError, BackupProgress, Expect, Right, TenantScope, UserId};
use zeroize::Zeroizing;

pub use job::{RestoreJob, RestoreState};

use super::admin::{BUSY, entry};
use super::collect::ours;
use super::layout::IndexLine;
use super::ledger::Failure;
use super::read::{self, Index};
use super::restore::{Reach, Restore, Restored, refused};
use super::{Backups, Inner, expiry};
use crate::audit::{Actor, NewEntry};
use crate::{Caller, ServiceError, records};

/// Conversations that come back at a time: the committer has enough to do with two.
const AT_ONCE: usize = 2;

fn key(id: uuid::Uuid) -> warbler_domain::StateKey {
    warbler_domain::StateKey::new("backup-restore", &[&id])
}

impl Backups {
    /// Begins to bring the whole tenant back. What is there stays as it is.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `Conflict` if something is under way, `NotFound` if there is no such
    /// version, `SessionEnded`, or the repository cannot be read.
    pub async fn restore_tenant(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        version: &str,
    ) -> Result<RestoreJob, ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let core = &self.inner.core;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        read::manifest(&*repository, version).await.map_err(refused)?;
        let id = core.ports.ids.next();
        let turn = self.inner.turn_of(caller.tenant(), "restore", id).ok_or(BUSY)?;
        let job = RestoreJob::new(id, version, caller.user(), core.now());
        let told = entry(caller, "backup.restore.tenant").subject("version", &version).subject("restore", &job.id);
        let write = records::put(key(job.id), &job, Expect::Absent)?;
        core.audit.commit(caller.scope(), vec![write], told).await?;
        let (inner, scope, begun) = (Arc::clone(&self.inner), *caller.scope(), job.clone());
        core.tasks.spawn(async move {
            inner.carry_out(&scope, begun, Arc::clone(&turn.progress)).await;
            drop(turn);
        });
        Ok(job)
    }

    /// How far a restore is.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn restore_job(&self, caller: &Caller, id: uuid::Uuid) -> Result<RestoreJob, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let state = &*self.inner.core.ports.state;
        let found = records::get::<RestoreJob>(state, caller.scope(), &key(id), "restore").await?;
        let (job, _) = found.ok_or(ServiceError::NotFound { what: "restore" })?;
        // Its end is set down before its turn is over. Whoever hears of the end can begin the next work at once.
        let is_under_way = self.inner.under_way.lock().get(&caller.tenant()).is_some_and(|work| work.job == Some(id));
        Ok(if is_under_way { RestoreJob { state: RestoreState::Running, failure: None, ..job } } else { job })
    }
}

impl Inner {
    /// The restores of the whole tenant that are not through.
    pub(super) async fn unfinished_restores(&self, scope: &TenantScope) -> Result<Vec<RestoreJob>, ServiceError> {
        let prefix = records::under("backup-restore", &[]);
        let kept = records::scan_all(&*self.core.ports.state, scope, &prefix, 1_000).await?;
        let jobs = kept.iter().map(|(_, kept)| records::decode(kept, "restore"));
        let mut jobs: Vec<RestoreJob> = jobs.collect::<Result<_, _>>()?;
        jobs.retain(|job| job.state == RestoreState::Running);
        Ok(jobs)
    }

    /// Goes on with restores that a crash cut short.
    pub(super) async fn resume_restores(self: &Arc<Self>, scope: &TenantScope) -> Result<(), ServiceError> {
        for job in self.unfinished_restores(scope).await? {
            let Some(turn) = self.turn_of(scope.tenant(), "restore", job.id) else { continue };
            // It may have come to its end since it was looked at.
            let kept = records::get::<RestoreJob>(&*self.core.ports.state, scope, &key(job.id), "restore").await?;
            let Some((job, _)) = kept.filter(|(job, _)| job.state == RestoreState::Running) else { continue };
            let (inner, scope) = (Arc::clone(self), *scope);
            self.core.tasks.spawn(async move {
                inner.carry_out(&scope, job, Arc::clone(&turn.progress)).await;
                drop(turn);
            });
        }
        Ok(())
    }

    async fn carry_out(&self, scope: &TenantScope, mut job: RestoreJob, progress: Arc<BackupProgress>) {
        let result = async {
            let mut restore = Restore { progress, ..self.restore(scope, &job.version, Reach::All).await? };
            self.tenant(scope, &restore, &mut job).await?;
            // What is older than the tenant keeps messages need not come back first.
            let erased_before = expiry::erased_before(&self.core, scope).await.map_err(ours)?;
            restore.erased_before = restore.erased_before.max(erased_before);
            self.restore_all(scope, &restore, &mut job).await
        };
        let result = result.await;
        let mut told = NewEntry::new(Actor::User { id: job.by }, "backup.restore.end").subject("restore", &job.id);
        match result {
            Ok(()) => job.state = RestoreState::Done,
            Err(error) => {
                let failure = Failure::new(self.core.now(), &error);
                told = told.detail("failure", failure.text.clone());
                tracing::error!(tenant = %scope.tenant(), error = %failure.text, "a restore failed");
                (job.state, job.failure) = (RestoreState::Failed, Some(failure));
            }
        }
        for (name, count) in job.counts() {
            told = told.detail(name, count);
        }
        let kept = async {
            let write = records::put(key(job.id), &job, Expect::Any)?;
            self.core.audit.commit(scope, vec![write], told).await.map_err(ServiceError::from)
        };
        if let Err(error) = kept.await {
            tracing::error!(%error, tenant = %scope.tenant(), "what came of a restore could not be set down");
        }
    }

    /// Brings all of it back, from where the job stands.
    pub(super) async fn restore_all(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        job.accounts += self.accounts(scope, restore).await?;
        self.conversations(scope, restore, job).await?;
        for family in ["read", "erased"] {
            self.put_absent(scope, restore, family).await?;
        }
        self.keep_erased(scope, restore).await?;
        expiry::bring_back(&*self.core.ports.state, scope, restore.erased_before).await.map_err(ours)?;
        self.belongings(scope, restore, job).await?;
        self.decisions(scope, restore, job).await?;
        self.installations(scope, restore, job).await?;
        self.agents(scope, restore, job).await?;
        self.keep_job(scope, job).await
    }

    async fn keep_job(&self, scope: &TenantScope, job: &RestoreJob) -> Result<(), BackupError> {
        let write = records::put(key(job.id), job, Expect::Any).map_err(ours)?;
        Ok(self.core.ports.state.commit(scope, vec![write]).await?)
    }

    /// Brings the conversations back, some at a time: one is read while the disk is waited for with another.
    async fn conversations(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let mut index = Index::open(&restore.repository, &restore.version).await?;
        for _ in 0..job.conversations {
            index.next().await?;
        }
        let next = |mut index: Index| async move { Ok(index.next().await?.map(|line| (line, index))) };
        let by = job.by;
        let work = |line| self.conversation(scope, restore, line, by);
        let mut done = pin!(stream::try_unfold(index, next).map_ok(work).try_buffered(AT_ONCE));
        while let Some(restored) = done.try_next().await? {
            job.restored.add(restored);
            job.conversations += 1;
            self.keep_job(scope, job).await?;
        }
        Ok(())
    }

    async fn conversation(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        line: IndexLine,
        by: UserId,
    ) -> Result<Restored, BackupError> {
        let id = line.conversation.id;
        self.room(scope, &line.conversation).await?;
        let done = restore.conversation(&line).await?;
        if done.messages > 0 {
            self.announce(scope, id, by, done.messages).await.map_err(ours)?;
        }
        Ok(done)
    }
}
