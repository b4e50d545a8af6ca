//! What all use cases share: the ports, the options, and the projections of records in memory, which
//! follow the store's changes. Rules about who may do what do not live here.

use std::sync::Arc;

use futures::StreamExt as _;
use warbler_domain::{ConversationId, SessionId, StateChange, StateKey, TenantId, TenantScope, Timestamp, UserId};

use crate::audit::Audit;
use crate::authentication::{Ending, Passwords, Person, Session};
use crate::cache::Cache;
use crate::conversations::{Room, RoomRecord};
use crate::filters::FilterChains;
use crate::live::Hub;
use crate::members::Account;
use crate::meters::Meters;
use crate::ports::Tasks;
use crate::push::{Addressee, Withdrawn, load_addressee};
use crate::rate::{Addresses, Attempts};
use crate::tenants::TenantTable;
use crate::{EndReason, Options, Ports, ServiceError, records};

/// What all use cases share.
pub(crate) struct Core {
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) tasks: Tasks,
    pub(crate) audit: Audit,
    pub(crate) filters: FilterChains,
    pub(crate) tenants: TenantTable,
    pub(crate) passwords: Passwords,
    pub(crate) addresses: Addresses,
    pub(crate) attempts: Attempts,
    /// Sessions that are being ended here.
    pub(crate) ending: Ending,
    pub(crate) hub: Hub,
    pub(crate) meters: Meters,
    people: Cache<(TenantId, UserId), Person>,
    /// By the digest of the token.
    pub(crate) sessions: Cache<[u8; 32], Session>,
    rooms: Cache<(TenantId, ConversationId), Room>,
    /// Messages that were taken back, so that nobody is notified of them.
    pub(crate) withdrawn: Withdrawn,
    /// Devices and habits, for notifications.
    addressees: Cache<(TenantId, UserId), Addressee>,
}

impl Core {
    pub(crate) fn new(
        ports: Ports,
        options: Options,
        tasks: Tasks,
        audit: Audit,
        filters: FilterChains,
        hub: Hub,
    ) -> Self {
        Self {
            passwords: Passwords::new(options.password_cost, options.password_workers, Arc::clone(&ports.entropy)),
            addresses: Addresses::new(options.rates.sign_ins),
            attempts: Attempts::new(options.rates),
            ending: Ending::default(),
            people: Cache::new(options.cache_entries),
            sessions: Cache::new(options.cache_entries),
            rooms: Cache::new(options.cache_entries),
            addressees: Cache::new(options.cache_entries),
            withdrawn: Withdrawn::default(),
            tenants: TenantTable::default(),
            meters: Meters::new(),
            hub,
            ports,
            options,
            tasks,
            audit,
            filters,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The account in memory, loaded if need be.
    pub(crate) async fn person(&self, scope: &TenantScope, user: UserId) -> Result<Option<Arc<Person>>, ServiceError> {
        let load = || async move {
            let found = records::get::<Account>(&*self.ports.state, scope, &records::account(user), "account").await?;
            let limits = &self.options.rates;
            Ok(found.map(|(account, _)| Person::new(account.revision, account.profile, limits)))
        };
        self.people.get_or_load(&(scope.tenant(), user), load).await
    }

    /// The conversation in memory, loaded if need be. Who may see it is the caller's question.
    pub(crate) async fn room(
        &self,
        scope: &TenantScope,
        id: ConversationId,
    ) -> Result<Option<Arc<Room>>, ServiceError> {
        let load = || async move {
            let key = records::conversation(id);
            let found = records::get::<RoomRecord>(&*self.ports.state, scope, &key, "conversation").await?;
            Ok(found.map(|(record, _)| Room::from(record)))
        };
        self.rooms.get_or_load(&(scope.tenant(), id), load).await
    }

    /// The conversation, if `user` is in it. That it is another's, another tenant's or none at all is
    /// one and the same answer.
    pub(crate) async fn room_of(
        &self,
        scope: &TenantScope,
        user: UserId,
        id: ConversationId,
    ) -> Result<Arc<Room>, ServiceError> {
        let room = self.room(scope, id).await?.filter(|room| room.has(user));
        room.ok_or(ServiceError::NotFound { what: "conversation" })
    }

    /// Someone's devices and habits, loaded if need be.
    pub(crate) async fn addressee(&self, scope: &TenantScope, user: UserId) -> Result<Arc<Addressee>, ServiceError> {
        let load = || async move { load_addressee(&*self.ports.state, scope, user).await.map(Some) };
        Ok(self.addressees.get_or_load(&(scope.tenant(), user), load).await?.unwrap_or_default())
    }

    /// Someone's devices or habits changed.
    pub(crate) fn forget_addressee(&self, tenant: TenantId, user: UserId) {
        self.addressees.remove(&(tenant, user));
    }

    /// Takes over what was just committed, before the store's own notice of it arrives.
    pub(crate) fn room_changed(&self, tenant: TenantId, record: RoomRecord) {
        let room = Room::from(record);
        let revision = room.revision;
        self.rooms.put(&(tenant, room.conversation.id), room, |present| present.revision < revision);
    }

    /// Takes over a changed account.
    pub(crate) fn account_changed(&self, tenant: TenantId, account: &Account) {
        let key = (tenant, account.profile.id);
        self.people.changed(&key, |person| person.update(account.revision, account.profile.clone()));
        if account.profile.disabled {
            self.end_in_memory(EndReason::Revoked, |session| {
                session.scope.tenant() == tenant && session.person.id == account.profile.id
            });
        }
    }

    /// Ends the sessions in memory that `which` names, and closes their sockets. Gives those that lived.
    pub(crate) fn end_in_memory(&self, reason: EndReason, which: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let gone = self.sessions.retain(|_, session| !which(session));
        for session in &gone {
            session.end(reason);
            self.hub.end(session.id, session.ended().unwrap_or(reason));
        }
        gone
    }

    /// Forgets a removed tenant.
    pub(crate) fn forget_tenant(&self, tenant: TenantId) {
        self.end_in_memory(EndReason::Revoked, |session| session.scope.tenant() == tenant);
        self.people.retain(|(of, _), _| *of != tenant);
        self.rooms.retain(|(of, _), _| *of != tenant);
        self.addressees.retain(|(of, _), _| *of != tenant);
    }

    /// Follows the changes that other nodes make, and this one.
    pub(crate) fn follow(self: &Arc<Self>) {
        let watches: [(&'static str, Apply); 5] = [
            ("account", Self::on_account),
            ("conversation", Self::on_conversation),
            ("push-user", Self::on_addressee),
            ("session", Self::on_session),
            ("tenant", Self::on_tenant),
        ];
        for (family, apply) in watches {
            let (core, mut changes) = (Arc::clone(self), self.ports.state.watch(&records::under(family, &[])));
            self.tasks.spawn(async move {
                while let Some(change) = changes.next().await {
                    apply(&core, &change);
                }
            });
        }
    }

    fn on_account(&self, change: &StateChange) {
        let account = change.value.as_ref().and_then(|kept| records::decode::<Account>(kept, "account").ok());
        if let Some(account) = account {
            self.account_changed(change.tenant, &account);
        }
    }

    fn on_conversation(&self, change: &StateChange) {
        let record = change.value.as_ref().and_then(|kept| records::decode::<RoomRecord>(kept, "conversation").ok());
        match (record, change.key.last().parse()) {
            (Some(record), _) => self.room_changed(change.tenant, record),
            (None, Ok(id)) => drop(self.rooms.remove(&(change.tenant, id))),
            (None, Err(_)) => {}
        }
    }

    fn on_addressee(&self, change: &StateChange) {
        if let Some(user) = crate::push::addressee_of(&change.key) {
            self.forget_addressee(change.tenant, user);
        }
    }

    fn on_session(&self, change: &StateChange) {
        let Ok(id) = change.key.last().parse::<SessionId>() else { return };
        if change.value.is_none() {
            self.end_in_memory(self.ending.reason(id), |session| session.id == id);
        }
    }

    fn on_tenant(&self, change: &StateChange) {
        let Some(tenant) = tenant_in(&change.key) else { return };
        if let Some(record) = change.value.as_ref().and_then(|kept| records::decode(kept, "tenant").ok()) {
            self.tenants.put(record);
        } else {
            self.tenants.remove(tenant);
            self.forget_tenant(tenant);
        }
    }
}

/// What a change of one family does to what is kept in memory.
type Apply = fn(&Core, &StateChange);

fn tenant_in(key: &StateKey) -> Option<TenantId> {
    key.last().parse().ok()
}
