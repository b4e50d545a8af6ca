//! What a tenant's admins had decided: the tenant's policy, that of its backups and that of notifications, and what the
//! tenant is called. What somebody has decided here stands.

use warbler_domain::{BackupError, Expect, InstallationId, TenantScope};

use super::super::Inner;
use super::super::collect::ours;
use super::super::layout::Manifest;
use super::super::ledger;
use super::super::policy::BackupPolicy;
use super::super::read::{self, Records};
use super::super::restore::Restore;
use super::RestoreJob;
use crate::audit::{Actor, NewEntry};
use crate::{PushPolicy, ServiceError, records, tenants};

impl Inner {
    /// Brings the tenant's name and policy back. A tenant that has conversations already goes by the name that it has.
    pub(super) async fn tenant(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let manifest: Manifest = read::manifest(&*restore.repository, &restore.version).await?;
        let rooms = records::under("conversation", &[]);
        let is_empty = self.core.ports.state.scan(scope, &rooms, None, 1).await?.is_empty();
        let name = (manifest.tenant != scope.tenant() && is_empty).then_some(manifest.name.as_str());
        let came = tenants::bring_back(&self.core, scope, name, &manifest.policy).await.map_err(ours)?;
        job.decisions += u64::from(came.name) + u64::from(came.policy);
        Ok(())
    }

    /// Brings the policies of backups and of notifications back. Those of backups come when all messages are there, so
    /// that it is the present one by which they came, from the first to the last.
    pub(super) async fn decisions(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        self.backup_policy(scope, restore, job).await?;
        let mut lines = Records::open(&restore.repository, &restore.version, "push-policy").await?;
        let Some(line) = lines.next().await? else { return Ok(()) };
        let Ok(policy) = serde_json::from_value::<PushPolicy>(line.value) else {
            job.must("decide about notifications again: this host cannot read the policy in this version".to_owned());
            return Ok(());
        };
        let key = warbler_domain::StateKey::from_text(line.key);
        if self.core.ports.state.get(scope, &key).await?.is_none() {
            let write = records::put(key, &policy, Expect::Absent).map_err(ours)?;
            let told = NewEntry::new(Actor::Host, "push.policy.restore");
            self.core.audit.commit(scope, vec![write], told).await?;
            job.decisions += 1;
        }
        Ok(())
    }

    /// The sinks that are in use now stay in use. Others that the policy named are named again by a person: they would
    /// be made exact copies of these, and may hold what these lack.
    async fn backup_policy(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let state = &*self.core.ports.state;
        let mut lines = Records::open(&restore.repository, &restore.version, "backup-policy").await?;
        let Some(line) = lines.next().await? else { return Ok(()) };
        if ledger::set_policy(state, scope).await.map_err(ours)?.is_some() {
            return Ok(());
        }
        let Ok(mut policy) = serde_json::from_value::<BackupPolicy>(line.value) else {
            job.must("decide about backups again: this host cannot read the policy in this version".to_owned());
            return Ok(());
        };
        let named = policy.sinks.len();
        let in_use = self.sinks_in_use(scope).await;
        let mut sinks = Vec::new();
        for id in in_use {
            let plugins = self.same_plugin(scope, restore, id).await?;
            if policy.sinks.iter().any(|sink| *sink == id || plugins.contains(sink)) {
                sinks.push(id);
            }
        }
        policy.sinks = sinks;
        policy.require = policy.require.clamp(1, u32::try_from(policy.sinks.len()).unwrap_or(u32::MAX).max(1));
        if policy.sinks.len() < named {
            job.must(format!(
                "name the backup sinks again: the policy in this version names {named}, of which {} in use here; any \
                 other is made an exact copy of those in use",
                policy.sinks.len(),
            ));
        }
        self.keep_policy(scope, &policy, "backup.policy.restore").await.map_err(ours)?;
        job.decisions += 1;
        Ok(())
    }

    /// Has the policy name the sinks in use, before another one comes back that would take their place.
    pub(super) async fn hold_sinks(&self, scope: &TenantScope) -> Result<(), BackupError> {
        let mut policy = ledger::policy(&*self.core.ports.state, scope).await.map_err(ours)?;
        let in_use = self.sinks_in_use(scope).await;
        if !policy.sinks.is_empty() || in_use.is_empty() {
            return Ok(());
        }
        policy.sinks = in_use;
        self.keep_policy(scope, &policy, "backup.policy.hold").await.map_err(ours)
    }

    async fn keep_policy(&self, scope: &TenantScope, policy: &BackupPolicy, action: &str) -> Result<(), ServiceError> {
        let text = serde_json::to_value(policy).unwrap_or_default();
        let told = NewEntry::new(Actor::Host, action).detail("policy", text);
        self.core.audit.commit(scope, vec![ledger::policy_write(policy)?], told).await?;
        Ok(())
    }

    /// Those from which the version is read. A trial has none.
    async fn sinks_in_use(&self, scope: &TenantScope) -> Vec<InstallationId> {
        self.target(scope).await.map(|target| target.installations).unwrap_or_default()
    }
}
