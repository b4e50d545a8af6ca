//! What all of push shares: the people, the tenants' policies, the lanes, and what is told of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::{Mutex, RwLock};
use warbler_domain::{
    EndpointId, Expect, PushProvider, Sequence, StateChange, StateKey, TenantId, TenantScope, UserId,
};

use super::code_rate::CodeGate;
use super::health::{Health, Quotas};
use super::job::{self, Held};
use super::lane::{Lane, Order, Tube};
use super::person::{self, Addressee, Endpoint};
use super::rule::PushPolicy;
use super::story::{self, Book};
use super::unread::Unread;
use crate::cache::Cache;
use crate::core::Core;
use crate::installation::LiveHook;
use crate::{Plugins, ServiceError, records};

/// Lanes of one kind in one tenant: as many batches are with its provider at a time.
pub(super) const LANES: usize = 4;

/// How often notes are written.
const FLUSH: Duration = Duration::from_millis(250);

/// How often old stories and dead letters are swept out, and how long they are kept.
const SWEEP: Duration = Duration::from_hours(1);
const STORIES_FOR: Duration = Duration::from_hours(7 * 24);
const LETTERS_FOR: Duration = Duration::from_hours(30 * 24);

/// Most records of stories, and most dead letters, of one tenant.
const STORIES: usize = 200_000;
const LETTERS: usize = 10_000;

/// Which lane: whose, for which kind of provider, and its number.
pub(super) type LaneKey = (TenantId, String, usize);

/// What all of push shares.
pub(crate) struct PushWork {
    pub(super) core: Arc<Core>,
    pub(super) plugins: Plugins,
    pub(super) book: Book,
    pub(super) unread: Unread,
    pub(super) quotas: Quotas,
    pub(super) codes: CodeGate,
    policies: Cache<TenantId, PushPolicy>,
    /// Tenants that have, or had, devices.
    reachable: RwLock<HashSet<TenantId>>,
    lanes: Mutex<HashMap<LaneKey, Tube>>,
    health: Mutex<HashMap<(TenantId, String), Arc<Health>>>,
    /// A provider that no plugin is, for tests.
    #[cfg(test)]
    pub(super) scripted: RwLock<Option<LiveHook<dyn PushProvider>>>,
}

/// What a change of one family of records does.
type OnChange = fn(&PushWork, &StateChange);

impl PushWork {
    pub(super) fn new(core: Arc<Core>, plugins: Plugins) -> Arc<Self> {
        let policies = Cache::new(core.options.cache_entries);
        let codes = CodeGate::new(core.options.rates.codes);
        Arc::new(Self {
            core,
            plugins,
            book: Book::default(),
            unread: Unread::default(),
            quotas: Quotas::default(),
            codes,
            policies,
            reachable: RwLock::default(),
            lanes: Mutex::default(),
            health: Mutex::default(),
            #[cfg(test)]
            scripted: RwLock::default(),
        })
    }

    /// Finds out who has devices, takes up what was in line, and follows changes.
    pub(super) async fn start(self: &Arc<Self>, tenants: &[TenantId]) -> Result<(), ServiceError> {
        for tenant in tenants {
            let scope = TenantScope::own_work(*tenant);
            let devices = records::under("push-address", &[]);
            if !self.core.ports.state.scan(&scope, &devices, None, 1).await?.is_empty() {
                self.reachable.write().insert(*tenant);
            }
            for (kind, lane) in self.kept_lanes(&scope).await? {
                self.tube(*tenant, &kind, lane);
            }
        }
        let watches: [(&'static str, OnChange); 3] =
            [("push-address", Self::on_address), ("push-policy", Self::on_policy), ("read", Self::on_read)];
        for (family, apply) in watches {
            // The policy is one record, of which the family is the whole key.
            let (work, mut changes) = (Arc::clone(self), self.core.ports.state.watch(&StateKey::new(family, &[])));
            self.core.tasks.spawn(async move {
                while let Some(change) = changes.next().await {
                    apply(&work, &change);
                }
            });
        }
        self.keep_books();
        Ok(())
    }

    /// Lanes that have jobs in state.
    async fn kept_lanes(&self, scope: &TenantScope) -> Result<Vec<(String, usize)>, ServiceError> {
        let (mut lanes, mut after) = (Vec::new(), None::<StateKey>);
        loop {
            let found = self.core.ports.state.scan(scope, &job::all(), after.as_ref(), 1).await?;
            let Some(kind) = found.first().and_then(|(key, _)| job::kind_of(key)) else { return Ok(lanes) };
            lanes.extend((0..LANES).map(|lane| (kind.to_owned(), lane)));
            after = Some(job::after_kind(kind));
        }
    }

    fn keep_books(self: &Arc<Self>) {
        let work = Arc::clone(self);
        self.core.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(FLUSH);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                work.flush().await;
            }
        });
        let work = Arc::clone(self);
        self.core.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP);
            loop {
                ticks.tick().await;
                for tenant in work.core.tenants.ids() {
                    if let Err(error) = work.sweep(tenant).await {
                        tracing::warn!(%tenant, %error, "stories of notifications could not be swept");
                    }
                }
            }
        });
    }

    /// Writes what was noted until now.
    pub(super) async fn flush(&self) {
        self.book.flush(&*self.core.ports.state, &*self.core.ports.ids).await;
    }

    async fn sweep(&self, tenant: TenantId) -> Result<(), ServiceError> {
        let (scope, state, now) = (TenantScope::own_work(tenant), &*self.core.ports.state, self.core.now());
        let before = |age: Duration| {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            warbler_domain::Timestamp::from_millis(now.as_millis().saturating_sub(age))
        };
        story::sweep(state, &scope, before(STORIES_FOR), STORIES).await?;
        super::dead::sweep(state, &scope, before(LETTERS_FOR), LETTERS).await
    }

    fn on_address(&self, change: &StateChange) {
        if change.value.is_some() {
            self.reachable.write().insert(change.tenant);
        }
    }

    fn on_policy(&self, change: &StateChange) {
        self.policies.remove(&change.tenant);
    }

    fn on_read(&self, change: &StateChange) {
        let mut parts = change.key.as_str().split('/').skip(1);
        let conversation = parts.next().and_then(|part| part.parse().ok());
        let user = parts.next().and_then(|part| part.parse::<UserId>().ok());
        let read = change.value.as_ref().and_then(|kept| records::decode::<Sequence>(kept, "read mark").ok());
        if let (Some(conversation), Some(user), Some(read)) = (conversation, user, read) {
            self.unread.read(change.tenant, user, conversation, read);
        }
    }

    /// Whether the tenant has, or had, devices.
    pub(super) fn is_reachable(&self, tenant: TenantId) -> bool {
        self.reachable.read().contains(&tenant)
    }

    pub(super) fn reach(&self, tenant: TenantId) {
        self.reachable.write().insert(tenant);
    }

    pub(super) async fn person(&self, scope: &TenantScope, user: UserId) -> Result<Arc<Addressee>, ServiceError> {
        self.core.addressee(scope, user).await
    }

    /// The tenant's policy; the default one if its admins decided nothing.
    pub(super) async fn policy(&self, scope: &TenantScope) -> Result<Arc<PushPolicy>, ServiceError> {
        let load = || async move {
            let key = policy_key();
            let found = records::get::<PushPolicy>(&*self.core.ports.state, scope, &key, "push policy").await?;
            Ok(Some(found.map(|(policy, _)| policy).unwrap_or_default()))
        };
        Ok(self.policies.get_or_load(&scope.tenant(), load).await?.unwrap_or_default())
    }

    pub(super) fn forget_policy(&self, tenant: TenantId) {
        self.policies.remove(&tenant);
    }

    /// The tenant's push providers.
    pub(super) fn providers(&self, tenant: TenantId) -> Vec<LiveHook<dyn PushProvider>> {
        #[cfg(test)]
        if let Some(scripted) = self.scripted.read().clone() {
            return vec![scripted];
        }
        self.plugins.push_providers(tenant)
    }

    /// The plugin that delivers to devices of this kind.
    pub(super) fn provider(&self, tenant: TenantId, kind: &str) -> Option<LiveHook<dyn PushProvider>> {
        let providers = self.providers(tenant);
        providers.into_iter().find(|provider| provider.push_kinds.iter().any(|served| served == kind))
    }

    pub(super) fn health(&self, tenant: TenantId, kind: &str) -> Arc<Health> {
        let mut health = self.health.lock();
        Arc::clone(health.entry((tenant, kind.to_owned())).or_default())
    }

    /// The health of all kinds that the tenant has used since the host started.
    pub(super) fn healths(&self, tenant: TenantId) -> Vec<(String, Arc<Health>)> {
        let health = self.health.lock();
        let of_tenant = health.iter().filter(|((of, _), _)| *of == tenant);
        of_tenant.map(|((_, kind), health)| (kind.clone(), Arc::clone(health))).collect()
    }

    /// The way into a lane, which is opened if need be.
    pub(super) fn tube(self: &Arc<Self>, tenant: TenantId, kind: &str, lane: usize) -> Tube {
        let mut lanes = self.lanes.lock();
        let tube = lanes.entry((tenant, kind.to_owned(), lane)).or_insert_with(|| Lane::open(self, tenant, kind, lane));
        tube.clone()
    }

    /// Puts jobs into their lanes.
    pub(super) fn enqueue(self: &Arc<Self>, tenant: TenantId, jobs: Vec<Held>) {
        let mut by_lane: HashMap<(String, usize), Vec<Held>> = HashMap::new();
        for held in jobs {
            let lane = held.job.lane(LANES);
            // Most jobs of a message go by few lanes, so that few names are copied.
            by_lane.entry((held.job.kind.clone(), lane)).or_default().push(held);
        }
        for ((kind, lane), jobs) in by_lane {
            self.tube(tenant, &kind, lane).send(Order::Deliver(jobs));
        }
    }

    /// Forgets a device, unless it has changed since.
    pub(super) async fn forget(&self, scope: &TenantScope, user: UserId, id: EndpointId) -> Result<(), ServiceError> {
        let key = person::endpoint_key(user, id);
        let found = records::get::<Endpoint>(&*self.core.ports.state, scope, &key, "push endpoint").await?;
        let Some((endpoint, expect)) = found else { return Ok(()) };
        let writes =
            vec![records::delete(key, expect), records::delete(person::address_key(&endpoint.digest), Expect::Any)];
        self.core.ports.state.commit(scope, writes).await?;
        self.core.forget_addressee(scope.tenant(), user);
        Ok(())
    }
}

pub(super) fn policy_key() -> StateKey {
    StateKey::new("push-policy", &[])
}
