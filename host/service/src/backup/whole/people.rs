//! The people of a tenant, and the rooms that they are in.

use warbler_domain::{BackupError, Conversation, ConversationKind, Expect, Role, StateWrite, StoreError, TenantScope};

use super::super::Inner;
use super::super::collect::ours;
use super::super::read::{Records, parsed};
use super::super::restore::Restore;
use crate::audit::{Actor, NewEntry};
use crate::conversations::RoomRecord;
use crate::members::{Account, LoginRecord};
use crate::records;

/// Records that are kept in one commit.
const TOGETHER: usize = 64;

impl Inner {
    /// Brings accounts back that are not there; how many.
    pub(super) async fn accounts(&self, scope: &TenantScope, restore: &Restore) -> Result<u64, BackupError> {
        let mut lines = Records::open(&restore.repository, &restore.version, "account").await?;
        let mut restored = 0;
        while let Some(line) = lines.next().await? {
            restored += u64::from(self.account(scope, parsed(line)?).await?);
        }
        Ok(restored)
    }

    /// Brings an account back, if it is not there. One whose login name is taken comes back under another one; none comes
    /// back with the rights of an owner, for the owner of this tenant is whoever restores it.
    async fn account(&self, scope: &TenantScope, mut account: Account) -> Result<bool, BackupError> {
        let state = &*self.core.ports.state;
        let user = account.profile.id;
        if state.get(scope, &records::account(user)).await?.is_some() {
            return Ok(false);
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
        Ok(true)
    }

    /// Makes a conversation that is not there, with those of its members who are; whether it was missing.
    pub(in crate::backup) async fn room(
        &self,
        scope: &TenantScope,
        conversation: &Conversation,
    ) -> Result<bool, BackupError> {
        let id = conversation.id;
        if self.core.room(scope, id).await.map_err(ours)?.is_some() {
            return Ok(false);
        }
        let mut conversation = conversation.clone();
        let mut members = Vec::with_capacity(conversation.members.len());
        for member in conversation.members {
            if self.core.ports.state.get(scope, &records::account(member.user)).await?.is_some() {
                members.push(member);
            }
        }
        conversation.members = members;
        let record = RoomRecord { revision: 1, conversation };
        let conversation = &record.conversation;
        let mut writes = vec![records::put(records::conversation(id), &record, Expect::Absent).map_err(ours)?];
        for member in &conversation.members {
            writes.push(records::put(records::membership(member.user, id), &(), Expect::Any).map_err(ours)?);
        }
        if let (ConversationKind::Direct, [one, other]) = (conversation.kind, conversation.members.as_slice()) {
            writes.push(records::put(records::direct(one.user, other.user), &id, Expect::Any).map_err(ours)?);
        }
        self.core.ports.state.commit(scope, writes).await?;
        self.core.room_changed(scope.tenant(), record);
        Ok(true)
    }

    /// Keeps the records of a family that are not there; how many.
    pub(super) async fn put_absent(
        &self,
        scope: &TenantScope,
        restore: &Restore,
        family: &str,
    ) -> Result<u64, BackupError> {
        let (state, mut count) = (&self.core.ports.state, 0);
        let mut found = Records::open(&restore.repository, &restore.version, family).await?;
        loop {
            let lines = found.some(TOGETHER).await?;
            if lines.is_empty() {
                return Ok(count);
            }
            let mut writes = Vec::new();
            for line in &lines {
                let key = warbler_domain::StateKey::from_text(line.key.clone());
                if state.get(scope, &key).await?.is_none() {
                    writes.push(records::put(key, &line.value, Expect::Any).map_err(ours)?);
                }
            }
            if !writes.is_empty() {
                count += writes.len() as u64;
                state.commit(scope, writes).await?;
            }
        }
    }

    /// Remembers what any version says was erased, so that the versions that this host makes say so too when those are
    /// forgotten.
    pub(super) async fn keep_erased(&self, scope: &TenantScope, restore: &Restore) -> Result<(), BackupError> {
        let (state, mut writes) = (&self.core.ports.state, Vec::new());
        for message in restore.erased.messages() {
            let key = records::erased(message);
            if state.get(scope, &key).await?.is_none() {
                writes.push(records::put(key, &restore.now, Expect::Any).map_err(ours)?);
            }
            if writes.len() == TOGETHER {
                state.commit(scope, std::mem::take(&mut writes)).await?;
            }
        }
        Ok(state.commit(scope, writes).await?)
    }
}
