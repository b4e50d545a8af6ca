//! What the host keeps about a tenant's backups: the policy, the repository's key, and what was done.

use serde::{Deserialize, Serialize};
use warbler_domain::{
    BackupError, Expect, InstallationId, Position, RepositoryKey, State, StateKey, StoreError, TenantScope, Timestamp,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::lease::Known;
use super::policy::BackupPolicy;
use crate::{ServiceError, records};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// Since when there is somewhere to back up to.
    pub(super) since: Option<Timestamp>,
    /// Up to which position the last version went.
    pub(super) position: Position,
    /// The last version, and when it was made.
    pub(super) version: Option<String>,
    pub(super) made_at: Option<Timestamp>,
    /// Which sink it went to, if it was one alone.
    pub(super) sink: Option<InstallationId>,
    /// When the last run began, whatever came of it.
    pub(super) began_at: Option<Timestamp>,
    /// Why the last run failed, if it did, and how many did in a row.
    pub(super) failure: Option<Failure>,
    pub(super) failures: u32,
    /// The last lease.
    #[serde(flatten)]
    pub(super) lease: Known,
    pub(super) drilled_at: Option<Timestamp>,
    pub(super) drill_failure: Option<String>,
    pub(super) pruned_at: Option<Timestamp>,
    /// Whether damage was found that no run has tried to make good yet.
    pub(super) is_damaged: bool,
    /// Since when the run was due of which it was told that it is late.
    pub(super) late_since: Option<Timestamp>,
    /// When the repository's key was changed last.
    pub(super) rotated_at: Option<Timestamp>,
    /// The sinks in which the repository was before, under the old key, and perhaps still is.
    pub(super) left_behind: Vec<InstallationId>,
    /// Whether no passphrase was given to the repository since its key was changed.
    pub(super) needs_escrow: bool,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// A stable code.
    pub code: String,
    /// For people.
    pub text: String,
    /// Whether it may pass by itself.
    #[serde(default)]
    pub is_transient: bool,
}

impl Failure {
    pub(super) fn new(at: Timestamp, error: &BackupError) -> Self {
        Self { at, code: error.code().to_owned(), text: error.with_cause(), is_transient: error.is_transient() }
    }

    /// Whether a sink refused, as one does that is full.
    pub(super) fn is_refusal_of_sink(&self) -> bool {
        self.code == BackupError::SINK_FAILED && !self.is_transient
    }
}

#[derive(Serialize, Deserialize)]
struct KeyRecord {
    key: String,
}

impl Drop for KeyRecord {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

pub(super) fn ledger_key() -> StateKey {
    StateKey::new("backup-ledger", &[])
}

pub(super) fn policy_key() -> StateKey {
    StateKey::new("backup-policy", &[])
}

fn repository_key() -> StateKey {
    StateKey::new("backup-key", &[])
}

pub(super) async fn ledger(state: &dyn State, scope: &TenantScope) -> Result<Ledger, ServiceError> {
    let found = records::get(state, scope, &ledger_key(), "backup ledger").await?;
    Ok(found.map(|(ledger, _)| ledger).unwrap_or_default())
}

/// Changes the ledger, and gives it as it then is.
pub(super) async fn change(
    state: &dyn State,
    scope: &TenantScope,
    apply: impl Fn(&mut Ledger),
) -> Result<Ledger, ServiceError> {
    let busy = "the backups' ledger is being changed by others";
    records::change(state, scope, &ledger_key(), ("backup ledger", busy), apply).await
}

pub(super) async fn policy(state: &dyn State, scope: &TenantScope) -> Result<BackupPolicy, ServiceError> {
    Ok(set_policy(state, scope).await?.unwrap_or_default())
}

/// The policy that somebody has set; nothing if nobody has.
pub(super) async fn set_policy(state: &dyn State, scope: &TenantScope) -> Result<Option<BackupPolicy>, ServiceError> {
    let found = records::get(state, scope, &policy_key(), "backup policy").await?;
    Ok(found.map(|(policy, _)| policy))
}

pub(super) fn policy_write(policy: &BackupPolicy) -> Result<warbler_domain::StateWrite, ServiceError> {
    records::put(policy_key(), policy, Expect::Any)
}

pub(super) async fn key(state: &dyn State, scope: &TenantScope) -> Result<Option<RepositoryKey>, ServiceError> {
    let found = records::get::<KeyRecord>(state, scope, &repository_key(), "backup key").await?;
    Ok(found.map(|(mut record, _)| RepositoryKey(Zeroizing::new(std::mem::take(&mut record.key)))))
}

pub(super) fn key_write(key: &RepositoryKey) -> Result<warbler_domain::StateWrite, ServiceError> {
    records::put(repository_key(), &KeyRecord { key: String::clone(&key.0) }, Expect::Any)
}

/// The name of this host, made when first asked for. It stays the same over restarts.
pub(super) async fn host_name(state: &dyn State, ids: &dyn warbler_domain::Ids) -> Result<String, ServiceError> {
    let (scope, key) = (TenantScope::operator(), StateKey::new("backup-host", &[]));
    loop {
        if let Some((name, _)) = records::get::<String>(state, &scope, &key, "host name").await? {
            return Ok(name);
        }
        let write = records::put(key.clone(), &ids.next().to_string(), Expect::Absent)?;
        match state.commit(&scope, vec![write]).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
