//! Models as one reply may use them: by name, within the budgets, until a person stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;
use warbler_domain::{Completion, ModelError, Part, Prompt, TenantScope, UserId};
use warbler_package::{Granted, Selection};

use super::record::{ModelKind, ModelRecord};
use super::{Shelf, Use};
use crate::agents::record::AgentRecord;

/// Bytes that stand for a token where the provider does not say: about three in English words and in Chinese
/// signs alike.
const BYTES_PER_TOKEN: usize = 3;

/// Models for one reply.
pub(in crate::agents) struct Lent {
    pub(super) shelf: Arc<Shelf>,
    pub(super) scope: TenantScope,
    pub(super) agent: Arc<AgentRecord>,
    /// What an admin granted; the host itself needs no grant.
    pub(super) granted: Option<Granted>,
    pub(super) stop: CancellationToken,
    /// Set when the budget was spent.
    pub(super) over_budget: Arc<AtomicBool>,
}

impl Lent {
    /// The model called `name`; without a name the agent's, or else the operator's default.
    fn find(&self, name: &str, kind: ModelKind) -> Result<(String, Arc<ModelRecord>), ModelError> {
        let denied = |text: String| ModelError::Denied { text };
        let name = match name {
            "" | "default" => self.agent.settings.model.clone().filter(|_| kind == ModelKind::Chat),
            name => Some(name.to_owned()),
        };
        let (name, record) = match name {
            Some(name) => {
                let found = self.shelf.models.load().get(&name).cloned();
                let record = found.ok_or_else(|| denied(format!("there is no model {name:?}")))?;
                (name, record)
            }
            None => self.shelf.default_of(kind).ok_or_else(|| denied("there is no default model".to_owned()))?,
        };
        if record.kind != kind {
            return Err(denied(format!("the model {name:?} is of another kind")));
        }
        let is_granted = match self.granted.as_ref().map(|granted| &granted.0.models) {
            None | Some(Selection::All(true)) => true,
            Some(Selection::All(false)) => false,
            Some(Selection::Named(names)) => names.iter().any(|granted| granted.to_string() == name),
        };
        if is_granted { Ok((name, record)) } else { Err(denied(format!("the model {name:?} is not granted"))) }
    }

    async fn check_budget(&self) -> Result<(), ModelError> {
        let of_agent = self.agent.settings.tokens_per_day;
        let checked = self.shelf.check_budget(&self.scope, self.agent.user, of_agent).await;
        if checked == Err(ModelError::OverBudget) {
            self.over_budget.store(true, Ordering::Relaxed);
        }
        checked
    }

    /// What counts a call that read so many bytes.
    fn meter(&self, model: String, record: Arc<ModelRecord>, read: usize) -> Meter {
        Meter::new(&self.shelf, self.scope, self.agent.user, (model, record), read)
    }
}

#[async_trait]
impl warbler_domain::Models for Lent {
    async fn complete(&self, model: &str, mut prompt: Prompt) -> Result<Completion, ModelError> {
        let (name, record) = self.find(model, ModelKind::Chat)?;
        self.check_budget().await?;
        prompt.max_tokens = match (prompt.max_tokens, record.limits.max_tokens) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        let read = prompt.lines.iter().map(|line| line.text.len()).sum::<usize>()
            + prompt.tools.iter().map(|tool| tool.description.len() + tool.parameters.len()).sum::<usize>();
        let completion = self.shelf.client.complete(&record.endpoint(), prompt).await;
        metrics::counter!("model_calls_total", "model" => name.clone(), "outcome" => outcome(&completion)).increment(1);
        let meter = self.meter(name, record, read);
        let stopped = self.stop.clone().cancelled_owned();
        let metered = completion?.scan(meter, |meter, part| {
            meter.see(&part);
            std::future::ready(Some(part))
        });
        Ok(metered.take_until(stopped).boxed())
    }

    async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        let found = self.find(model, ModelKind::Embeddings)?;
        self.check_budget().await?;
        self.shelf.embed(self.scope, self.agent.user, found, texts).await
    }
}

impl Shelf {
    /// Refuses a call where the tenant's budget of today is spent, or `of_user`, that of who calls.
    pub(super) async fn check_budget(
        &self,
        scope: &TenantScope,
        user: UserId,
        of_user: Option<u64>,
    ) -> Result<(), ModelError> {
        let of_tenant = self.budgets.load().get(&scope.tenant()).copied().unwrap_or_default().tokens_per_day;
        let unavailable = |_| ModelError::Unavailable { after: std::time::Duration::from_secs(1) };
        let (by_tenant, by_user) = self.usage.today(&self.core, scope, user).await.map_err(unavailable)?;
        if of_tenant.is_some_and(|most| by_tenant >= most) || of_user.is_some_and(|most| by_user >= most) {
            metrics::counter!("model_over_budget_total").increment(1);
            return Err(ModelError::OverBudget);
        }
        Ok(())
    }

    /// Has vectors made, and counts what that took.
    pub(super) async fn embed(
        self: &Arc<Self>,
        scope: TenantScope,
        user: UserId,
        (name, record): (String, Arc<ModelRecord>),
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let read = texts.iter().map(String::len).sum();
        let vectors = self.client.embed(&record.endpoint(), texts).await;
        metrics::counter!("model_calls_total", "model" => name.clone(), "outcome" => outcome(&vectors)).increment(1);
        let vectors = vectors?;
        drop(Meter::new(self, scope, user, (name, record), read));
        Ok(vectors)
    }
}

fn outcome<T>(called: &Result<T, ModelError>) -> &'static str {
    match called {
        Ok(_) => "taken",
        Err(ModelError::Unavailable { .. }) => "unavailable",
        Err(_) => "refused",
    }
}

/// Counts one call when it is over, however it ends.
struct Meter {
    shelf: Arc<Shelf>,
    scope: TenantScope,
    /// Who called: an agent, or who adds a document.
    agent: UserId,
    model: String,
    record: Arc<ModelRecord>,
    /// Bytes read and written.
    read: usize,
    wrote: usize,
    /// What the provider said.
    told: Option<warbler_domain::Usage>,
}

impl Meter {
    fn new(
        shelf: &Arc<Shelf>,
        scope: TenantScope,
        agent: UserId,
        (model, record): (String, Arc<ModelRecord>),
        read: usize,
    ) -> Self {
        Self { shelf: Arc::clone(shelf), scope, agent, model, record, read, wrote: 0, told: None }
    }

    fn see(&mut self, part: &Result<Part, ModelError>) {
        match part {
            Ok(Part::Text(text)) => self.wrote += text.len(),
            Ok(Part::ToolCall(call)) => self.wrote += call.name.len() + call.arguments.len(),
            Ok(Part::Finished(usage)) => self.told = Some(*usage),
            Err(_) => {}
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let tokens = |bytes: usize| u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX);
        // Some providers say nothing, which they write as nought.
        let told = self.told.filter(|told| told.prompt_tokens > 0 || told.completion_tokens > 0);
        let (prompt, completion) = match told {
            Some(told) => (u64::from(told.prompt_tokens), u64::from(told.completion_tokens)),
            None => (tokens(self.read), tokens(self.wrote)),
        };
        let used = Use {
            calls: 1,
            prompt_tokens: prompt,
            completion_tokens: completion,
            cost_micros: self.record.cost.of(prompt, completion),
        };
        self.shelf.usage.count(&self.shelf.core, &self.scope, self.agent, &self.model, used);
    }
}
