//! What models were used for: tokens and costs by day, tenant, agent and model. Counted in memory, where
//! budgets look, and written down soon after.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use warbler_domain::{Expect, StateKey, TenantId, TenantScope, Timestamp, UserId};

use crate::core::Core;
use crate::{ServiceError, records};

/// Days whose counts stay in memory.
const DAYS: u64 = 2;

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Use {
    /// Calls of models.
    pub calls: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// What it cost, in millionths of the currency's unit.
    pub cost_micros: u64,
}

impl Use {
    /// Tokens read and written.
    pub(super) const fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    const fn add(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.prompt_tokens = self.prompt_tokens.saturating_add(more.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(more.completion_tokens);
        self.cost_micros = self.cost_micros.saturating_add(more.cost_micros);
    }
}

/// The counts.
#[derive(Default)]
pub(super) struct Usage {
    days: Mutex<HashMap<(TenantId, u64), Day>>,
    written: Notify,
}

/// One day of one tenant.
#[derive(Default)]
struct Day {
    /// Whether what was kept is in it.
    loaded: bool,
    by: BTreeMap<(UserId, String), Use>,
    unwritten: BTreeSet<(UserId, String)>,
}

impl Usage {
    pub(super) fn new(_core: &Arc<Core>) -> Arc<Self> {
        Arc::default()
    }

    /// Writes down what was counted, as it comes.
    pub(super) fn start(self: &Arc<Self>, core: &Arc<Core>) {
        let (usage, of) = (Arc::clone(self), Arc::clone(core));
        core.tasks.spawn(async move {
            loop {
                usage.written.notified().await;
                usage.write(&of).await;
            }
        });
    }

    /// The tokens of a tenant today, and those of one of its agents.
    pub(super) async fn today(
        &self,
        core: &Core,
        scope: &TenantScope,
        agent: UserId,
    ) -> Result<(u64, u64), ServiceError> {
        let all = self.of(core, scope).await?;
        let of_agent = all.iter().filter(|(user, ..)| *user == agent).map(|(.., used)| used.tokens()).sum();
        Ok((all.iter().map(|(.., used)| used.tokens()).sum(), of_agent))
    }

    /// What a tenant used today.
    pub(super) async fn of(
        &self,
        core: &Core,
        scope: &TenantScope,
    ) -> Result<Vec<(UserId, String, Use)>, ServiceError> {
        let key = (scope.tenant(), day(core.now()));
        if !self.days.lock().get(&key).is_some_and(|day| day.loaded) {
            let kept = load(core, scope, key.1).await?;
            let mut days = self.days.lock();
            days.retain(|(_, day), _| *day + DAYS > key.1);
            let day = days.entry(key).or_default();
            if !day.loaded {
                for (who, used) in kept {
                    day.by.entry(who).or_default().add(used);
                }
                day.loaded = true;
            }
        }
        let days = self.days.lock();
        let by = days.get(&key).map(|day| &day.by);
        Ok(by.into_iter().flatten().map(|((user, model), used)| (*user, model.clone(), *used)).collect())
    }

    /// Counts.
    pub(super) fn count(&self, core: &Core, scope: &TenantScope, agent: UserId, model: &str, used: Use) {
        let tenant = scope.tenant();
        for (kind, tokens) in [("prompt", used.prompt_tokens), ("completion", used.completion_tokens)] {
            let labels = [("tenant", tenant.to_string()), ("model", model.to_owned()), ("kind", kind.to_owned())];
            metrics::counter!("model_tokens_total", &labels).increment(tokens);
        }
        let labels = [("tenant", tenant.to_string()), ("model", model.to_owned())];
        metrics::counter!("model_cost_micros_total", &labels).increment(used.cost_micros);
        let mut days = self.days.lock();
        let day = days.entry((tenant, day(core.now()))).or_default();
        let who = (agent, model.to_owned());
        day.by.entry(who.clone()).or_default().add(used);
        day.unwritten.insert(who);
        drop(days);
        self.written.notify_one();
    }

    async fn write(&self, core: &Core) {
        let unwritten: Vec<_> = {
            let mut days = self.days.lock();
            // What was kept must be read first, or it would be overwritten.
            let loaded = days.iter_mut().filter(|(_, day)| day.loaded && !day.unwritten.is_empty());
            let take = |((tenant, number), day): (&(TenantId, u64), &mut Day)| {
                let who = std::mem::take(&mut day.unwritten);
                let uses = who.into_iter().filter_map(|who| day.by.get(&who).map(|used| (who.clone(), *used)));
                (*tenant, *number, uses.collect::<Vec<_>>())
            };
            loaded.map(take).collect()
        };
        for (tenant, day, uses) in unwritten {
            let scope = TenantScope::own_work(tenant);
            let put = |((user, model), used): &((UserId, String), Use)| {
                records::put(key(day, *user, model), used, Expect::Any).ok()
            };
            if let Err(error) = core.ports.state.commit(&scope, uses.iter().filter_map(put).collect()).await {
                tracing::warn!(%tenant, %error, "what models were used for was not written down");
            }
        }
    }
}

async fn load(core: &Core, scope: &TenantScope, day: u64) -> Result<Vec<((UserId, String), Use)>, ServiceError> {
    let prefix = records::under("model-use", &[&day]);
    let found = records::scan_all(&*core.ports.state, scope, &prefix, usize::MAX).await?;
    let mut uses = Vec::with_capacity(found.len());
    for (key, kept) in found {
        let mut parts = key.as_str().split('/').skip(2);
        let (Some(account), Some(model)) = (parts.next().and_then(|part| part.parse().ok()), parts.next()) else {
            continue;
        };
        uses.push(((account, model.to_owned()), records::decode(&kept, "model use")?));
    }
    Ok(uses)
}

/// Where a count is kept.
fn key(day: u64, user: UserId, model: &str) -> StateKey {
    StateKey::new("model-use", &[&day, &user, &model])
}

/// Days since 1970, UTC.
fn day(at: Timestamp) -> u64 {
    at.as_millis() / 86_400_000
}
