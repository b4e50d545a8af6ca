//! What admins do: the policy, runs, versions, checks and trials. Keys and sinks are elsewhere.

use std::sync::Arc;

use warbler_domain::{BackupError, BackupVersion, CheckDepth, CheckReport, Right, Timestamp};

use super::Backups;
use super::drill::DrillReport;
use super::ledger::{self, Failure};
use super::mirror::SinkState;
use super::policy::BackupPolicy;
use super::restore::refused;
use super::rotate::KeyState;
use crate::audit::{Actor, NewEntry};
use crate::{Caller, ServiceError};

/// Work on a repository that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// `backup`, `restore`, `check`, `drill`, `heal`, `keys` or `rotate`.
    pub what: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// Files looked at, bytes read and bytes stored so far.
    pub files: u64,
    /// Bytes read so far.
    pub read: u64,
    /// Bytes stored so far.
    pub stored: u64,
}

/// How a tenant's backups stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupStatus {
    /// Whether a backup sink runs.
    pub has_sink: bool,
    /// The sinks that keep the backups.
    pub sinks: Vec<SinkState>,
    /// What is under way.
    pub running: Option<RunState>,
    /// When the last version was made.
    pub made_at: Option<Timestamp>,
    /// Why the last run failed, if it did.
    pub failure: Option<Failure>,
    /// When the next run is due.
    pub next_at: Option<Timestamp>,
    /// When a restore was last tried, and what was wrong.
    pub drilled_at: Option<Timestamp>,
    /// What was wrong in the last trial.
    pub drill_failure: Option<String>,
    /// How its key stands.
    pub key: KeyState,
}

impl Backups {
    /// The policy.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn policy(&self, caller: &Caller) -> Result<BackupPolicy, ServiceError> {
        caller.require(Right::ManageBackups)?;
        ledger::policy(&*self.inner.core.ports.state, caller.scope()).await
    }

    /// Sets the policy.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `SessionEnded`, or the store failed.
    pub async fn set_policy(&self, caller: &Caller, policy: BackupPolicy) -> Result<BackupPolicy, ServiceError> {
        caller.require(Right::ManageBackups)?;
        policy.check()?;
        self.inner.check_sinks(caller.scope(), &policy).await?;
        let text = serde_json::to_value(&policy).unwrap_or_default();
        let entry = entry(caller, "backup.policy").detail("policy", text);
        self.inner.core.audit.commit(caller.scope(), vec![ledger::policy_write(&policy)?], entry).await?;
        Ok(policy)
    }

    /// How the backups stand.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn status(&self, caller: &Caller) -> Result<BackupStatus, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let (scope, state) = (caller.scope(), &*self.inner.core.ports.state);
        // First, so that whoever sees that nothing is under way also sees what came of it.
        let running = self.inner.under_way.lock().get(&scope.tenant()).map(Arc::clone);
        let (ledger, policy) = (ledger::ledger(state, scope).await?, ledger::policy(state, scope).await?);
        let key = self.inner.key_state(scope, &ledger).await?;
        Ok(BackupStatus {
            has_sink: self.inner.has_sink(scope.tenant()),
            sinks: self.inner.sink_states(scope).await?,
            running: running.map(|work| RunState {
                what: work.what,
                since: work.since,
                files: work.progress.files(),
                read: work.progress.read(),
                stored: work.progress.stored(),
            }),
            made_at: ledger.made_at,
            failure: ledger.failure,
            next_at: ledger.made_at.and_then(|last| policy.next_after(last)),
            drilled_at: ledger.drilled_at,
            drill_failure: ledger.drill_failure,
            key,
        })
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the repository cannot be read.
    pub async fn all_versions(&self, caller: &Caller) -> Result<Vec<BackupVersion>, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let mut versions = match self.inner.open(caller.scope()).await {
            Err(BackupError::NoRepository) => Vec::new(),
            opened => opened.map_err(refused)?.versions().await.map_err(refused)?,
        };
        versions.reverse();
        Ok(versions)
    }

    /// Begins a run. It goes on by itself; [`status`](Self::status) tells how far it is.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `SessionEnded`, or no sink runs.
    pub fn begin(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        if !self.inner.has_sink(caller.tenant()) {
            return Err(refused(BackupError::NoSink));
        }
        let begun = self.inner.start_run(caller.scope(), Actor::User { id: caller.user() });
        if begun { Ok(()) } else { Err(BUSY) }
    }

    /// Makes a version, and waits for it.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `SessionEnded`, or the run failed.
    pub async fn run(&self, caller: &Caller) -> Result<BackupVersion, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let turn = self.inner.turn(caller.tenant(), "backup").ok_or(BUSY)?;
        let actor = Actor::User { id: caller.user() };
        self.inner.run(caller.scope(), actor, &turn.progress).await.map_err(refused)
    }

    /// Ends what is under way, if it is a run. What was stored is used by the next one.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or `NotFound` if nothing is under way.
    pub async fn cancel(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        let running = self.inner.under_way.lock().get(&caller.tenant()).map(Arc::clone);
        let running = running.ok_or(ServiceError::NotFound { what: "run" })?;
        running.progress.cancel();
        self.inner.core.audit.record(caller.scope(), entry(caller, "backup.cancel")).await?;
        Ok(())
    }

    /// Looks for damage.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `SessionEnded`, or the repository cannot be read.
    pub async fn check(&self, caller: &Caller, depth: CheckDepth) -> Result<CheckReport, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let _turn = self.inner.turn(caller.tenant(), "check").ok_or(BUSY)?;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        let report = repository.check(depth).await.map_err(refused)?;
        let problems = u64::try_from(report.problems.len()).unwrap_or(u64::MAX);
        let told = entry(caller, "backup.check").detail("problems", problems);
        self.inner.core.audit.record(caller.scope(), told).await?;
        if problems > 0 {
            ledger::change(&*self.inner.core.ports.state, caller.scope(), |ledger| ledger.is_damaged = true).await?;
            let text = format!("a check of the backups found {problems} problems");
            self.inner.alert(caller.scope(), "backup-damaged", text).await;
        }
        Ok(report)
    }

    /// Tries a restore without changing anything.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `SessionEnded`, or the repository cannot be read.
    pub async fn drill(&self, caller: &Caller) -> Result<DrillReport, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let turn = self.inner.turn(caller.tenant(), "drill").ok_or(BUSY)?;
        self.inner.drill(caller.scope(), Actor::User { id: caller.user() }, &turn.progress).await.map_err(refused)
    }
}

pub(super) const BUSY: ServiceError = ServiceError::Conflict { what: "something else is under way with the backups" };

pub(super) fn entry(caller: &Caller, action: &str) -> NewEntry {
    NewEntry::new(Actor::User { id: caller.user() }, action)
}
