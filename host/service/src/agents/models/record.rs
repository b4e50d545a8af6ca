//! What is kept of a model and of a tenant's budget, and what an operator sees of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{ModelEndpoint, StateKey, TenantId};
use zeroize::Zeroizing;

use crate::ServiceError;
use crate::agents::record::within;

/// Longest name, URL, provider's name and key, in bytes.
const NAME: usize = 64;
const URL: usize = 2_048;
const MODEL: usize = 200;
const KEY: usize = 4_096;

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// It talks.
    #[default]
    Chat,
    /// It makes vectors of texts.
    Embeddings,
}

/// How long and how much a model may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelLimits {
    /// The longest wait for the first byte, in milliseconds: 100 to 300,000.
    pub first_byte_ms: u64,
    /// The longest pause within an answer, in milliseconds: 100 to 300,000.
    pub pause_ms: u64,
    /// The longest time of a whole answer, in milliseconds: 100 to 600,000.
    pub whole_ms: u64,
    /// The longest answer, in bytes: 1,024 to 16 MiB.
    pub max_answer_bytes: u64,
    /// The longest answer, in tokens; the provider's own limit if absent.
    pub max_tokens: Option<u32>,
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self { first_byte_ms: 30_000, pause_ms: 30_000, whole_ms: 300_000, max_answer_bytes: 1 << 20, max_tokens: None }
    }
}

/// What tokens cost, in millionths of a currency's unit for each thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// Of what it reads.
    pub prompt_micros: u64,
    /// Of what it writes.
    pub completion_micros: u64,
}

impl Cost {
    pub(super) fn of(&self, prompt: u64, completion: u64) -> u64 {
        let prompt = prompt.saturating_mul(self.prompt_micros);
        prompt.saturating_add(completion.saturating_mul(self.completion_micros)) / 1_000
    }
}

/// A model to be set up.
#[derive(Clone)]
pub struct NewModel {
    /// What it does.
    pub kind: ModelKind,
    /// The base URL of an API compatible with `OpenAI`'s.
    pub base_url: String,
    /// The key; the one that is kept stays if absent.
    pub key: Option<Zeroizing<String>>,
    /// The provider's name of the model.
    pub model: String,
    /// How long and how much it may answer.
    pub limits: ModelLimits,
    /// What it costs.
    pub cost: Cost,
    /// Whether agents that name no model get it.
    pub default: bool,
}

impl std::fmt::Debug for NewModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewModel").field("model", &self.model).finish_non_exhaustive()
    }
}

/// A model as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelView {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: ModelKind,
    /// Where it is.
    pub base_url: String,
    /// Whether there is a key. It is never shown.
    pub has_key: bool,
    /// The provider's name of it.
    pub model: String,
    /// How long and how much it may answer.
    pub limits: ModelLimits,
    /// What it costs.
    pub cost: Cost,
    /// Whether agents that name no model get it.
    pub default: bool,
}

/// What a tenant may use of all models together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantBudget {
    /// Tokens in a day (UTC), read and written; no limit if absent.
    pub tokens_per_day: Option<u64>,
    /// Replies of all its agents at a time, from 1; no limit if absent.
    pub concurrent_replies: Option<u32>,
}

impl TenantBudget {
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        self.concurrent_replies.map_or(Ok(()), |most| within("concurrent_replies", most.into(), 1, 100_000))
    }
}

/// A model as it is kept, in the operator's sealed state.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ModelRecord {
    #[serde(default)]
    pub(super) kind: ModelKind,
    pub(super) base_url: String,
    pub(super) key: Option<String>,
    pub(super) model: String,
    pub(super) limits: ModelLimits,
    pub(super) cost: Cost,
    pub(super) default: bool,
}

pub(super) fn model_key(name: &str) -> StateKey {
    StateKey::new("model", &[&name])
}

pub(super) fn budget_key(tenant: TenantId) -> StateKey {
    StateKey::new("model-budget", &[&tenant])
}

/// Refuses a name that manifests cannot grant.
pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(ServiceError::invalid("name", "must have 1 to 64 of a-z, 0-9 and -"))
}

impl NewModel {
    pub(super) fn check(&self) -> Result<(), ServiceError> {
        let is_web = self.base_url.starts_with("https://") || self.base_url.starts_with("http://");
        let is_plain = !self.base_url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
        if !is_web || !is_plain || self.base_url.len() > URL {
            return Err(ServiceError::invalid("base_url", "must be an http or https URL without a user in it"));
        }
        if self.model.trim().is_empty() || self.model.len() > MODEL {
            return Err(ServiceError::length("model", MODEL));
        }
        let is_header = |key: &Zeroizing<String>| {
            !key.is_empty() && key.len() <= KEY && key.bytes().all(|b| (0x21..0x7f).contains(&b))
        };
        if self.key.as_ref().is_some_and(|key| !is_header(key)) {
            return Err(ServiceError::invalid("key", "must have 1 to 4096 visible characters"));
        }
        let limits = &self.limits;
        within("limits.first_byte_ms", limits.first_byte_ms, 100, 300_000)?;
        within("limits.pause_ms", limits.pause_ms, 100, 300_000)?;
        within("limits.whole_ms", limits.whole_ms, 100, 600_000)?;
        within("limits.max_answer_bytes", limits.max_answer_bytes, 1_024, 16 << 20)
    }

    pub(super) fn into_record(self, kept: Option<&ModelRecord>) -> ModelRecord {
        // A key is for the place that it was given for: another place does not inherit it.
        let inherited = kept.filter(|kept| kept.base_url == self.base_url).and_then(|kept| kept.key.clone());
        ModelRecord {
            kind: self.kind,
            key: self.key.map(|key| key.as_str().to_owned()).or(inherited),
            base_url: self.base_url,
            model: self.model,
            limits: self.limits,
            cost: self.cost,
            default: self.default,
        }
    }
}

impl ModelRecord {
    pub(super) fn view(&self, name: &str) -> ModelView {
        ModelView {
            name: name.to_owned(),
            kind: self.kind,
            base_url: self.base_url.clone(),
            has_key: self.key.is_some(),
            model: self.model.clone(),
            limits: self.limits,
            cost: self.cost,
            default: self.default,
        }
    }

    pub(super) fn endpoint(&self) -> ModelEndpoint {
        ModelEndpoint {
            base_url: self.base_url.clone(),
            key: self.key.clone().map(Zeroizing::new),
            model: self.model.clone(),
            first_byte: Duration::from_millis(self.limits.first_byte_ms),
            pause: Duration::from_millis(self.limits.pause_ms),
            whole: Duration::from_millis(self.limits.whole_ms),
            max_answer: usize::try_from(self.limits.max_answer_bytes).unwrap_or(usize::MAX),
        }
    }
}
