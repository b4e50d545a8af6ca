//! Changes the repository's own key: whoever had the old one does not read what is made from then on. All versions are
//! copied, sealed anew, into an empty sink, which then takes the place of those that had them, in one commit.
//!
//! Until that commit the tenant's backups are what they were. The new key is kept, sealed, from before anything is
//! sealed under it, so that a copy that was cut short is gone on with: by itself if the host was stopped or killed, when
//! an admin asks again if it failed or was cancelled. The old repository is left as it is.

mod work;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{
    BackupError, BackupSink, Expect, InstallationId, RepositoryKey, RepositoryOptions, Right, StateKey, StateWrite,
    TenantScope, Timestamp, Unlock, UserId,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::admin::{BUSY, entry};
use super::ledger::{Failure, Ledger};
use super::restore::refused;
use super::target::failed;
use super::{Backups, Inner, Turn};
use crate::audit::{Actor, NewEntry};
use crate::{Caller, ServiceError, records};

/// How the names of the host's own blobs begin, which are no part of a repository.
const OWN: &str = "warbler-";

const UNFINISHED: ServiceError =
    ServiceError::Conflict { what: "the restore of the whole tenant has to be through first: it names a version" };

/// A change of the repository's key that is not through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// The sink that is to hold the repository under its new key.
    pub sink: InstallationId,
    /// Since when.
    pub since: Timestamp,
    /// Why it does not go on by itself, if it does not: asking again goes on with what was copied.
    pub failure: Option<Failure>,
    /// What a person has to do once it is through, a sentence each.
    pub to_do: Vec<String>,
}

/// How the repository's key stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyState {
    /// The change that is not through.
    pub rotation: Option<KeyRotation>,
    /// When it was changed last.
    pub rotated_at: Option<Timestamp>,
    /// What a person has to do since then, a sentence each.
    pub to_do: Vec<String>,
}

/// The key that is to be the next one.
#[derive(Clone, Serialize, Deserialize)]
struct Next {
    key: String,
    sink: InstallationId,
    /// The sinks that are left behind.
    from: Vec<InstallationId>,
    since: Timestamp,
    by: UserId,
    failure: Option<Failure>,
}

impl Drop for Next {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Next {
    fn key(&self) -> RepositoryKey {
        RepositoryKey(Zeroizing::new(self.key.clone()))
    }

    fn write(&self) -> Result<StateWrite, ServiceError> {
        records::put(next_key(), self, Expect::Any)
    }

    fn shown(&self) -> KeyRotation {
        let (sink, since, failure) = (self.sink, self.since, self.failure.clone());
        KeyRotation { sink, since, failure, to_do: to_do(&self.from, true) }
    }

    fn told(&self, action: &str) -> NewEntry {
        NewEntry::new(Actor::User { id: self.by }, action).subject("installation", &self.sink)
    }
}

fn next_key() -> StateKey {
    StateKey::new("backup-key-next", &[])
}

/// What a person has to do after the key was changed.
fn to_do(left_behind: &[InstallationId], needs_escrow: bool) -> Vec<String> {
    let escrow = "make a new key for escrow: no passphrase of the old key opens the new repository";
    let more = "name further sinks in the policy: the new repository is in one alone";
    let empty = |sink: &InstallationId| {
        format!("empty the sink {sink}: until then the old key and its passphrases open what is in it")
    };
    let mut sentences: Vec<String> = left_behind.iter().map(empty).collect();
    sentences.extend(needs_escrow.then(|| escrow.to_owned()));
    sentences.extend((left_behind.len() > 1).then(|| more.to_owned()));
    sentences
}

impl Backups {
    /// Begins to change the repository's key, or goes on with it: all versions are copied into `sink`, which has to be
    /// empty, and which is the only one that keeps the backups from then on. It goes on by itself; no version is made
    /// meanwhile. [`status`](Self::status) tells how far it is, and [`cancel`](Self::cancel) ends it.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `Conflict` if something is under way, `Invalid` if the sink does not
    /// run, is not empty or one of the present ones, `SessionEnded`, or the repository cannot be read.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        sink: InstallationId,
    ) -> Result<KeyRotation, ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let (inner, scope) = (&self.inner, caller.scope());
        let turn = inner.turn(caller.tenant(), "rotate").ok_or(BUSY)?;
        if !inner.unfinished_restores(scope).await?.is_empty() {
            return Err(UNFINISHED);
        }
        let next = inner.next(caller, sink).await?;
        let told = next.told("backup.key.rotate");
        inner.core.audit.commit(scope, vec![next.write()?], told).await?;
        let shown = next.shown();
        inner.start_rotation(scope, next, turn);
        Ok(shown)
    }

    /// Gives up a change of the key that is not through and not under way: the new key goes. What was copied stays in
    /// the sink, where nothing opens it any more.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` if something is under way, `NotFound` if there is no such change, `SessionEnded`, or the
    /// store failed.
    pub async fn give_up_rotation(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require(Right::ManageBackups)?;
        let (inner, scope) = (&self.inner, caller.scope());
        let _turn = inner.turn(caller.tenant(), "rotate").ok_or(BUSY)?;
        let pending = inner.pending(scope).await?.ok_or(ServiceError::NotFound { what: "change of the key" })?;
        let told = entry(caller, "backup.key.rotate.give-up").subject("installation", &pending.sink);
        inner.core.audit.commit(scope, vec![records::delete(next_key(), Expect::Any)], told).await?;
        Ok(())
    }
}

impl Inner {
    async fn pending(&self, scope: &TenantScope) -> Result<Option<Next>, ServiceError> {
        let found = records::get(&*self.core.ports.state, scope, &next_key(), "next backup key").await?;
        Ok(found.map(|(next, _)| next))
    }

    /// How the key stands.
    pub(super) async fn key_state(&self, scope: &TenantScope, ledger: &Ledger) -> Result<KeyState, ServiceError> {
        let rotation = self.pending(scope).await?.map(|next| next.shown());
        let to_do = to_do(&ledger.left_behind, ledger.needs_escrow);
        Ok(KeyState { rotation, rotated_at: ledger.rotated_at, to_do })
    }

    fn running_sink(&self, scope: &TenantScope, sink: InstallationId) -> Option<Arc<dyn BackupSink>> {
        let mut running = self.plugins.running_sinks(scope.tenant()).into_iter();
        running.find(|running| running.installation == sink).map(|running| running.sink)
    }

    /// The key that is to be the next one, and where: the one of a copy into this sink that was cut short, or a new one.
    async fn next(&self, caller: &Caller, sink: InstallationId) -> Result<Next, ServiceError> {
        let (scope, backups) = (caller.scope(), &self.core.ports.backups);
        let invalid = |problem: String| ServiceError::Invalid { field: "sink", problem, limit: None };
        let target = self.target(scope).await.map_err(refused)?;
        self.open(scope).await.map_err(refused)?;
        if target.installations.contains(&sink) {
            return Err(invalid(format!("names {sink}, where the backups are now: name another one, which is empty")));
        }
        let Some(found) = self.running_sink(scope, sink) else {
            return Err(invalid(format!("names {sink}, which is no backup sink of this tenant that runs")));
        };
        let pending = self.pending(scope).await?.filter(|pending| pending.sink == sink);
        if !is_empty(&*found).await.map_err(refused)? {
            let opened = match &pending {
                None => Err(BackupError::WrongKey),
                Some(next) => backups.open(found, Unlock::Key(next.key()), RepositoryOptions::default()).await,
            };
            match opened {
                Ok(_) => {}
                Err(BackupError::WrongKey | BackupError::NoRepository) => {
                    return Err(invalid(format!("names {sink}, which is not empty: empty it first")));
                }
                Err(error) => return Err(refused(error)),
            }
        }
        let (from, since, by) = (target.installations, self.core.now(), caller.user());
        if let Some(mut next) = pending {
            (next.from, next.by, next.failure) = (from, by, None);
            return Ok(next);
        }
        let key = String::clone(&backups.new_key().map_err(refused)?.0);
        Ok(Next { key, sink, from, since, by, failure: None })
    }

    /// Goes on with a change of the key that ended with the host, and did not fail.
    pub(super) async fn resume_rotation(self: &Arc<Self>, scope: &TenantScope) -> Result<(), ServiceError> {
        let goes_on = |next: &Next| next.failure.is_none() && self.running_sink(scope, next.sink).is_some();
        if !self.pending(scope).await?.is_some_and(|next| goes_on(&next)) {
            return Ok(());
        }
        let Some(turn) = self.turn(scope.tenant(), "rotate") else { return Ok(()) };
        // It may have come to its end before this was the turn.
        let next = self.pending(scope).await?.filter(goes_on);
        match next {
            Some(next) if self.unfinished_restores(scope).await?.is_empty() => self.start_rotation(scope, next, turn),
            _ => drop(turn),
        }
        Ok(())
    }

    fn start_rotation(self: &Arc<Self>, scope: &TenantScope, next: Next, turn: Turn) {
        let (inner, scope) = (Arc::clone(self), *scope);
        self.core.tasks.spawn(async move {
            let progress = Arc::clone(&turn.progress);
            inner.until_the_end(&progress, Box::pin(inner.rotate(&scope, &next, &progress))).await;
            drop(turn);
        });
    }
}

/// Whether a sink holds nothing but what a host left to tell others of itself.
async fn is_empty(sink: &dyn BackupSink) -> Result<bool, BackupError> {
    let listed = sink.list("", None).await.map_err(|error| failed("listing what the sink holds", error))?;
    Ok(listed.iter().all(|entry| entry.name.starts_with(OWN)))
}
