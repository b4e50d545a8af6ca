//! Push for the tenant's admins: how providers fare, what was given up, and the policy.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;
use warbler_domain::{Expect, MessageId, Right, StoreError, UserId};

use super::dead::{self, DeadNotification, DeadRecord};
use super::health::ProviderHealth;
use super::job::{self, Held};
use super::person::{Endpoint, FAMILY};
use super::rule::PushPolicy;
use super::work::{LANES, policy_key};
use super::{Push, Story};
use crate::audit::{Actor, NewEntry};
use crate::{Caller, ServiceError, records};

/// Most dead letters of one page.
const PAGE: usize = 200;

/// How long a notification that is sent again is worth something.
const AGAIN: std::time::Duration = std::time::Duration::from_hours(24);

/// What a tenant's admins see of push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushOverview {
    /// Devices, by kind.
    pub endpoints: BTreeMap<String, usize>,
    /// How each kind's provider fares, by kind.
    pub providers: Vec<ProviderHealth>,
    /// Notifications that were given up.
    pub dead_letters: usize,
}

impl Push {
    /// Devices, providers and what was given up.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn overview(&self, caller: &Caller) -> Result<PushOverview, ServiceError> {
        caller.require(Right::SeePlugins)?;
        let state = &*self.work.core.ports.state;
        let mut endpoints: BTreeMap<String, usize> = BTreeMap::new();
        let everyone = records::under(FAMILY, &[]);
        for (key, kept) in records::scan_all(state, caller.scope(), &everyone, usize::MAX).await? {
            if key.as_str().split('/').nth(2) == Some("endpoint") {
                *endpoints.entry(records::decode::<Endpoint>(&kept, "push endpoint")?.kind).or_default() += 1;
            }
        }
        let mut kinds: BTreeMap<String, _> = self.work.healths(caller.tenant()).into_iter().collect();
        for provider in self.work.providers(caller.tenant()) {
            for kind in provider.push_kinds {
                kinds.entry(kind.clone()).or_insert_with(|| self.work.health(caller.tenant(), &kind));
            }
        }
        let view = |(kind, health): (String, std::sync::Arc<super::health::Health>)| {
            let provider = self.work.provider(caller.tenant(), &kind).map(|provider| provider.plugin);
            health.view(kind, provider)
        };
        let providers = kinds.into_iter().map(view).collect();
        let dead_letters = dead::count(state, caller.scope()).await?;
        Ok(PushOverview { endpoints, providers, dead_letters })
    }

    /// Why somebody of the tenant got a notification, or none. Nothing of the message itself is told.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn story_of(&self, caller: &Caller, message: MessageId, user: UserId) -> Result<Story, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        self.tell(caller, message, user).await
    }

    /// The tenant's policy.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn policy(&self, caller: &Caller) -> Result<PushPolicy, ServiceError> {
        caller.require(Right::SeePlugins)?;
        Ok(PushPolicy::clone(&*self.work.policy(caller.scope()).await?))
    }

    /// Changes the tenant's policy.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `Conflict` if someone else changes it just now, `SessionEnded`, or the store
    /// failed.
    pub async fn set_policy(&self, caller: &Caller, policy: PushPolicy) -> Result<PushPolicy, ServiceError> {
        caller.require(Right::ManagePolicy)?;
        check(&policy)?;
        let (state, key) = (&*self.work.core.ports.state, policy_key());
        let found = records::get::<PushPolicy>(state, caller.scope(), &key, "push policy").await?;
        let expect = found.map_or(Expect::Absent, |(_, expect)| expect);
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "push.policy")
            .detail("contents", policy.contents)
            .detail("idle-seconds", policy.idle_seconds)
            .detail("mentions-break-quiet", policy.mentions_break_quiet)
            .detail("expiry-seconds", policy.expiry_seconds);
        let write = records::put(key, &policy, expect)?;
        self.work.core.audit.commit(caller.scope(), vec![write], entry).await?;
        self.work.forget_policy(caller.tenant());
        Ok(policy)
    }

    /// Notifications that were given up after the one named `after`, the oldest first, at most `limit`
    /// (1 to 200).
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn dead_letters(
        &self,
        caller: &Caller,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<DeadNotification>, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        dead::list(&*self.work.core.ports.state, caller.scope(), after, limit.clamp(1, PAGE)).await
    }

    /// Sends a notification that was given up once more, as if it had never failed.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict`, `SessionEnded`, or the store failed.
    pub async fn replay(&self, caller: &Caller, id: Uuid) -> Result<(), ServiceError> {
        caller.require(Right::ManagePlugins)?;
        let (record, expect) = self.dead(caller, id).await?;
        let now = self.work.core.now();
        let mut job = record.job;
        (job.attempt, job.since, job.due, job.expires_at) = (0, None, now, now.after(AGAIN));
        let put = records::put(job::job_key(&job, job.lane(LANES)), &job, Expect::Any)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "push.replay").subject("notification", &id);
        let writes = vec![put, records::delete(dead::key(id), expect)];
        self.commit(caller, writes, entry).await?;
        let held = Held { job, event: None, ticket: None, stored: true, came: now, throttled: false };
        self.work.enqueue(caller.tenant(), vec![held]);
        Ok(())
    }

    /// Forgets a notification that was given up.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict`, `SessionEnded`, or the store failed.
    pub async fn discard(&self, caller: &Caller, id: Uuid) -> Result<(), ServiceError> {
        caller.require(Right::ManagePlugins)?;
        let (_, expect) = self.dead(caller, id).await?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "push.discard").subject("notification", &id);
        self.commit(caller, vec![records::delete(dead::key(id), expect)], entry).await
    }

    async fn dead(&self, caller: &Caller, id: Uuid) -> Result<(DeadRecord, Expect), ServiceError> {
        let (state, key) = (&*self.work.core.ports.state, dead::key(id));
        let found = records::get::<DeadRecord>(state, caller.scope(), &key, "dead letter").await?;
        found.ok_or(ServiceError::NotFound { what: "dead letter" })
    }

    async fn commit(
        &self,
        caller: &Caller,
        writes: Vec<warbler_domain::StateWrite>,
        entry: NewEntry,
    ) -> Result<(), ServiceError> {
        match self.work.core.audit.commit(caller.scope(), writes, entry).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(ServiceError::NotFound { what: "dead letter" }),
            Err(error) => Err(error.into()),
        }
    }
}

fn check(policy: &PushPolicy) -> Result<(), ServiceError> {
    let within = |field, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let limit = Some(if value < least { least } else { most });
        Err(ServiceError::Invalid { field, problem: format!("must be from {least} to {most}"), limit })
    };
    within("idle_seconds", policy.idle_seconds, 0, 24 * 3600)?;
    within("expiry_seconds", policy.expiry_seconds, 60, 24 * 3600)?;
    for quota in policy.quotas.values() {
        within("quotas.per_second", quota.per_second.into(), 1, 1_000_000)?;
        within("quotas.burst", quota.burst.unwrap_or(1).into(), 1, 1_000_000)?;
    }
    Ok(())
}
