//! Brings a whole tenant back, also into a host that has nothing of it: accounts, conversations, who had read what,
//! and then the messages, conversation by conversation. It goes on by itself, and after a crash from where it was:
//! doing a part of it again changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use warbler_domain::{
    BackupError, ConversationKind, Expect, Right, Role, StateWrite, StoreError, TenantScope, Timestamp, UserId,
};
use zeroize::Zeroizing;

use super::admin::{BUSY, entry};
use super::collect::ours;
use super::layout::{IndexLine, RecordLine};
use super::ledger::Failure;
use super::read::{self, Index};
use super::restore::{Reach, Restore, Restored, refused};
use super::{Backups, Inner};
use crate::audit::{Actor, NewEntry};
use crate::conversations::RoomRecord;
use crate::members::{Account, LoginRecord};
use crate::{Caller, ServiceError, records};

/// How far a restore of a whole tenant is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreState {
    /// It goes on.
    Running,
    /// It is through.
    Done,
    /// It failed; it may be begun again.
    Failed,
}

/// A restore of a whole tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreJob {
    /// Its identifier.
    pub id: uuid::Uuid,
    /// From which version.
    pub version: String,
    /// Who asked for it.
    pub by: UserId,
    /// When it began.
    pub began_at: Timestamp,
    /// How far it is.
    pub state: RestoreState,
    /// Accounts that came back.
    pub accounts: u64,
    /// Conversations that are through.
    pub conversations: u64,
    /// What came back in them.
    pub restored: Restored,
    /// Why it failed.
    pub failure: Option<Failure>,
}

fn key(id: uuid::Uuid) -> warbler_domain::StateKey {
    warbler_domain::StateKey::new("backup-restore", &[&id])
}

impl Backups {
    /// Begins to bring the whole tenant back. What is there stays as it is.
    ///
    /// # Errors
    /// `Forbidden` also if the password is wrong, `Conflict` if something is under way, `NotFound` if there is no such
    /// version, `SessionEnded`, or the repository cannot be read.
    pub async fn restore_tenant(
        &self,
        caller: &Caller,
        password: &Zeroizing<String>,
        version: &str,
    ) -> Result<RestoreJob, ServiceError> {
        caller.require(Right::ManageBackups)?;
        self.authentication().confirm(caller, password).await?;
        let core = &self.inner.core;
        let repository = self.inner.open(caller.scope()).await.map_err(refused)?;
        read::manifest(&*repository, version).await.map_err(refused)?;
        let turn = self.inner.turn(caller.tenant(), "restore").ok_or(BUSY)?;
        let job = RestoreJob {
            id: core.ports.ids.next(),
            version: version.to_owned(),
            by: caller.user(),
            began_at: core.now(),
            state: RestoreState::Running,
            accounts: 0,
            conversations: 0,
            restored: Restored::default(),
            failure: None,
        };
        let told = entry(caller, "backup.restore.tenant").subject("version", &version).subject("restore", &job.id);
        let write = records::put(key(job.id), &job, Expect::Absent)?;
        core.audit.commit(caller.scope(), vec![write], told).await?;
        let (inner, scope, begun) = (Arc::clone(&self.inner), *caller.scope(), job.clone());
        core.tasks.spawn(async move {
            inner.carry_out(&scope, begun).await;
            drop(turn);
        });
        Ok(job)
    }

    /// How far a restore is.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn restore_job(&self, caller: &Caller, id: uuid::Uuid) -> Result<RestoreJob, ServiceError> {
        caller.require(Right::ManageBackups)?;
        let state = &*self.inner.core.ports.state;
        let found = records::get(state, caller.scope(), &key(id), "restore").await?;
        found.map(|(job, _)| job).ok_or(ServiceError::NotFound { what: "restore" })
    }
}

impl Inner {
    /// Goes on with restores that a crash cut short.
    pub(super) async fn resume_restores(self: &Arc<Self>, scope: &TenantScope) -> Result<(), ServiceError> {
        let prefix = records::under("backup-restore", &[]);
        for (_, kept) in records::scan_all(&*self.core.ports.state, scope, &prefix, 1_000).await? {
            let job: RestoreJob = records::decode(&kept, "restore")?;
            if job.state != RestoreState::Running {
                continue;
            }
            let Some(turn) = self.turn(scope.tenant(), "restore") else { continue };
            let (inner, scope) = (Arc::clone(self), *scope);
            self.core.tasks.spawn(async move {
                inner.carry_out(&scope, job).await;
                drop(turn);
            });
        }
        Ok(())
    }

    async fn carry_out(&self, scope: &TenantScope, mut job: RestoreJob) {
        let result = self.restore_all(scope, &mut job).await;
        let mut told = NewEntry::new(Actor::User { id: job.by }, "backup.restore.end").subject("restore", &job.id);
        match result {
            Ok(()) => job.state = RestoreState::Done,
            Err(error) => {
                let failure = Failure::new(self.core.now(), &error);
                told = told.detail("failure", failure.text.clone());
                tracing::error!(tenant = %scope.tenant(), error = %failure.text, "a restore failed");
                (job.state, job.failure) = (RestoreState::Failed, Some(failure));
            }
        }
        told = told.detail("messages", job.restored.messages).detail("conversations", job.conversations);
        let kept = async {
            let write = records::put(key(job.id), &job, Expect::Any)?;
            self.core.audit.commit(scope, vec![write], told).await.map_err(ServiceError::from)
        };
        if let Err(error) = kept.await {
            tracing::error!(%error, tenant = %scope.tenant(), "what came of a restore could not be set down");
        }
    }

    async fn restore_all(&self, scope: &TenantScope, job: &mut RestoreJob) -> Result<(), BackupError> {
        let restore = self.restore(scope, &job.version, Reach::All).await?;
        let version = job.version.clone();
        job.accounts += self.accounts(scope, read::family(&restore.repository, &version, "account").await?).await?;
        let mut index = Index::open(&restore.repository, &version).await?;
        let mut number = 0;
        while let Some(line) = index.next().await? {
            number += 1;
            if number <= job.conversations {
                continue;
            }
            self.conversation(scope, &restore, &line, job).await?;
            job.conversations = number;
            let write = records::put(key(job.id), &*job, Expect::Any).map_err(ours)?;
            self.core.ports.state.commit(scope, vec![write]).await?;
        }
        for family in ["read", "erased"] {
            for lines in read::family(&restore.repository, &version, family).await?.chunks(64) {
                self.put_absent(scope, lines).await?;
            }
        }
        Ok(())
    }

    async fn conversation(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        line: &IndexLine,
        job: &mut RestoreJob,
    ) -> Result<(), BackupError> {
        let conversation = &line.conversation;
        let id = conversation.id;
        if self.core.room(scope, id).await.map_err(ours)?.is_none() {
            let record = RoomRecord { revision: 1, conversation: conversation.clone() };
            let mut writes = vec![records::put(records::conversation(id), &record, Expect::Absent).map_err(ours)?];
            for member in &conversation.members {
                writes.push(records::put(records::membership(member.user, id), &(), Expect::Any).map_err(ours)?);
            }
            if let (ConversationKind::Direct, [one, other]) = (conversation.kind, conversation.members.as_slice()) {
                writes.push(records::put(records::direct(one.user, other.user), &id, Expect::Any).map_err(ours)?);
            }
            self.core.ports.state.commit(scope, writes).await?;
            self.core.room_changed(scope.tenant(), record);
        }
        let done = restore.conversation(line).await?;
        if done.messages > 0 {
            self.announce(scope, id, job.by, done.messages).await.map_err(ours)?;
        }
        job.restored.add(done);
        Ok(())
    }

    /// Brings accounts back that are not there. One whose login name is taken comes back under another one; none comes
    /// back with the rights of an owner, for the owner of this tenant is whoever restores it.
    async fn accounts(&self, scope: &TenantScope, lines: Vec<RecordLine>) -> Result<u64, BackupError> {
        let state = &*self.core.ports.state;
        let mut restored = 0;
        for line in lines {
            let account: Result<Account, _> = serde_json::from_value(line.value);
            let damaged = |_| BackupError::Damaged { text: format!("the record {} cannot be read", line.key) };
            let mut account = account.map_err(damaged)?;
            let user = account.profile.id;
            if state.get(scope, &records::account(user)).await?.is_some() {
                continue;
            }
            if account.profile.role == Role::Owner {
                account.profile.role = Role::Admin;
            }
            let login = |account: &Account| -> Result<_, StoreError> {
                Ok(records::login(&state.blind(scope, "login", account.profile.login.as_bytes())?))
            };
            let mut place = login(&account)?;
            if state.get(scope, &place).await?.is_some() {
                account.profile.login = format!("{}-{user}", account.profile.login).chars().take(64).collect();
                place = login(&account)?;
            }
            let writes: Vec<StateWrite> = vec![
                records::put(place, &LoginRecord { user }, Expect::Absent).map_err(ours)?,
                records::put(records::account(user), &account, Expect::Absent).map_err(ours)?,
            ];
            let told = NewEntry::new(Actor::Host, "member.restore").subject("user", &user);
            self.core.audit.commit(scope, writes, told).await?;
            restored += 1;
        }
        Ok(restored)
    }

    /// Keeps records that are not there.
    async fn put_absent(&self, scope: &TenantScope, lines: &[RecordLine]) -> Result<(), BackupError> {
        let state = &self.core.ports.state;
        let mut writes = Vec::new();
        for line in lines {
            let key = warbler_domain::StateKey::from_text(line.key.clone());
            if state.get(scope, &key).await?.is_none() {
                writes.push(records::put(key, &line.value, Expect::Any).map_err(ours)?);
            }
        }
        if writes.is_empty() { Ok(()) } else { Ok(state.commit(scope, writes).await?) }
    }
}
