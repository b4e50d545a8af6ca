//! `/v1/conversations/{id}/replies` and `/approvals`: what people say to an agent's work while it is under way.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use warbler_domain::{ConversationId, MessageId, Timestamp, UserId};
use warbler_service::{Approval, ApprovalState};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(stop)).routes(routes!(get, answer))
}

/// An answer to an agent's question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Whether the tool may be called.
    approve: bool,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ApprovalStateJson {
    /// Nobody has answered.
    Waiting,
    /// A person said yes.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, or while the reply was being written.
    Expired,
}

/// An agent's question whether it may call a tool. The message of the type `tool-approval` that asks it has the
/// same fields; it is edited when the question is answered, or can be answered no more.
#[derive(Serialize, ToSchema)]
struct ApprovalJson {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// Which agent asks.
    #[schema(value_type = String, format = "uuid")]
    agent: UserId,
    /// The message that asks.
    #[schema(value_type = String, format = "uuid")]
    message: MessageId,
    /// The reply that waits for the answer.
    #[schema(value_type = String, format = "uuid")]
    reply: MessageId,
    /// Which tool it wants to call.
    tool: String,
    /// With which arguments: JSON, cut if they are long.
    arguments: String,
    /// What became of it.
    state: ApprovalStateJson,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    by: Option<UserId>,
    /// When it was answered, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    decided_at: Option<Timestamp>,
    /// Until when it can be answered.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

/// Stops a reply that is being written; what people saw of it stands, marked.
#[utoipa::path(post, path = "/conversations/{id}/replies/{message}/stop", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)), responses((status = 204)))]
async fn stop(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, message)): Path<(ConversationId, MessageId)>,
) -> Result<StatusCode, Problem> {
    api.service().agents().stop(&caller, id, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gets an agent's question.
#[utoipa::path(get, path = "/conversations/{id}/approvals/{approval}", tag = "messages",
    params(("id" = String, Path), ("approval" = String, Path)), responses((status = 200, body = ApprovalJson)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, approval)): Path<(ConversationId, Uuid)>,
) -> Result<Json<ApprovalJson>, Problem> {
    Ok(Json(api.service().agents().approval(&caller, id, approval).await?.into()))
}

/// Answers an agent's question whether it may call a tool. The first answer counts.
#[utoipa::path(post, path = "/conversations/{id}/approvals/{approval}", tag = "messages",
    params(("id" = String, Path), ("approval" = String, Path)), request_body = Answer,
    responses((status = 200, body = ApprovalJson)))]
async fn answer(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, approval)): Path<(ConversationId, Uuid)>,
    Body(Answer { approve }): Body<Answer>,
) -> Result<Json<ApprovalJson>, Problem> {
    Ok(Json(api.service().agents().approve(&caller, id, approval, approve).await?.into()))
}

impl From<Approval> for ApprovalJson {
    fn from(approval: Approval) -> Self {
        let Approval { id, agent, message, reply, tool, arguments, state, by, decided_at, expires_at } = approval;
        let state = match state {
            ApprovalState::Waiting => ApprovalStateJson::Waiting,
            ApprovalState::Approved => ApprovalStateJson::Approved,
            ApprovalState::Denied => ApprovalStateJson::Denied,
            ApprovalState::Expired => ApprovalStateJson::Expired,
        };
        Self { id, agent, message, reply, tool, arguments, state, by, decided_at, expires_at }
    }
}
