//! What admins do: the policy, runs, versions, checks, trials, and the key.

use std::sync::Arc;

use base64::Engine as _;
use warbler_domain::{BackupError, BackupVersion, CheckDepth, CheckReport, Right, Timestamp};
use zeroize::Zeroizing;

use super::drill::DrillReport;
use super::ledger::{self, Failure};
use super::mirror::SinkState;
use super::place::Leased;
use super::policy::BackupPolicy;
use super::restore::refused;
use super::{Backups, lease};
use crate::audit::{Actor, NewEntry};
use crate::{Caller, ServiceError};

/// Least and greatest length of a passphrase, in characters and bytes.
const LEAST: usize = 12;
const MOST: usize = 512;

/// Work on a repository that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// `backup`, `restore`, `check`, `drill`, `heal` or `keys`.
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
}

/// A key by passphrase, for keeping away from the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrow {
    /// Its identifier.
    pub id: String,
    /// The key file, as restic has it, in base64. With the passphrase it opens the repository: put it among the
    /// repository's `keys`, under its identifier, if it is not there.
    pub file: String,
    /// Whether it stands in the repository.
    pub in_repository: bool,
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

    /// Lets a passphrase open the repository, so that losing the host does not lose the backups. If it is not left in
    /// the repository, whoever has the sink alone cannot even try to guess it.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `Invalid` if the passphrase is too short, `SessionEnded`, or the
    /// repository cannot be changed.
    pub async fn add_escrow(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        passphrase: Zeroizing<String>,
        in_repository: bool,
    ) -> Result<Escrow, ServiceError> {
        caller.require(Right::ManageBackups)?;
        if passphrase.chars().count() < LEAST || passphrase.len() > MOST {
            let problem = format!("must have at least {LEAST} characters and at most {MOST} bytes");
            return Err(ServiceError::Invalid { field: "passphrase", problem, limit: Some(LEAST as u64) });
        }
        self.authentication().confirm(caller, password).await?;
        let turn = self.inner.turn(caller.tenant(), "keys").ok_or(BUSY)?;
        let work = async |Leased { repository, .. }: Leased| {
            let key = repository.add_passphrase(passphrase).await?;
            if !in_repository {
                repository.remove_passphrase(&key.id).await?;
            }
            Ok(key)
        };
        let actor = Actor::User { id: caller.user() };
        let key = self.inner.with_lease(caller.scope(), &actor, &turn.progress, work).await.map_err(refused)?;
        let told = entry(caller, "backup.key.add").subject("key", &key.id).detail("in-repository", in_repository);
        self.inner.core.audit.record(caller.scope(), told).await?;
        let file = base64::engine::general_purpose::STANDARD.encode(&key.file);
        Ok(Escrow { id: key.id, file, in_repository })
    }

    /// The keys by passphrase that stand in the repository.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the repository cannot be read.
    pub async fn escrows(&self, caller: &Caller) -> Result<Vec<String>, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        repository.passphrases().await.map_err(refused)
    }

    /// Takes a key by passphrase out of the repository. To change a passphrase, add the new one first.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `NotFound`, `SessionEnded`, or the repository cannot be changed.
    pub async fn remove_escrow(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        id: &str,
    ) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let turn = self.inner.turn(caller.tenant(), "keys").ok_or(BUSY)?;
        let work = async |Leased { repository, .. }: Leased| {
            if !repository.passphrases().await?.iter().any(|known| known == id) {
                return Err(BackupError::NotFound { what: "key" });
            }
            repository.remove_passphrase(id).await
        };
        let actor = Actor::User { id: caller.user() };
        self.inner.with_lease(caller.scope(), &actor, &turn.progress, work).await.map_err(refused)?;
        let told = entry(caller, "backup.key.remove").subject("key", &id);
        self.inner.core.audit.record(caller.scope(), told).await?;
        Ok(())
    }

    /// Takes over the repository that is in the sink, with a passphrase that opens it: after the host was lost, or
    /// when another host has written to it.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, the passphrase does not open it, there is none, another host holds
    /// it, `SessionEnded`, or the store failed.
    pub async fn adopt(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        passphrase: Zeroizing<String>,
    ) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let (core, scope) = (&self.inner.core, caller.scope());
        let turn = self.inner.turn(caller.tenant(), "keys").ok_or(BUSY)?;
        let target = self.inner.target(scope).await.map_err(refused)?;
        target.compare().await.map_err(refused)?;
        let sinks = target.believed().await.map_err(refused)?;
        let key = self.inner.key_in(&sinks, &passphrase).await.map_err(refused)?;
        let holder = ledger::host_name(&*core.ports.state, &*core.ports.ids).await?;
        let found = lease::read(&sinks).await.map_err(refused)?;
        lease::is_free(found.as_ref(), &holder, core.now()).map_err(refused)?;
        core.audit.commit(scope, vec![ledger::key_write(&key)?], entry(caller, "backup.adopt")).await?;
        let alone = if target.mirror.is_none() { target.installations.first().copied() } else { None };
        ledger::change(&*core.ports.state, scope, |ledger| {
            if let Some(found) = &found {
                ledger.lease.learn(found);
            }
            ledger.sink = alone.or(ledger.sink);
        })
        .await?;
        // Nothing is remembered of mirrored sinks yet; afterwards they can be read from.
        if target.mirror.is_some() {
            let actor = Actor::User { id: caller.user() };
            self.inner.heal_now(scope, &actor, &turn.progress).await.map_err(refused)?;
        }
        Ok(())
    }
}

pub(super) const BUSY: ServiceError = ServiceError::Conflict { what: "something else is under way with the backups" };

pub(super) fn entry(caller: &Caller, action: &str) -> NewEntry {
    NewEntry::new(Actor::User { id: caller.user() }, action)
}
