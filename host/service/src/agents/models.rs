//! The models that an operator set up, the budgets of tenants, and what was used. Who speaks to providers is
//! behind the port `ModelClient`; a provider's key is in the operator's sealed state and in memory, and leaves
//! neither but to the provider.

mod lent;
mod record;
mod usage;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt as _;
use warbler_domain::{Expect, ModelClient, ModelError, State, StateChange, TenantId, TenantScope, UserId};

use lent::Lent;
pub use record::{Cost, ModelKind, ModelLimits, ModelView, NewModel, TenantBudget};
use record::{ModelRecord, budget_key, model_key};
use usage::Usage;
pub use usage::Use;

use super::reply::Reply;
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::{LiveHook, OperatorCaller, ServiceError, records};

/// Most models of a host.
const MODELS: usize = 256;

/// The models of the host.
#[derive(Clone)]
pub struct Models {
    inner: Arc<Shelf>,
}

struct Shelf {
    core: Arc<Core>,
    client: Arc<dyn ModelClient>,
    models: ArcSwap<BTreeMap<String, Arc<ModelRecord>>>,
    budgets: ArcSwap<HashMap<TenantId, TenantBudget>>,
    usage: Arc<Usage>,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}

impl Models {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let usage = Usage::new(core);
        let shelf = Shelf {
            core: Arc::clone(core),
            client: Arc::clone(&core.ports.agents.models),
            models: ArcSwap::default(),
            budgets: ArcSwap::default(),
            usage,
        };
        Self { inner: Arc::new(shelf) }
    }

    /// Reads what is kept, and follows its changes.
    pub(super) async fn start(&self) -> Result<(), ServiceError> {
        let (state, scope) = (&*self.inner.core.ports.state, TenantScope::operator());
        for family in ["model", "model-budget"] {
            let (models, mut changes) = (self.clone(), state.watch(&records::under(family, &[])));
            self.inner.core.tasks.spawn(async move {
                while let Some(change) = changes.next().await {
                    models.changed(family, &change);
                }
            });
            for (key, kept) in records::scan_all(state, &scope, &records::under(family, &[]), usize::MAX).await? {
                self.changed(family, &StateChange { tenant: scope.tenant(), key, value: Some(kept) });
            }
        }
        self.inner.usage.start(&self.inner.core);
        Ok(())
    }

    fn changed(&self, family: &str, change: &StateChange) {
        if change.tenant != TenantId::OPERATOR {
            return;
        }
        let name = change.key.last();
        if family == "model" {
            let record = change.value.as_ref().and_then(|kept| records::decode::<ModelRecord>(kept, "model").ok());
            self.put(name, record);
        } else if let Ok(tenant) = name.parse() {
            let budget = change.value.as_ref().and_then(|kept| records::decode(kept, "budget").ok());
            self.put_budget(tenant, budget);
        }
    }

    fn put(&self, name: &str, record: Option<ModelRecord>) {
        let record = record.map(Arc::new);
        self.inner.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            match &record {
                Some(record) => drop(models.insert(name.to_owned(), Arc::clone(record))),
                None => drop(models.remove(name)),
            }
            models
        });
    }

    fn put_budget(&self, tenant: TenantId, budget: Option<TenantBudget>) {
        self.inner.budgets.rcu(|budgets| {
            let mut budgets = HashMap::clone(budgets);
            match budget {
                Some(budget) => drop(budgets.insert(tenant, budget)),
                None => drop(budgets.remove(&tenant)),
            }
            budgets
        });
    }

    /// The models, by name, without their keys.
    #[must_use]
    pub fn list(&self, _operator: &OperatorCaller) -> Vec<ModelView> {
        self.inner.models.load().iter().map(|(name, record)| record.view(name)).collect()
    }

    /// Sets a model up, or another one in its place. Without a key in `new` the one that is kept stays.
    ///
    /// # Errors
    /// `Invalid`, `Conflict` if it is being changed by others, or the store failed.
    pub async fn set(&self, operator: &OperatorCaller, name: &str, new: NewModel) -> Result<ModelView, ServiceError> {
        record::check_name(name)?;
        new.check()?;
        let (state, scope) = (&*self.inner.core.ports.state, operator.scope());
        let key = model_key(name);
        let found = records::get::<ModelRecord>(state, scope, &key, "model").await?;
        if found.is_none() && self.inner.models.load().len() >= MODELS {
            return Err(ServiceError::Conflict { what: "there are as many models as a host can have" });
        }
        let (kept, expect) = found.map_or((None, Expect::Absent), |(record, expect)| (Some(record), expect));
        let record = new.into_record(kept.as_ref());
        let mut writes = vec![records::put(key, &record, expect)?];
        let mut others = Vec::new();
        if record.default {
            // There is one default of each kind.
            for (other, present) in &**self.inner.models.load() {
                if other != name && present.default && present.kind == record.kind {
                    let other_record = ModelRecord { default: false, ..ModelRecord::clone(present) };
                    writes.push(records::put(model_key(other), &other_record, Expect::Any)?);
                    others.push((other.clone(), other_record));
                }
            }
        }
        let entry = NewEntry::new(Actor::Operator, "model.set").detail("model", name);
        self.inner.core.audit.commit(scope, writes, entry).await?;
        let view = record.view(name);
        self.put(name, Some(record));
        for (other, record) in others {
            self.put(&other, Some(record));
        }
        Ok(view)
    }

    /// Takes a model away. Completions under way come to their end.
    ///
    /// # Errors
    /// `NotFound`, or the store failed.
    pub async fn remove(&self, operator: &OperatorCaller, name: &str) -> Result<(), ServiceError> {
        if !self.inner.models.load().contains_key(name) {
            return Err(ServiceError::NotFound { what: "model" });
        }
        let writes = vec![records::delete(model_key(name), Expect::Any)];
        let entry = NewEntry::new(Actor::Operator, "model.remove").detail("model", name);
        self.inner.core.audit.commit(operator.scope(), writes, entry).await?;
        self.put(name, None);
        Ok(())
    }

    /// What a tenant may use; no limits unless set.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant.
    pub fn budget_of(&self, _operator: &OperatorCaller, tenant: TenantId) -> Result<TenantBudget, ServiceError> {
        self.inner.core.tenants.get(tenant).ok_or(ServiceError::NotFound { what: "tenant" })?;
        Ok(self.budget(tenant))
    }

    /// Sets what a tenant may use.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant, `Invalid`, or the store failed.
    pub async fn set_budget(
        &self,
        operator: &OperatorCaller,
        tenant: TenantId,
        budget: TenantBudget,
    ) -> Result<(), ServiceError> {
        self.inner.core.tenants.get(tenant).ok_or(ServiceError::NotFound { what: "tenant" })?;
        budget.check()?;
        let writes = vec![records::put(budget_key(tenant), &budget, Expect::Any)?];
        let entry = NewEntry::new(Actor::Operator, "model.budget").subject("tenant", &tenant);
        self.inner.core.audit.commit(operator.scope(), writes, entry).await?;
        self.put_budget(tenant, Some(budget));
        Ok(())
    }

    /// What a tenant used today (UTC), by agent and model.
    ///
    /// # Errors
    /// The store failed.
    pub async fn used_today(&self, scope: &TenantScope) -> Result<Vec<(UserId, String, Use)>, ServiceError> {
        self.inner.usage.of(&self.inner.core, scope).await
    }

    /// What a tenant may use.
    pub(super) fn budget(&self, tenant: TenantId) -> TenantBudget {
        self.inner.budgets.load().get(&tenant).copied().unwrap_or_default()
    }

    /// The models as one reply may use them.
    pub(super) fn lend(&self, reply: &Reply, hook: &LiveHook<dyn warbler_domain::Agent>) -> Lent {
        Lent {
            shelf: Arc::clone(&self.inner),
            scope: reply.scope,
            agent: Arc::clone(&reply.agent),
            granted: Some(hook.granted.clone()),
            stop: reply.stop.clone(),
            over_budget: Arc::clone(&reply.over_budget),
        }
    }

    /// The models as the host itself uses them in the name of an agent, for a note or a search.
    pub(super) fn own(&self, scope: TenantScope, agent: &Arc<super::record::AgentRecord>) -> Lent {
        Lent {
            shelf: Arc::clone(&self.inner),
            scope,
            agent: Arc::clone(agent),
            granted: None,
            stop: tokio_util::sync::CancellationToken::new(),
            over_budget: Arc::default(),
        }
    }

    /// Vectors by the operator's default model for that, counted as `user`'s; nothing where there is none.
    pub(super) async fn embed(
        &self,
        scope: &TenantScope,
        user: UserId,
        texts: Vec<String>,
    ) -> Option<Result<Vec<Vec<f32>>, ModelError>> {
        let model = self.inner.default_of(ModelKind::Embeddings)?;
        if let Err(error) = self.inner.check_budget(scope, user, None).await {
            return Some(Err(error));
        }
        Some(self.inner.embed(*scope, user, model, texts).await)
    }
}

/// Whether the operator has set up a model of this name.
pub(super) async fn is_model(state: &dyn State, name: &str) -> Result<bool, ServiceError> {
    Ok(state.get(&TenantScope::operator(), &model_key(name)).await?.is_some())
}

impl Shelf {
    fn default_of(&self, kind: ModelKind) -> Option<(String, Arc<ModelRecord>)> {
        let models = self.models.load();
        let mut of_kind = models.iter().filter(|(_, record)| record.kind == kind);
        let first = of_kind.clone().find(|(_, record)| record.default);
        // One that is alone needs no mark.
        let found = first.or_else(|| of_kind.next().filter(|_| of_kind.next().is_none()));
        found.map(|(name, record)| (name.clone(), Arc::clone(record)))
    }
}
