//! Where a tenant's backups go: one sink, or several as one. What is done there is not decided here.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use warbler_domain::{
    BackupError, BackupMirror, BackupSink, BlobEntry, HookError, InstallationId, MirroredSink, Refusal,
    RepositoryOptions, TenantId, TenantScope,
};

use super::collect::ours;
use super::mirror::{self, StateLedger};
use super::policy::BackupPolicy;
use super::{Inner, ledger};
use crate::ServiceError;
use crate::installation::Plugins;

/// A sink that runs.
#[derive(Clone)]
pub(crate) struct RunningSink {
    pub(crate) installation: InstallationId,
    pub(crate) plugin: String,
    pub(crate) sink: Arc<dyn BackupSink>,
}

/// What backups need of a tenant's plugins.
#[async_trait]
pub(crate) trait TenantPlugins: Send + Sync {
    /// The tenant's sinks that run, in the admins' order.
    fn running_sinks(&self, tenant: TenantId) -> Vec<RunningSink>;
    /// Takes up an installation that was just put into the store, and lets it run if `active`; why it does not.
    async fn take_up(&self, scope: &TenantScope, installation: InstallationId, active: bool) -> Option<String>;
}

#[async_trait]
impl TenantPlugins for Plugins {
    fn running_sinks(&self, tenant: TenantId) -> Vec<RunningSink> {
        let lives = self.backup_sinks(tenant).into_iter();
        let running = |live: crate::LiveHook<dyn BackupSink>| RunningSink {
            installation: live.installation,
            plugin: live.plugin,
            sink: live.hook,
        };
        lives.map(running).collect()
    }

    async fn take_up(&self, scope: &TenantScope, installation: InstallationId, active: bool) -> Option<String> {
        self.take_up(scope, installation, active).await.err().map(|error| error.to_string())
    }
}

/// Where a tenant's backups go.
pub(super) struct Target {
    /// All of it as one sink.
    pub(super) sink: Arc<dyn BackupSink>,
    /// What is behind it, if there are several.
    pub(super) mirror: Option<Arc<dyn BackupMirror>>,
    /// Which ones.
    pub(super) installations: Vec<InstallationId>,
}

impl Target {
    /// The sinks that are believed, one by one.
    pub(super) async fn believed(&self) -> Result<Vec<Arc<dyn BackupSink>>, BackupError> {
        match &self.mirror {
            None => Ok(vec![Arc::clone(&self.sink)]),
            Some(mirror) => {
                let found = mirror.believed().await.map_err(|error| failed("reading how the sinks stand", error))?;
                if found.is_empty() { Err(none_current(&self.installations)) } else { Ok(found) }
            }
        }
    }

    /// Makes sure that mirrored sinks hold one and the same repository.
    pub(super) async fn compare(&self) -> Result<(), BackupError> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        mirror.compare().await.map_err(|error| failed("comparing mirrored sinks", error))
    }
}

/// What a failure of a sink is to a run.
pub(super) fn failed(doing: &'static str, error: HookError) -> BackupError {
    BackupError::Sink { doing, source: Arc::new(error) }
}

fn none_current(sinks: &[InstallationId]) -> BackupError {
    let names: Vec<String> = sinks.iter().map(ToString::to_string).collect();
    let text = format!(
        "none of the sinks {} is known to hold everything: name one that does, or say which one to trust as it is",
        names.join(", ")
    );
    failed("choosing a sink", Refusal::Misconfigured { text }.into())
}

/// Stands for an installation that does not run.
struct Absent(InstallationId);

impl Absent {
    fn refusal(&self) -> HookError {
        Refusal::Misconfigured { text: format!("the backup sink {} does not run", self.0) }.into()
    }
}

#[async_trait]
impl BackupSink for Absent {
    async fn put(&self, _name: &str, _bytes: Bytes) -> Result<(), HookError> {
        Err(self.refusal())
    }

    async fn get(&self, _name: &str, _offset: u64, _length: u64) -> Result<Option<Bytes>, HookError> {
        Err(self.refusal())
    }

    async fn list(&self, _prefix: &str, _after: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        Err(self.refusal())
    }

    async fn delete(&self, _name: &str) -> Result<(), HookError> {
        Err(self.refusal())
    }
}

impl Inner {
    /// Whether any backup sink of the tenant runs.
    pub(super) fn has_sink(&self, tenant: TenantId) -> bool {
        !self.plugins.running_sinks(tenant).is_empty()
    }

    /// Where the tenant's backups go: what its policy names, or else the first of its sinks that run.
    pub(super) async fn target(&self, scope: &TenantScope) -> Result<Target, BackupError> {
        let state = &*self.core.ports.state;
        let policy = ledger::policy(state, scope).await.map_err(ours)?;
        let running = self.plugins.running_sinks(scope.tenant());
        let chosen = if policy.sinks.is_empty() {
            running.first().cloned().into_iter().collect()
        } else {
            named(&policy, &running)
        };
        let installations: Vec<InstallationId> = chosen.iter().map(|sink| sink.installation).collect();
        let [only] = chosen.as_slice() else { return self.mirrored(scope, &policy, chosen).await };
        if policy.sinks.is_empty() || running.iter().any(|sink| sink.installation == only.installation) {
            self.settle(scope, &installations).await.map_err(ours)?;
            let record = mirror::record(state, scope).await.map_err(ours)?;
            if !record.state.is_fresh() && !record.state.is_current(&only.installation.to_string()) {
                return Err(none_current(&installations));
            }
            return Ok(Target { sink: Arc::clone(&only.sink), mirror: None, installations });
        }
        Err(BackupError::NoSink)
    }

    async fn mirrored(
        &self,
        scope: &TenantScope,
        policy: &BackupPolicy,
        chosen: Vec<RunningSink>,
    ) -> Result<Target, BackupError> {
        if chosen.is_empty() {
            return Err(BackupError::NoSink);
        }
        let installations: Vec<InstallationId> = chosen.iter().map(|sink| sink.installation).collect();
        self.settle(scope, &installations).await.map_err(ours)?;
        let ledger = StateLedger {
            state: Arc::clone(&self.core.ports.state),
            clock: Arc::clone(&self.core.ports.clock),
            scope: *scope,
            sinks: installations.iter().map(ToString::to_string).collect(),
        };
        let mirrored =
            chosen.into_iter().map(|sink| MirroredSink { id: sink.installation.to_string(), sink: sink.sink });
        let require = usize::try_from(policy.require).unwrap_or(usize::MAX);
        let limit = policy.bytes_per_second;
        let options = RepositoryOptions { bytes_per_second: (limit > 0).then_some(limit) };
        let mirror = self.core.ports.backups.mirror(mirrored.collect(), Arc::new(ledger), require, options)?;
        Ok(Target { sink: Arc::clone(&mirror) as _, mirror: Some(mirror), installations })
    }

    /// Takes note of which sinks there are from now on. The one that had the backups until mirroring began is current.
    async fn settle(&self, scope: &TenantScope, sinks: &[InstallationId]) -> Result<(), ServiceError> {
        let (state, now) = (&*self.core.ports.state, self.core.now());
        let ids: Vec<String> = sinks.iter().map(ToString::to_string).collect();
        let last = match sinks.len() {
            0 | 1 => None,
            _ => ledger::ledger(state, scope).await?.sink.map(|sink| sink.to_string()),
        };
        mirror::change(state, scope, |record| {
            if record.state.is_fresh()
                && let Some(last) = last.as_ref().filter(|last| ids.contains(last))
            {
                record.state.set_current(last);
            }
            record.choose(&ids, now);
        })
        .await?;
        Ok(())
    }
}

/// The sinks that a policy names; one that does not run refuses everything.
fn named(policy: &BackupPolicy, running: &[RunningSink]) -> Vec<RunningSink> {
    let find = |id: &InstallationId| {
        let found = running.iter().find(|sink| sink.installation == *id);
        let absent = || RunningSink { installation: *id, plugin: String::new(), sink: Arc::new(Absent(*id)) };
        found.cloned().unwrap_or_else(absent)
    };
    policy.sinks.iter().map(find).collect()
}
