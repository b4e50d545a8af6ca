//! One run: a new version, then what the rules no longer keep goes.

use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{
    BackupError, BackupProgress, BackupRepository, BackupVersion, CheckDepth, Position, Repaired, Signal, TenantScope,
    Timestamp,
};

use super::Inner;
use super::collect::{Collector, ours};
use super::ledger::{self, Failure};
use super::place::Leased;
use crate::ServiceError;
use crate::audit::{Actor, NewEntry};

/// A clock that is set back farther was wrong before, and its times are no measure for those to come.
const SET_BACK: Duration = Duration::from_hours(24);

impl Inner {
    /// Makes a version, and tells what came of it. One run at a time per tenant.
    pub(super) async fn run(
        self: &Arc<Self>,
        scope: &TenantScope,
        actor: Actor,
        progress: &Arc<BackupProgress>,
    ) -> Result<BackupVersion, BackupError> {
        let state = &*self.core.ports.state;
        let began = self.core.now();
        ledger::change(state, scope, |ledger| ledger.began_at = Some(began)).await.map_err(ours)?;
        tracing::info!(tenant = %scope.tenant(), "a backup begins");
        let result = self.make_version(scope, &actor, progress).await;
        let tenant = scope.tenant().to_string();
        let told = match &result {
            Ok(version) => {
                metrics::counter!("backup_run_total", "tenant" => tenant.clone(), "outcome" => "done").increment(1);
                #[allow(clippy::cast_precision_loss)] // A gauge, and times stay below 2^53 milliseconds.
                metrics::gauge!("backup_last_seconds", "tenant" => tenant).set(version.at.as_millis() as f64 / 1000.0);
                self.tell_done(scope, actor, version, progress).await
            }
            Err(error) => {
                metrics::counter!("backup_run_total", "tenant" => tenant, "outcome" => "failed").increment(1);
                self.tell_failed(scope, actor, error).await
            }
        };
        if let Err(error) = told {
            tracing::error!(%error, tenant = %scope.tenant(), "what came of a backup could not be set down");
        }
        result
    }

    async fn make_version(
        self: &Arc<Self>,
        scope: &TenantScope,
        actor: &Actor,
        progress: &Arc<BackupProgress>,
    ) -> Result<BackupVersion, BackupError> {
        let tenant = self.core.tenants.get(scope.tenant()).ok_or(BackupError::NotFound { what: "tenant" })?;
        let work = async |leased: Leased| {
            let repository = &*leased.repository;
            self.make_room(scope, &leased).await?;
            let mended = self.mend(scope, repository).await?;
            // Each is a file in the sink.
            let mut versions = repository.versions().await?;
            let since = self.last_position(scope, &versions).await?;
            let source = Collector::begin(Arc::clone(&self.core), tenant, since).await.map_err(ours)?;
            let position = source.position();
            let at = time_of_version(&versions, self.core.now());
            let version = repository.snapshot(at, Box::new(source), Arc::clone(progress)).await?;
            let made_at = self.core.now();
            let alone = if let [only] = leased.installations.as_slice() { Some(*only) } else { None };
            ledger::change(&*self.core.ports.state, scope, |ledger| {
                ledger.position = position;
                ledger.version = Some(version.id.clone());
                ledger.made_at = Some(made_at);
                ledger.sink = alone.or(ledger.sink);
                ledger.failure = None;
                ledger.failures = 0;
                ledger.late_since = None;
                ledger.is_damaged = false;
            })
            .await
            .map_err(ours)?;
            if mended {
                self.tell_what_is_lost(scope, repository).await?;
            }
            versions.push(version.clone());
            self.tidy_up(scope, &leased, &versions).await;
            self.forget_emptied(scope, &*leased.sink).await;
            Ok(version)
        };
        let made = self.with_lease(scope, actor, progress, work).await;
        if let Err(error) = self.tell_of_sinks(scope).await {
            tracing::error!(%error, tenant = %scope.tenant(), "how the backup sinks stand could not be told");
        }
        made
    }

    /// Makes good what can be made good of damage that was found; whether there was any. What is lost in the sink and
    /// still in the host, the version that is made next stores again.
    async fn mend(&self, scope: &TenantScope, repository: &dyn BackupRepository) -> Result<bool, BackupError> {
        if !ledger::ledger(&*self.core.ports.state, scope).await.map_err(ours)?.is_damaged {
            return Ok(false);
        }
        let Repaired { packs, lost } = repository.repair().await?;
        let count = u64::try_from(packs.len()).unwrap_or(u64::MAX);
        tracing::warn!(tenant = %scope.tenant(), ?packs, lost, "damaged blobs of a repository were replaced");
        let entry = NewEntry::new(Actor::Host, "backup.repair").detail("blobs", count).detail("lost", lost);
        self.core.audit.record(scope, entry).await?;
        Ok(true)
    }

    /// Tells what damage is still there after a version was made: what only older ones had.
    async fn tell_what_is_lost(
        &self,
        scope: &TenantScope,
        repository: &dyn BackupRepository,
    ) -> Result<(), BackupError> {
        let problems = repository.check(CheckDepth::Structure).await?.problems;
        if let Some(first) = problems.first() {
            let text =
                format!("{} problems of the backups cannot be made good, of older versions: {first}", problems.len());
            self.alert(scope, "backup-damaged", text).await;
        }
        Ok(())
    }

    /// Up to where the last version went; from the beginning if it is not in this repository.
    async fn last_position(&self, scope: &TenantScope, versions: &[BackupVersion]) -> Result<Position, BackupError> {
        let ledger = ledger::ledger(&*self.core.ports.state, scope).await.map_err(ours)?;
        let Some(last) = ledger.version else { return Ok(Position(0)) };
        Ok(if versions.iter().any(|version| version.id == last) { ledger.position } else { Position(0) })
    }

    async fn tell_done(
        &self,
        scope: &TenantScope,
        actor: Actor,
        version: &BackupVersion,
        progress: &BackupProgress,
    ) -> Result<(), ServiceError> {
        tracing::info!(
            tenant = %scope.tenant(), version = %version.id, files = version.files, bytes = version.bytes,
            stored = progress.stored(), "a backup is made"
        );
        let entry = NewEntry::new(actor, "backup.run")
            .subject("version", &version.id)
            .detail("files", version.files)
            .detail("bytes", version.bytes)
            .detail("stored", progress.stored());
        self.core.audit.record(scope, entry).await?;
        Ok(())
    }

    async fn tell_failed(&self, scope: &TenantScope, actor: Actor, error: &BackupError) -> Result<(), ServiceError> {
        let failure = Failure::new(self.core.now(), error);
        tracing::error!(tenant = %scope.tenant(), code = %failure.code, error = %failure.text, "a backup failed");
        let kept = failure.clone();
        ledger::change(&*self.core.ports.state, scope, |ledger| {
            ledger.failure = Some(kept.clone());
            ledger.failures = ledger.failures.saturating_add(1);
        })
        .await?;
        let entry = NewEntry::new(actor, "backup.failed")
            .detail("code", failure.code.clone())
            .detail("text", failure.text.clone());
        self.core.audit.record(scope, entry).await?;
        self.alert(scope, "backup-failed", format!("a backup failed: {}", failure.text)).await;
        Ok(())
    }

    /// Tells the admins.
    pub(super) async fn alert(&self, scope: &TenantScope, code: &str, text: String) {
        let alert = Signal::Alert { code: code.to_owned(), text };
        if let Err(error) = self.core.ports.feed.publish(scope, alert).await {
            tracing::warn!(%error, "the admins were not told of an alert");
        }
    }

    /// Tells once that a run is late, if it is.
    pub(super) async fn look_for_late(
        &self,
        scope: &TenantScope,
        due_since: Timestamp,
        patience: Duration,
    ) -> Result<(), ServiceError> {
        let now = self.core.now();
        let state = &*self.core.ports.state;
        if now.since(due_since) < patience || ledger::ledger(state, scope).await?.late_since == Some(due_since) {
            return Ok(());
        }
        ledger::change(state, scope, |ledger| ledger.late_since = Some(due_since)).await?;
        metrics::counter!("backup_late_total", "tenant" => scope.tenant().to_string()).increment(1);
        let entry = NewEntry::new(Actor::Host, "backup.late").detail("due", due_since.to_string());
        self.core.audit.record(scope, entry).await?;
        self.alert(scope, "backup-late", format!("a backup is due since {due_since} and was not made")).await;
        Ok(())
    }
}

/// The present time; a little more than that of the newest version, if the clock was set back a little. Versions are
/// told apart by their times, so that they come in the order of their making.
fn time_of_version(versions: &[BackupVersion], now: Timestamp) -> Timestamp {
    match versions.last().map(|version| version.at) {
        Some(newest) if newest >= now && newest.since(now) <= SET_BACK => newest.after(Duration::from_millis(1)),
        _ => now,
    }
}
