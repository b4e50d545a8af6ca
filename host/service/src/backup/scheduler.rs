//! Looks every so often at what is due: runs, runs that are late, trials, restores and changes
//! of a key that a crash cut short.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use warbler_domain::{BackupProgress, TenantId, TenantScope};

use super::{Inner, ledger, mirror};
use crate::audit::Actor;
use crate::{Backups, ServiceError};

/// How often to look. A schedule names minutes.
const LOOK: Duration = Duration::from_secs(30);

/// After a failure the next run waits so long, doubling with each one, four hours at most.
const FIRST_WAIT: Duration = Duration::from_mins(5);
const LONGEST_WAIT: Duration = Duration::from_hours(4);

/// How long a mirrored sink that is behind waits for the next healing, if no run comes before it.
const HEALED: Duration = Duration::from_mins(15);

/// How often to look for messages that are older than their tenant keeps them: it counts in days.
const EXPIRED: Duration = Duration::from_hours(1);

impl Backups {
    /// Erases messages that are older than their tenant keeps them, until the service stops.
    pub(crate) fn keep_expiring(&self) {
        let inner = Arc::clone(&self.inner);
        self.inner.core.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(EXPIRED);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                for tenant in inner.core.tenants.ids() {
                    if let Err(error) = inner.expire(&TenantScope::own_work(tenant)).await {
                        tracing::error!(%error, %tenant, "messages past their retention could not be erased");
                    }
                }
            }
        });
    }

    /// Looks every so often until the service stops.
    pub(crate) fn keep_looking(&self) {
        let inner = Arc::clone(&self.inner);
        self.inner.core.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                for tenant in inner.core.tenants.ids() {
                    if let Err(error) = inner.look(tenant).await {
                        tracing::warn!(%error, %tenant, "whether a backup is due could not be found out");
                    }
                }
            }
        });
    }
}

impl Inner {
    /// Does what is due for a tenant. Runs go on by themselves.
    pub(super) async fn look(self: &Arc<Self>, tenant: TenantId) -> Result<(), ServiceError> {
        let (scope, state) = (TenantScope::own_work(tenant), &*self.core.ports.state);
        self.resume_restores(&scope).await?;
        self.resume_rotation(&scope).await?;
        let (policy, now) = (ledger::policy(state, &scope).await?, self.core.now());
        let ledger = ledger::ledger(state, &scope).await?;
        // Whoever chose a sink, or had backups, is told that there are none any more.
        if !self.has_sink(tenant) && policy.sinks.is_empty() && ledger.version.is_none() {
            return Ok(());
        }
        // What counts is when the last version was made: a run that failed is still due.
        if let Some(due_since) = policy.due_since(ledger.made_at, now) {
            let since = if ledger.made_at.is_none() { self.known_since(&scope).await? } else { due_since };
            self.look_for_late(&scope, since, policy.patience()).await?;
            let wait = FIRST_WAIT.saturating_mul(1 << ledger.failures.saturating_sub(1).min(10)).min(LONGEST_WAIT);
            let may_run =
                ledger.failures == 0 || ledger.began_at.is_none_or(|began| began > now || now.since(began) >= wait);
            if may_run {
                self.start_run(&scope, Actor::Host);
            }
        } else if ledger.version.is_some() && policy.is_drill_due(ledger.drilled_at, now) {
            self.start_drill(&scope);
        } else if self.is_healing_due(&scope).await? {
            self.start_healing(&scope, Actor::Host);
        }
        Ok(())
    }

    /// Whether a mirrored sink is behind that may be back by now.
    async fn is_healing_due(&self, scope: &TenantScope) -> Result<bool, ServiceError> {
        let (record, now) = (mirror::record(&*self.core.ports.state, scope).await?, self.core.now());
        let is_time = record.healed_at.is_none_or(|last| last > now || now.since(last) >= HEALED);
        Ok(!record.behind.is_empty() && is_time)
    }

    /// Begins to heal mirrored sinks, unless something is under way; whether it did.
    pub(super) fn start_healing(self: &Arc<Self>, scope: &TenantScope, actor: Actor) -> bool {
        let Some(turn) = self.turn(scope.tenant(), "heal") else { return false };
        let (inner, scope) = (Arc::clone(self), *scope);
        self.core.tasks.spawn(async move {
            if let Err(error) = inner.heal_now(&scope, &actor, &turn.progress).await {
                tracing::warn!(%error, tenant = %scope.tenant(), "mirrored sinks could not be healed");
            }
            drop(turn);
        });
        true
    }

    /// Since when there is somewhere to back up to.
    async fn known_since(&self, scope: &TenantScope) -> Result<warbler_domain::Timestamp, ServiceError> {
        let (state, now) = (&*self.core.ports.state, self.core.now());
        let present = ledger::ledger(state, scope).await?.since;
        match present {
            Some(since) => Ok(since),
            None => ledger::change(state, scope, |ledger| ledger.since = Some(now)).await.map(|_| now),
        }
    }

    /// Begins a run, unless something is under way; whether it did.
    pub(super) fn start_run(self: &Arc<Self>, scope: &TenantScope, actor: Actor) -> bool {
        let Some(turn) = self.turn(scope.tenant(), "backup") else { return false };
        let (inner, scope) = (Arc::clone(self), *scope);
        self.core.tasks.spawn(async move {
            let progress = Arc::clone(&turn.progress);
            // It was told of by itself.
            drop(inner.until_the_end(&progress, Box::pin(inner.run(&scope, actor, &progress))).await);
            drop(turn);
        });
        true
    }

    /// Does something that ends when the service stops: its threads hear of the end through `progress`.
    pub(super) async fn until_the_end<T>(&self, progress: &Arc<BackupProgress>, work: impl Future<Output = T>) -> T {
        let (stop, ending) = (self.core.tasks.stop().clone(), Arc::clone(progress));
        let watch = tokio::spawn(async move {
            stop.cancelled().await;
            ending.cancel();
        });
        let done = work.await;
        watch.abort();
        done
    }
}
