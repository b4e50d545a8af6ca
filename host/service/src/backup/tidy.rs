//! What goes: versions that the rules no longer keep, and what no version needs any more.

use std::time::Duration;

use warbler_domain::{BackupError, BackupVersion, Freeing, TenantScope};

use super::collect::ours;
use super::place::Leased;
use super::{Inner, ledger, retention};

/// How often what no version needs is freed: each time some packs are written anew.
const FREED: Duration = Duration::from_hours(7 * 24);

impl Inner {
    /// Forgets what the rules do not keep, and now and then frees what nobody needs. The version that was just made
    /// stands, whatever comes of this. `versions` are all that there are.
    pub(super) async fn tidy_up(&self, scope: &TenantScope, leased: &Leased, versions: &[BackupVersion]) {
        let done = async {
            self.forget(scope, leased, versions).await?;
            self.free(scope, leased).await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, tenant = %scope.tenant(), "old versions were not forgotten or freed");
        }
    }

    /// After a run that the sink refused, frees at once what can be freed without writing much: it may be full, of what
    /// earlier versions needed and of what that run has left behind. After one that it did not answer, what was left
    /// behind is of use.
    pub(super) async fn make_room(&self, scope: &TenantScope, leased: &Leased) -> Result<(), BackupError> {
        let failure = ledger::ledger(&*self.core.ports.state, scope).await.map_err(ours)?.failure;
        if !failure.is_some_and(|failure| failure.is_refusal_of_sink()) || is_locked(leased).await {
            return Ok(());
        }
        let done = async {
            self.forget(scope, leased, &leased.repository.versions().await?).await?;
            leased.verify().await?;
            leased.repository.prune(Freeing::AtOnce).await
        };
        match done.await {
            Ok(0) => {}
            Ok(bytes) => tracing::info!(tenant = %scope.tenant(), bytes, "made room in a backup sink"),
            // Whether the sink still fails, the run will tell.
            Err(error) => tracing::warn!(%error, tenant = %scope.tenant(), "no room could be made in a backup sink"),
        }
        Ok(())
    }

    async fn forget(
        &self,
        scope: &TenantScope,
        leased: &Leased,
        versions: &[BackupVersion],
    ) -> Result<(), BackupError> {
        let (state, now) = (&*self.core.ports.state, self.core.now());
        let policy = ledger::policy(state, scope).await.map_err(ours)?;
        if let Some((before, last)) = retention::leap(versions, &policy) {
            let text = format!(
                "no version was made between {before} and {last}, longer than versions are kept by their age: \
                 none is forgotten until the next run; see whether the host's clock is right"
            );
            self.alert(scope, "backup-clock", text).await;
            return Ok(());
        }
        let gone = retention::forgotten(versions, &policy.keep, now);
        if gone.is_empty() {
            return Ok(());
        }
        leased.verify().await?;
        leased.repository.forget(&gone).await
    }

    async fn free(&self, scope: &TenantScope, leased: &Leased) -> Result<(), BackupError> {
        let (state, now) = (&*self.core.ports.state, self.core.now());
        let last = ledger::ledger(state, scope).await.map_err(ours)?.pruned_at;
        if last.is_some_and(|last| last <= now && now.since(last) < FREED) {
            return Ok(());
        }
        if is_locked(leased).await {
            tracing::warn!(tenant = %scope.tenant(), "nothing was freed: restic holds a lock on the repository");
            return Ok(());
        }
        leased.verify().await?;
        leased.repository.prune(Freeing::Gently).await?;
        ledger::change(state, scope, |ledger| ledger.pruned_at = Some(now)).await.map_err(ours)?;
        Ok(())
    }
}

/// Whether restic works on the repository, as far as is known.
async fn is_locked(leased: &Leased) -> bool {
    let locks = leased.sink.list("locks/", None).await;
    !locks.is_ok_and(|locks| locks.is_empty())
}
