//! `/v1/admin/agents`: members that are programs, their rules, and what they used.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{InstallationId, UserId};
use warbler_service::{AgentChange, NewAgent};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Object, Path};
use crate::problem::Problem;
use crate::wire::agent::{AgentJson, SettingsJson};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(get, change, remove))
}

/// Agents.
#[derive(Serialize, ToSchema)]
struct AgentList {
    /// The agents, in the order of their making.
    agents: Vec<AgentJson>,
}

/// An agent to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgentInput {
    /// What people see.
    name: String,
    /// What thinks for it: an installation of a plugin that exports the hook `agent`.
    #[schema(value_type = String, format = "uuid")]
    installation: InstallationId,
    /// Its language as a BCP 47 tag.
    locale: Option<String>,
    /// Its rules.
    #[serde(default)]
    #[schema(value_type = SettingsJson)]
    settings: Object<SettingsJson>,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgentPatch {
    /// What people see.
    name: Option<String>,
    /// What thinks for it.
    #[schema(value_type = Option<String>, format = "uuid")]
    installation: Option<InstallationId>,
    /// All of its rules: what is absent in them gets its default.
    #[schema(value_type = Option<SettingsJson>)]
    settings: Option<Object<SettingsJson>>,
    /// Whether it is silent.
    disabled: Option<bool>,
}

/// Lists agents.
#[utoipa::path(get, path = "/admin/agents", tag = "admin", responses((status = 200, body = AgentList)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<AgentList>, Problem> {
    let agents = api.service().agents().list(&caller).await?;
    Ok(Json(AgentList { agents: agents.into_iter().map(Into::into).collect() }))
}

/// Makes an agent: an account to which nobody signs in.
#[utoipa::path(post, path = "/admin/agents", tag = "admin", request_body = AgentInput,
    responses((status = 201, body = AgentJson)))]
async fn add(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(AgentInput { name, installation, locale, settings: Object(settings) }): Body<AgentInput>,
) -> Result<(StatusCode, Json<AgentJson>), Problem> {
    let new = NewAgent { name, locale, installation, settings: settings.into() };
    let agent = api.service().agents().add(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(agent.into())))
}

/// Gets an agent.
#[utoipa::path(get, path = "/admin/agents/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = AgentJson)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
) -> Result<Json<AgentJson>, Problem> {
    Ok(Json(api.service().agents().get(&caller, id).await?.into()))
}

/// Changes an agent. Replies under way go on by the old rules; one that is made silent stops.
#[utoipa::path(patch, path = "/admin/agents/{id}", tag = "admin", params(("id" = String, Path)),
    request_body = AgentPatch, responses((status = 200, body = AgentJson)))]
async fn change(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
    Body(AgentPatch { name, installation, settings, disabled }): Body<AgentPatch>,
) -> Result<Json<AgentJson>, Problem> {
    let settings = settings.map(|Object(settings)| settings.into());
    let change = AgentChange { name, installation, settings, disabled };
    Ok(Json(api.service().agents().change(&caller, id, change).await?.into()))
}

/// Removes an agent: it answers no more, and its account is shut. What it said stays.
#[utoipa::path(delete, path = "/admin/agents/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    api.service().agents().remove(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
