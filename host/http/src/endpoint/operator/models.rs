//! `/v1/operator/models`: models that agents may use, and what tenants may use of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::TenantId;
use warbler_service::{Cost, ModelKind, ModelLimits, ModelView, NewModel, TenantBudget};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::AsOperator;
use crate::json::{Body, Object, Path};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, set)).routes(routes!(remove)).routes(routes!(budget, set_budget))
}

/// What a model does.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ModelKindJson {
    /// It talks.
    #[default]
    Chat,
    /// It makes vectors of texts.
    Embeddings,
}

/// How long and how much a model may answer; what is absent has its default.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct ModelLimitsJson {
    /// The longest wait for the first byte, in milliseconds: 100 to 300000.
    first_byte_ms: u64,
    /// The longest pause within an answer, in milliseconds: 100 to 300000.
    pause_ms: u64,
    /// The longest time of a whole answer, in milliseconds: 100 to 600000.
    whole_ms: u64,
    /// The longest answer, in bytes: 1024 to 16777216.
    max_answer_bytes: u64,
    /// The longest answer, in tokens; the provider's own limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
}

/// What tokens cost, in millionths of a currency's unit for each thousand.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct CostJson {
    /// Of what it reads.
    prompt_micros: u64,
    /// Of what it writes.
    completion_micros: u64,
}

/// A model to be set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModelInput {
    /// Its name here: 1 to 64 of `a-z`, `0-9` and `-`.
    name: String,
    /// What it does; `chat` unless given.
    #[serde(default)]
    kind: ModelKindJson,
    /// The base URL of an API compatible with `OpenAI`'s, such as `https://api.example.com/v1`.
    base_url: String,
    /// The key, sent as a bearer token. It is never shown; the one that is kept stays if absent.
    key: Option<String>,
    /// The provider's name of the model.
    model: String,
    /// How long and how much it may answer.
    #[serde(default)]
    #[schema(value_type = ModelLimitsJson)]
    limits: Object<ModelLimitsJson>,
    /// What it costs.
    #[serde(default)]
    #[schema(value_type = CostJson)]
    cost: Object<CostJson>,
    /// Whether agents that name no model get it. There is one default of each kind.
    #[serde(default)]
    default: bool,
}

/// A model.
#[derive(Serialize, ToSchema)]
struct ModelJson {
    /// Its name here.
    name: String,
    /// What it does.
    kind: ModelKindJson,
    /// Where it is.
    base_url: String,
    /// Whether there is a key.
    has_key: bool,
    /// The provider's name of it.
    model: String,
    /// How long and how much it may answer.
    limits: ModelLimitsJson,
    /// What it costs.
    cost: CostJson,
    /// Whether agents that name no model get it.
    default: bool,
}

/// Models.
#[derive(Serialize, ToSchema)]
struct ModelList {
    /// The models, by name.
    models: Vec<ModelJson>,
}

/// What a tenant may use of all models together; what is absent has no limit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BudgetJson {
    /// Tokens in a day (UTC), read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_day: Option<u64>,
    /// Replies of all its agents at a time, from 1; others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_replies: Option<u32>,
}

/// Lists models, without their keys.
#[utoipa::path(get, path = "/operator/models", tag = "operator", responses((status = 200, body = ModelList)))]
async fn list(State(api): State<Api>, AsOperator(operator): AsOperator) -> Json<ModelList> {
    let models = api.service().models().list(&operator);
    Json(ModelList { models: models.into_iter().map(Into::into).collect() })
}

/// Sets a model up, or another one in the place of the one with its name.
#[utoipa::path(post, path = "/operator/models", tag = "operator", request_body = ModelInput,
    responses((status = 200, body = ModelJson)))]
async fn set(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(input): Body<ModelInput>,
) -> Result<Json<ModelJson>, Problem> {
    let name = input.name.clone();
    Ok(Json(api.service().models().set(&operator, &name, input.into()).await?.into()))
}

/// Takes a model away.
#[utoipa::path(delete, path = "/operator/models/{name}", tag = "operator", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    api.service().models().remove(&operator, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gets what a tenant may use.
#[utoipa::path(get, path = "/operator/tenants/{id}/budget", tag = "operator", params(("id" = String, Path)),
    responses((status = 200, body = BudgetJson)))]
async fn budget(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(id): Path<TenantId>,
) -> Result<Json<BudgetJson>, Problem> {
    let TenantBudget { tokens_per_day, concurrent_replies } = api.service().models().budget_of(&operator, id)?;
    Ok(Json(BudgetJson { tokens_per_day, concurrent_replies }))
}

/// Sets what a tenant may use.
#[utoipa::path(put, path = "/operator/tenants/{id}/budget", tag = "operator", params(("id" = String, Path)),
    request_body = BudgetJson, responses((status = 200, body = BudgetJson)))]
async fn set_budget(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(id): Path<TenantId>,
    Body(budget): Body<BudgetJson>,
) -> Result<Json<BudgetJson>, Problem> {
    let BudgetJson { tokens_per_day, concurrent_replies } = budget;
    let new = TenantBudget { tokens_per_day, concurrent_replies };
    api.service().models().set_budget(&operator, id, new).await?;
    Ok(Json(budget))
}

impl Default for ModelLimitsJson {
    fn default() -> Self {
        ModelLimits::default().into()
    }
}

impl From<ModelLimits> for ModelLimitsJson {
    fn from(limits: ModelLimits) -> Self {
        let ModelLimits { first_byte_ms, pause_ms, whole_ms, max_answer_bytes, max_tokens } = limits;
        Self { first_byte_ms, pause_ms, whole_ms, max_answer_bytes, max_tokens }
    }
}

impl From<ModelInput> for NewModel {
    fn from(input: ModelInput) -> Self {
        let (Object(limits), Object(cost)) = (input.limits, input.cost);
        let ModelLimitsJson { first_byte_ms, pause_ms, whole_ms, max_answer_bytes, max_tokens } = limits;
        Self {
            kind: match input.kind {
                ModelKindJson::Chat => ModelKind::Chat,
                ModelKindJson::Embeddings => ModelKind::Embeddings,
            },
            base_url: input.base_url,
            key: input.key.map(Zeroizing::new),
            model: input.model,
            limits: ModelLimits { first_byte_ms, pause_ms, whole_ms, max_answer_bytes, max_tokens },
            cost: Cost { prompt_micros: cost.prompt_micros, completion_micros: cost.completion_micros },
            default: input.default,
        }
    }
}

impl From<ModelView> for ModelJson {
    fn from(view: ModelView) -> Self {
        Self {
            name: view.name,
            kind: match view.kind {
                ModelKind::Chat => ModelKindJson::Chat,
                ModelKind::Embeddings => ModelKindJson::Embeddings,
            },
            base_url: view.base_url,
            has_key: view.has_key,
            model: view.model,
            limits: view.limits.into(),
            cost: CostJson { prompt_micros: view.cost.prompt_micros, completion_micros: view.cost.completion_micros },
            default: view.default,
        }
    }
}
