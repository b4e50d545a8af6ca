//! What admins do about who can open the repository: keys by passphrase, for escrow, and taking a repository over with one.
//! Changing the repository's own key is `rotate`'s affair.

use base64::Engine as _;
use warbler_domain::{BackupError, Right};
use zeroize::Zeroizing;

use super::admin::{BUSY, entry};
use super::place::Leased;
use super::restore::refused;
use super::{Backups, lease, ledger};
use crate::audit::Actor;
use crate::{Caller, ServiceError};

/// Least and greatest length of a passphrase, in characters and bytes.
const LEAST: usize = 12;
const MOST: usize = 512;

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
        ledger::change(&*self.inner.core.ports.state, caller.scope(), |ledger| ledger.needs_escrow = false).await?;
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
