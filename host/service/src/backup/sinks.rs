//! What admins do about several sinks: choose them, heal those that are behind, and say which one to trust.

use std::sync::Arc;

use warbler_domain::{BackupError, BackupProgress, BackupSink, InstallationId, RepositoryKey, Right, TenantScope};
use zeroize::Zeroizing;

use super::admin::{BUSY, entry};
use super::policy::BackupPolicy;
use super::restore::refused;
use super::target::failed;
use super::{Backups, Inner, ledger, mirror};
use crate::audit::Actor;
use crate::{Caller, ServiceError};

/// The blob by which repositories are told apart, and the most of it that is compared.
const CONFIG: (&str, u64) = ("config", 65_536);

impl Backups {
    /// Begins to heal mirrored sinks that are behind. It goes on by itself; [`status`](Self::status) tells how they stand.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `Invalid` unless the policy names several sinks,
    /// `SessionEnded`, or the store failed.
    pub async fn heal(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        let policy = ledger::policy(&*self.inner.core.ports.state, caller.scope()).await?;
        if policy.sinks.len() < 2 {
            return Err(ServiceError::invalid("sinks", "must name several sinks in the policy first"));
        }
        let begun = self.inner.start_healing(caller.scope(), Actor::User { id: caller.user() });
        if begun { Ok(()) } else { Err(BUSY) }
    }

    /// Trusts one of the sinks as it is, although it missed something: after all that were current are lost. What it
    /// lacks is given up, and the others become like it.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `NotFound` unless it is one of the tenant's sinks, `Conflict` if
    /// something is under way, `SessionEnded`, or the store failed.
    pub async fn trust(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        sink: InstallationId,
    ) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let _turn = self.inner.turn(caller.tenant(), "heal").ok_or(BUSY)?;
        let (core, scope) = (&self.inner.core, caller.scope());
        let mut policy = ledger::policy(&*core.ports.state, scope).await?;
        let runs = self.inner.plugins.running_sinks(scope.tenant()).iter().any(|running| running.installation == sink);
        if !(runs || policy.sinks.contains(&sink)) {
            return Err(ServiceError::NotFound { what: "backup sink" });
        }
        if !policy.sinks.contains(&sink) {
            (policy.sinks, policy.require) = (vec![sink], 1);
        }
        let told = entry(caller, "backup.sink.trust").subject("installation", &sink);
        core.audit.commit(scope, vec![ledger::policy_write(&policy)?], told).await?;
        let (now, id) = (core.now(), sink.to_string());
        let chosen: Vec<String> = policy.sinks.iter().map(ToString::to_string).collect();
        mirror::change(&*core.ports.state, scope, |record| {
            record.state.keep(|current| current == id);
            record.state.set_current(&id);
            record.choose(&chosen, now);
        })
        .await?;
        Ok(())
    }
}

impl Inner {
    /// Heals mirrored sinks, and tells what came of it.
    pub(super) async fn heal_now(
        &self,
        scope: &TenantScope,
        actor: &Actor,
        progress: &BackupProgress,
    ) -> Result<(), BackupError> {
        let done = self.with_lease(scope, actor, progress, async |_| Ok(())).await;
        let now = self.core.now();
        let noted = async {
            mirror::change(&*self.core.ports.state, scope, |record| record.healed_at = Some(now)).await?;
            self.tell_of_sinks(scope).await
        };
        if let Err(error) = noted.await {
            tracing::error!(%error, tenant = %scope.tenant(), "how the backup sinks stand could not be told");
        }
        done
    }

    /// The key that a passphrase opens in the first sink that holds a repository.
    pub(super) async fn key_in(
        &self,
        sinks: &[Arc<dyn BackupSink>],
        passphrase: &Zeroizing<String>,
    ) -> Result<RepositoryKey, BackupError> {
        let mut failure = BackupError::NoRepository;
        for sink in sinks {
            match self.core.ports.backups.key_of(Arc::clone(sink), passphrase.clone()).await {
                Err(BackupError::NoRepository) => {}
                Err(error @ BackupError::Sink { .. }) => failure = error,
                other => return other,
            }
        }
        Err(failure)
    }

    /// Refuses a policy whose sinks are not the tenant's, hold another repository, or miss what the present ones have.
    pub(super) async fn check_sinks(&self, scope: &TenantScope, policy: &BackupPolicy) -> Result<(), ServiceError> {
        let state = &*self.core.ports.state;
        let before = ledger::policy(state, scope).await?;
        let running = self.plugins.running_sinks(scope.tenant());
        let runs = |id: &InstallationId| running.iter().find(|sink| sink.installation == *id);
        // One that is away now stays a mirror.
        let unknown = policy.sinks.iter().find(|id| runs(id).is_none() && !before.sinks.contains(id));
        if let Some(id) = unknown {
            let problem = format!("names {id}, which is no backup sink of this tenant that runs");
            return Err(ServiceError::Invalid { field: "sinks", problem, limit: None });
        }
        let record = mirror::record(state, scope).await?;
        let is_current = |id: &InstallationId| record.state.is_current(&id.to_string());
        if !policy.sinks.is_empty() && !record.state.is_fresh() && !policy.sinks.iter().any(is_current) {
            let problem = "names no sink that holds everything: name one that does, or trust one as it is";
            return Err(ServiceError::invalid("sinks", problem));
        }
        let Ok(target) = self.target(scope).await else { return Ok(()) };
        let Ok(Some(ours)) = self.config(&*target.sink).await else { return Ok(()) };
        // Of none, the first one that runs is chosen.
        let first: Vec<InstallationId> = running.iter().take(1).map(|sink| sink.installation).collect();
        let chosen = if policy.sinks.is_empty() { &first } else { &policy.sinks };
        for id in chosen.iter().filter(|id| !target.installations.contains(id)) {
            let Some(sink) = runs(id) else { continue };
            // One that does not answer now is found out when it is healed.
            let theirs = self.config(&*sink.sink).await.unwrap_or_default();
            if theirs.is_some_and(|theirs| theirs != ours) {
                let how = if policy.sinks.is_empty() { "names none, and so the first one," } else { "names" };
                let problem = format!("{how} {id} ({}), which holds another repository: empty it first", sink.plugin);
                return Err(ServiceError::Invalid { field: "sinks", problem, limit: None });
            }
        }
        Ok(())
    }

    /// What tells the repository of a sink from others; nothing if it holds none.
    pub(super) async fn config(&self, sink: &dyn BackupSink) -> Result<Option<bytes::Bytes>, ServiceError> {
        let (name, length) = CONFIG;
        let found = sink.get(name, 0, length).await;
        found.map_err(|error| refused(failed("reading which repository it holds", error)))
    }
}
