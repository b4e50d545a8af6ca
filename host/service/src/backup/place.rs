//! A tenant's repository: its sink, its key, and the lease under which it is changed.

use std::future::Future;
use std::sync::Arc;

use warbler_domain::{
    BackupError, BackupProgress, BackupRepository, BackupSink, InstallationId, RepositoryKey, RepositoryOptions,
    TenantScope, Unlock,
};

use super::collect::ours;
use super::lease::{Known, Lease};
use super::target::{Target, failed};
use super::{Inner, lease, ledger};
use crate::ServiceError;
use crate::audit::Actor;

/// A repository under its lease.
pub(super) struct Leased {
    pub(super) repository: Arc<dyn BackupRepository>,
    /// All that it lies in as one sink.
    pub(super) sink: Arc<dyn BackupSink>,
    pub(super) installations: Vec<InstallationId>,
    /// The sinks in which the lease stands.
    believed: Vec<Arc<dyn BackupSink>>,
    lease: Lease,
}

impl Leased {
    /// Makes sure that nobody else took the lease: before anything is taken away.
    pub(super) async fn verify(&self) -> Result<(), BackupError> {
        lease::verify(&self.believed, &self.lease).await
    }
}

impl Inner {
    pub(super) async fn options(&self, scope: &TenantScope) -> Result<RepositoryOptions, ServiceError> {
        let limit = ledger::policy(&*self.core.ports.state, scope).await?.bytes_per_second;
        Ok(RepositoryOptions { bytes_per_second: (limit > 0).then_some(limit) })
    }

    /// The tenant's repository, to read from.
    pub(super) async fn open(&self, scope: &TenantScope) -> Result<Arc<dyn BackupRepository>, BackupError> {
        let target = self.target(scope).await?;
        let key = ledger::key(&*self.core.ports.state, scope).await.map_err(ours)?;
        let key = key.ok_or(BackupError::NoRepository)?;
        let options = self.options(scope).await.map_err(ours)?;
        self.core.ports.backups.open(target.sink, Unlock::Key(key), options).await
    }

    /// The tenant's repository, made if there is none.
    async fn open_or_create(
        &self,
        scope: &TenantScope,
        sink: &Arc<dyn BackupSink>,
    ) -> Result<Arc<dyn BackupRepository>, BackupError> {
        let options = self.options(scope).await.map_err(ours)?;
        let (backups, state) = (&self.core.ports.backups, &*self.core.ports.state);
        let key = ledger::key(state, scope).await.map_err(ours)?;
        if let Some(key) = key {
            return match backups.open(Arc::clone(sink), Unlock::Key(key.clone()), options.clone()).await {
                // Another sink than before, or one that was emptied: it starts anew under the same key.
                Err(BackupError::NoRepository) => backups.create(Arc::clone(sink), &key, options).await,
                other => other,
            };
        }
        if backups.exists(Arc::clone(sink)).await? {
            // Whose it is, only its passphrase can tell.
            return Err(BackupError::Exists);
        }
        // The key is kept before anything is sealed under it.
        let key: RepositoryKey = backups.new_key()?;
        state.commit(scope, vec![ledger::key_write(&key).map_err(ours)?]).await?;
        backups.create(Arc::clone(sink), &key, options).await
    }

    /// Refuses sinks in which another repository stands, before anything is written to them.
    async fn admit(&self, scope: &TenantScope, target: &Target) -> Result<(), BackupError> {
        target.compare().await?;
        let backups = &self.core.ports.backups;
        let key = ledger::key(&*self.core.ports.state, scope).await.map_err(ours)?;
        let mut failure = None;
        for sink in target.believed().await? {
            let found = match &key {
                None if backups.exists(Arc::clone(&sink)).await? => return Err(BackupError::Exists),
                None => continue,
                Some(key) => backups.open(sink, Unlock::Key(key.clone()), RepositoryOptions::default()).await,
            };
            match found {
                // They hold the same one, so that the first that answers speaks for all.
                Ok(_) => return Ok(()),
                Err(BackupError::NoRepository) => {}
                Err(error @ BackupError::Sink { .. }) if target.mirror.is_some() => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Does something that changes the repository, under its lease, after mirrored sinks were healed. Losing the lease
    /// ends it.
    pub(super) async fn with_lease<T, W>(
        &self,
        scope: &TenantScope,
        actor: &Actor,
        progress: &BackupProgress,
        work: impl FnOnce(Leased) -> W,
    ) -> Result<T, BackupError>
    where
        W: Future<Output = Result<T, BackupError>>,
    {
        let target = self.target(scope).await?;
        self.admit(scope, &target).await?;
        let (core, state) = (&self.core, &*self.core.ports.state);
        let holder = ledger::host_name(state, &*core.ports.ids).await.map_err(ours)?;
        let known = ledger::ledger(state, scope).await.map_err(ours)?.lease;
        let sinks = target.believed().await?;
        lease::admit(lease::read(&sinks).await?.as_ref(), &holder, known, core.now())?;
        let mark = Some(core.ports.ids.next());
        let taken = |ledger: &mut ledger::Ledger| ledger.lease = Known { fence: ledger.lease.fence + 1, mark };
        let fence = ledger::change(state, scope, taken).await.map_err(ours)?.lease.fence;
        let mut mine = Lease { holder, fence, mark, until: core.now().after(lease::HOLDS) };
        lease::write(&sinks, &mine).await?;
        let (believed, lease) = (sinks.clone(), mine.clone());
        let work = async {
            self.heal(scope, actor, &target, progress).await?;
            let repository = self.open_or_create(scope, &target.sink).await?;
            let (sink, installations) = (Arc::clone(&target.sink), target.installations.clone());
            work(Leased { repository, sink, installations, believed, lease }).await
        };
        let done = self.renewing(&sinks, &mut mine, progress, work).await?;
        // Sinks that were healed get it, too.
        give_back(&target.believed().await?, mine).await;
        done
    }

    /// Does something that changes the repository of a sink which is none of those that the policy names, under the same
    /// lease as the present one.
    pub(super) async fn with_lease_of<T>(
        &self,
        present: &Leased,
        sink: &Arc<dyn BackupSink>,
        progress: &BackupProgress,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        let (now, sinks) = (self.core.now(), [Arc::clone(sink)]);
        let mut mine = Lease { until: now.after(lease::HOLDS), ..present.lease.clone() };
        // Whatever number stands there counted the leases of another repository.
        lease::is_free(lease::read(&sinks).await?.as_ref(), &mine.holder, now)?;
        lease::write(&sinks, &mine).await?;
        let done = self.renewing(&sinks, &mut mine, progress, work).await?;
        give_back(&sinks, mine).await;
        done
    }

    /// Does something while its lease is renewed. Losing it ends the work, and is the outer error; what came of the work
    /// is the inner one.
    async fn renewing<T>(
        &self,
        sinks: &[Arc<dyn BackupSink>],
        mine: &mut Lease,
        progress: &BackupProgress,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<Result<T, BackupError>, BackupError> {
        let mut renewals = tokio::time::interval(lease::RENEWED);
        renewals.tick().await;
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                _ = renewals.tick() => {
                    if let Err(error) = self.renew(sinks, mine).await {
                        // Ends the work's calls of the sink, and so the work.
                        progress.cancel();
                        drop((&mut work).await);
                        return Err(error);
                    }
                }
            }
        };
        lease::verify(sinks, mine).await?;
        Ok(done)
    }

    async fn renew(&self, sinks: &[Arc<dyn BackupSink>], mine: &mut Lease) -> Result<(), BackupError> {
        let until = self.core.now().after(lease::HOLDS);
        match lease::verify(sinks, mine).await {
            // A sink that is away keeps everybody out.
            Err(BackupError::Sink { source, .. }) if source.is_transient() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                mine.until = until;
                lease::write(sinks, mine).await
            }
        }
    }

    /// Heals mirrored sinks as far as they answer. Whether enough of them take a write shows when it is written.
    async fn heal(
        &self,
        scope: &TenantScope,
        actor: &Actor,
        target: &Target,
        progress: &BackupProgress,
    ) -> Result<(), BackupError> {
        let Some(mirror) = &target.mirror else { return Ok(()) };
        let healed = mirror.heal(progress).await;
        if progress.is_cancelled() {
            return Err(BackupError::Cancelled);
        }
        let healed = healed.map_err(|error| failed("healing mirrored sinks", error))?;
        self.note_healing(scope, actor.clone(), &healed).await.map_err(ours)
    }
}

/// Ends a lease before its time.
async fn give_back(sinks: &[Arc<dyn BackupSink>], mut mine: Lease) {
    // Not the present time: another host's clock may be behind this one's.
    mine.until = warbler_domain::Timestamp::from_millis(0);
    if let Err(error) = lease::write(sinks, &mine).await {
        tracing::warn!(%error, "the lease of a repository could not be given back; it ends by itself");
    }
}
