//! `/v1/support` and `/v1/conversations/{id}/support`: the queue of customers, and who has whom.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{ConversationId, Timestamp, UserId};
use warbler_service::{ReleaseTo, SupportCase, SupportState};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(queue))
        .routes(routes!(get))
        .routes(routes!(claim))
        .routes(routes!(release))
        .routes(routes!(close))
        .routes(routes!(ask))
}

/// Who has a support conversation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum StateJson {
    /// An agent answers.
    Agent,
    /// It waits for a person.
    Waiting,
    /// A person has it; agents are silent.
    Person,
    /// It is over, until the customer writes again.
    Closed,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// In this state: `agent`, `waiting`, `person` or `closed`; all that are not closed unless given.
    #[param(value_type = Option<String>)]
    state: Option<StateJson>,
}

/// To whom a conversation is given back.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ToJson {
    /// To the agent.
    Agent,
    /// To the queue.
    Queue,
}

/// Gives a conversation back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// To whom.
    to: ToJson,
}

/// A support conversation.
#[derive(Serialize, ToSchema)]
struct CaseJson {
    /// Which conversation.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// Who has it.
    state: StateJson,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    since: Timestamp,
    /// The agent that answers in it, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    agent: Option<UserId>,
    /// The person who has it, or had it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    person: Option<UserId>,
    /// Since when it waits for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    waiting_since: Option<Timestamp>,
    /// How long it waited before a person took it, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ms: Option<u64>,
    /// Why it was handed over; for those who serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the agent knew; for those who serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Support conversations.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// Those that wait longest come first.
    conversations: Vec<CaseJson>,
}

/// Lists support conversations.
#[utoipa::path(get, path = "/support/queue", tag = "support", params(Which), responses((status = 200, body = Queue)))]
async fn queue(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { state }): Query<Which>,
) -> Result<Json<Queue>, Problem> {
    let cases = api.service().support().list(&caller, state.map(Into::into)).await?;
    Ok(Json(Queue { conversations: cases.into_iter().map(Into::into).collect() }))
}

/// Gets the state of a support conversation.
#[utoipa::path(get, path = "/conversations/{id}/support", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = CaseJson)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<CaseJson>, Problem> {
    Ok(Json(api.service().support().get(&caller, id).await?.into()))
}

/// Takes a support conversation over: the caller comes into it, and agents fall silent.
#[utoipa::path(post, path = "/conversations/{id}/support/claim", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = CaseJson)))]
async fn claim(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<CaseJson>, Problem> {
    Ok(Json(api.service().support().claim(&caller, id).await?.into()))
}

/// Gives a support conversation back, to the agent or to the queue.
#[utoipa::path(post, path = "/conversations/{id}/support/release", tag = "support", params(("id" = String, Path)),
    request_body = Release, responses((status = 200, body = CaseJson)))]
async fn release(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(Release { to }): Body<Release>,
) -> Result<Json<CaseJson>, Problem> {
    let to = match to {
        ToJson::Agent => ReleaseTo::Agent,
        ToJson::Queue => ReleaseTo::Queue,
    };
    Ok(Json(api.service().support().release(&caller, id, to).await?.into()))
}

/// Closes a support conversation; the customer's next message opens it again.
#[utoipa::path(post, path = "/conversations/{id}/support/close", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = CaseJson)))]
async fn close(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<CaseJson>, Problem> {
    Ok(Json(api.service().support().close(&caller, id).await?.into()))
}

/// Asks for a person, as the customer does.
#[utoipa::path(post, path = "/conversations/{id}/support/ask", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = CaseJson)))]
async fn ask(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<CaseJson>, Problem> {
    Ok(Json(api.service().support().ask_for_person(&caller, id).await?.into()))
}

impl From<StateJson> for SupportState {
    fn from(state: StateJson) -> Self {
        match state {
            StateJson::Agent => Self::Agent,
            StateJson::Waiting => Self::Waiting,
            StateJson::Person => Self::Person,
            StateJson::Closed => Self::Closed,
        }
    }
}

impl From<SupportCase> for CaseJson {
    fn from(case: SupportCase) -> Self {
        let state = match case.state {
            SupportState::Agent => StateJson::Agent,
            SupportState::Waiting => StateJson::Waiting,
            SupportState::Person => StateJson::Person,
            SupportState::Closed => StateJson::Closed,
        };
        Self {
            conversation: case.conversation,
            state,
            since: case.since,
            agent: case.agent,
            person: case.person,
            waiting_since: case.waiting_since,
            waited_ms: case.waited_ms,
            reason: case.reason,
            note: case.note,
        }
    }
}
