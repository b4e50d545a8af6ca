//! A tenant's repository: its sink, its key, and the lease under which it is changed.

use std::future::Future;
use std::sync::Arc;

use warbler_domain::{
    BackupError, BackupProgress, BackupRepository, BackupSink, RepositoryKey, RepositoryOptions, TenantScope, Unlock,
};

use super::collect::ours;
use super::{Inner, lease, ledger};
use crate::ServiceError;

/// A tenant's sink and what works on it.
pub(super) struct Place {
    pub(super) sink: Arc<dyn BackupSink>,
    pub(super) repository: Arc<dyn BackupRepository>,
}

impl Inner {
    /// The tenant's sink: the first of those that run.
    pub(super) fn sink(&self, scope: &TenantScope) -> Option<Arc<dyn BackupSink>> {
        self.sinks.sink(scope.tenant())
    }

    async fn options(&self, scope: &TenantScope) -> Result<RepositoryOptions, ServiceError> {
        let limit = ledger::policy(&*self.core.ports.state, scope).await?.bytes_per_second;
        Ok(RepositoryOptions { bytes_per_second: (limit > 0).then_some(limit) })
    }

    /// The tenant's repository, to read from.
    pub(super) async fn open(&self, scope: &TenantScope) -> Result<Arc<dyn BackupRepository>, BackupError> {
        let sink = self.sink(scope).ok_or(BackupError::NoSink)?;
        let key = ledger::key(&*self.core.ports.state, scope).await.map_err(ours)?;
        let key = key.ok_or(BackupError::NoRepository)?;
        let options = self.options(scope).await.map_err(ours)?;
        self.core.ports.backups.open(sink, Unlock::Key(key), options).await
    }

    /// The tenant's repository, made if there is none.
    pub(super) async fn open_or_create(&self, scope: &TenantScope) -> Result<Place, BackupError> {
        let sink = self.sink(scope).ok_or(BackupError::NoSink)?;
        let options = self.options(scope).await.map_err(ours)?;
        let (backups, state) = (&self.core.ports.backups, &*self.core.ports.state);
        let key = ledger::key(state, scope).await.map_err(ours)?;
        if let Some(key) = key {
            let repository = match backups.open(Arc::clone(&sink), Unlock::Key(key.clone()), options.clone()).await {
                // Another sink than before, or one that was emptied: it starts anew under the same key.
                Err(BackupError::NoRepository) => backups.create(Arc::clone(&sink), &key, options).await?,
                other => other?,
            };
            return Ok(Place { sink, repository });
        }
        if backups.exists(Arc::clone(&sink)).await? {
            // Whose it is, only its passphrase can tell.
            return Err(BackupError::Exists);
        }
        // The key is kept before anything is sealed under it.
        let key: RepositoryKey = backups.new_key()?;
        state.commit(scope, vec![ledger::key_write(&key).map_err(ours)?]).await?;
        let repository = backups.create(Arc::clone(&sink), &key, options).await?;
        Ok(Place { sink, repository })
    }

    /// Does something that changes the repository, under its lease. Losing the lease ends it.
    pub(super) async fn with_lease<T>(
        &self,
        scope: &TenantScope,
        sink: &dyn BackupSink,
        progress: &BackupProgress,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        let (core, state) = (&self.core, &*self.core.ports.state);
        let holder = ledger::host_name(state, &*core.ports.ids).await.map_err(ours)?;
        let known = ledger::ledger(state, scope).await.map_err(ours)?.fence;
        let found = lease::read(sink).await?;
        lease::admit(found.as_ref(), &holder, known, core.now())?;
        let ledger = ledger::change(state, scope, |ledger| ledger.fence += 1).await.map_err(ours)?;
        let mut mine = lease::Lease { holder, fence: ledger.fence, until: core.now().after(lease::HOLDS) };
        lease::write(sink, &mine).await?;
        let mut renewals = tokio::time::interval(lease::RENEWED);
        renewals.tick().await;
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                _ = renewals.tick() => {
                    if let Err(error) = self.renew(sink, &mut mine).await {
                        // Ends the work's calls of the sink, and so the work.
                        progress.cancel();
                        drop((&mut work).await);
                        return Err(error);
                    }
                }
            }
        };
        lease::verify(sink, &mine).await?;
        // Not the present time: another host's clock may be behind this one's.
        mine.until = warbler_domain::Timestamp::from_millis(0);
        if let Err(error) = lease::write(sink, &mine).await {
            tracing::warn!(%error, "the lease of a repository could not be given back; it ends by itself");
        }
        done
    }

    async fn renew(&self, sink: &dyn BackupSink, mine: &mut lease::Lease) -> Result<(), BackupError> {
        let until = self.core.now().after(lease::HOLDS);
        match lease::verify(sink, mine).await {
            // A sink that is away keeps everybody out.
            Err(BackupError::Sink { source, .. }) if source.is_transient() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                mine.until = until;
                lease::write(sink, mine).await
            }
        }
    }
}
