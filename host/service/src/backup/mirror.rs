//! What is remembered of a tenant's mirrored sinks: which can be believed, since when the others cannot, and why.
//! Keeping their blobs alike is the affair of `warbler_domain::BackupMirror`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use warbler_domain::{
    Clock, Healed, HookError, InstallationId, MirrorLedger, MirrorState, Refusal, State, StateKey, TenantScope,
    Timestamp,
};

use super::Inner;
use super::ledger;
use crate::audit::{Actor, NewEntry};
use crate::{ServiceError, records};

/// What is remembered of a tenant's sinks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MirrorRecord {
    pub(super) state: MirrorState,
    /// The sinks that are not current, by their installation.
    pub(super) behind: BTreeMap<String, Behind>,
    /// When healing was last tried.
    pub(super) healed_at: Option<Timestamp>,
}

/// A sink that is not current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Behind {
    pub(super) since: Timestamp,
    /// Why the last healing could not help.
    pub(super) problem: Option<String>,
    /// Whether the admins were told.
    pub(super) told: bool,
}

/// How one of a tenant's sinks stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkState {
    /// Its installation.
    pub installation: InstallationId,
    /// The plugin's name, if it runs.
    pub plugin: Option<String>,
    /// Whether it holds all that the repository has. Of a sink that is not mirrored nothing else is known.
    pub is_current: bool,
    /// Since when it does not.
    pub behind_since: Option<Timestamp>,
    /// Why it could not be healed.
    pub problem: Option<String>,
}

pub(super) fn key() -> StateKey {
    StateKey::new("backup-mirror", &[])
}

pub(super) async fn record(state: &dyn State, scope: &TenantScope) -> Result<MirrorRecord, ServiceError> {
    let found = records::get(state, scope, &key(), "backup mirror").await?;
    Ok(found.map(|(record, _)| record).unwrap_or_default())
}

/// Changes what is remembered, and gives it as it then is.
pub(super) async fn change(
    state: &dyn State,
    scope: &TenantScope,
    apply: impl Fn(&mut MirrorRecord),
) -> Result<MirrorRecord, ServiceError> {
    let busy = "what is remembered of the sinks is being changed by others";
    records::change(state, scope, &key(), ("backup mirror", busy), apply).await
}

/// The ledger of a tenant's mirror, in state.
pub(super) struct StateLedger {
    pub(super) state: Arc<dyn State>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) scope: TenantScope,
    /// The sinks of the mirror.
    pub(super) sinks: Vec<String>,
}

#[async_trait]
impl MirrorLedger for StateLedger {
    async fn load(&self) -> Result<MirrorState, HookError> {
        let found = record(&*self.state, &self.scope).await;
        found.map(|record| record.state).map_err(|error| failed(&error))
    }

    async fn replace(&self, from: &MirrorState, to: &MirrorState) -> Result<bool, HookError> {
        let now = self.clock.now();
        let changed = change(&*self.state, &self.scope, |record| {
            if record.state == *from {
                record.state = to.clone();
                record.date(&self.sinks, now);
            }
        });
        Ok(changed.await.map_err(|error| failed(&error))?.state == *to)
    }
}

/// A write that could not be remembered did not happen; it may be tried again.
fn failed(error: &ServiceError) -> HookError {
    tracing::error!(%error, "how mirrored sinks stand could not be read or kept");
    Refusal::Unavailable { after: std::time::Duration::from_secs(5) }.into()
}

impl MirrorRecord {
    /// Notes since when which of `sinks` is behind.
    fn date(&mut self, sinks: &[String], now: Timestamp) {
        self.behind.retain(|sink, _| sinks.contains(sink) && !self.state.is_current(sink));
        for sink in sinks.iter().filter(|sink| !self.state.is_current(sink)) {
            self.behind.entry(sink.clone()).or_insert(Behind { since: now, problem: None, told: false });
        }
    }

    /// Takes note of which sinks there are from now on: one that is no longer among them misses what is written.
    pub(super) fn choose(&mut self, sinks: &[String], now: Timestamp) {
        self.state.keep(|sink| sinks.iter().any(|chosen| chosen == sink));
        if !self.state.is_fresh() {
            self.date(sinks, now);
        }
    }

    /// How the sink stands.
    pub(super) fn sink(&self, installation: InstallationId, plugin: Option<String>) -> SinkState {
        let behind = self.behind.get(&installation.to_string());
        SinkState {
            installation,
            plugin,
            is_current: self.state.is_fresh() || self.state.is_current(&installation.to_string()),
            behind_since: behind.map(|behind| behind.since),
            problem: behind.and_then(|behind| behind.problem.clone()),
        }
    }
}

impl Inner {
    /// Takes note of what a healing did.
    pub(super) async fn note_healing(
        &self,
        scope: &TenantScope,
        actor: Actor,
        healed: &Healed,
    ) -> Result<(), ServiceError> {
        let now = self.core.now();
        change(&*self.core.ports.state, scope, |record| {
            record.healed_at = Some(now);
            for (sink, problem) in &healed.failed {
                if let Some(behind) = record.behind.get_mut(sink) {
                    behind.problem = Some(problem.clone());
                }
            }
        })
        .await?;
        for sink in &healed.sinks {
            tracing::info!(tenant = %scope.tenant(), sink, "a mirrored sink holds everything");
            let told = NewEntry::new(actor.clone(), "backup.sink.healed")
                .subject("installation", sink)
                .detail("copied", healed.copied)
                .detail("bytes", healed.bytes)
                .detail("deleted", healed.deleted);
            self.core.audit.record(scope, told).await?;
        }
        Ok(())
    }

    /// Tells the admins, once, of each sink that is behind.
    pub(super) async fn tell_of_sinks(&self, scope: &TenantScope) -> Result<(), ServiceError> {
        let state = &*self.core.ports.state;
        let record = record(state, scope).await?;
        #[allow(clippy::cast_precision_loss)] // A handful of sinks.
        let count = record.behind.len() as f64;
        metrics::gauge!("backup_sinks_behind", "tenant" => scope.tenant().to_string()).set(count);
        for (sink, behind) in record.behind.iter().filter(|(_, behind)| !behind.told) {
            let why = behind.problem.as_deref().unwrap_or("it missed a write");
            tracing::error!(tenant = %scope.tenant(), sink, why, "a mirrored sink is behind");
            let told = NewEntry::new(Actor::Host, "backup.sink.behind")
                .subject("installation", sink)
                .detail("since", behind.since.to_string())
                .detail("problem", why.to_owned());
            self.core.audit.record(scope, told).await?;
            let text = format!("the backup sink {sink} is behind since {}: {why}", behind.since);
            self.alert(scope, "backup-sink-behind", text).await;
        }
        change(state, scope, |record| record.behind.values_mut().for_each(|behind| behind.told = true)).await?;
        Ok(())
    }

    /// How the tenant's sinks stand.
    pub(super) async fn sink_states(&self, scope: &TenantScope) -> Result<Vec<SinkState>, ServiceError> {
        let state = &*self.core.ports.state;
        let (policy, record) = (ledger::policy(state, scope).await?, record(state, scope).await?);
        let running = self.plugins.running_sinks(scope.tenant());
        let named = |id: InstallationId| running.iter().find(|sink| sink.installation == id);
        if policy.sinks.is_empty() {
            let first = running.first();
            return Ok(first
                .map(|sink| record.sink(sink.installation, Some(sink.plugin.clone())))
                .into_iter()
                .collect());
        }
        Ok(policy.sinks.iter().map(|id| record.sink(*id, named(*id).map(|sink| sink.plugin.clone()))).collect())
    }
}
