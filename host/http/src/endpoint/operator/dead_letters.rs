//! `/v1/operator/dead-letters`: what durable consumers gave up, to be replayed or dropped.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Position, TenantId, Timestamp};
use warbler_service::{DeadLetter, LetterQuery};

use crate::api::Api;
use crate::auth::AsOperator;
use crate::json::{Body, Query};
use crate::page;
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(replay)).routes(routes!(discard))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Whose.
    #[param(value_type = String)]
    tenant: TenantId,
    /// Of this consumer alone.
    consumer: Option<String>,
    /// Only those after this position; needs a consumer.
    after: Option<u64>,
    /// At most so many of each consumer, from 1 to 200; 50 unless given.
    limit: Option<usize>,
}

/// An event that a consumer gave up.
#[derive(Serialize, ToSchema)]
struct LetterJson {
    /// Whose event.
    #[schema(value_type = String, format = "uuid")]
    tenant: TenantId,
    /// Which consumer.
    consumer: &'static str,
    /// Which event, by its position in the tenant's log.
    position: u64,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// Why.
    reason: String,
}

/// What was given up.
#[derive(Serialize, ToSchema)]
struct LetterList {
    /// By consumer, in the order of the log.
    letters: Vec<LetterJson>,
}

/// Names one of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LetterName {
    /// Whose event.
    #[schema(value_type = String, format = "uuid")]
    tenant: TenantId,
    /// Which consumer.
    consumer: String,
    /// Which event.
    position: u64,
}

/// Lists what was given up.
#[utoipa::path(get, path = "/operator/dead-letters", tag = "operator", params(Which),
    responses((status = 200, body = LetterList)))]
async fn list(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Query(Which { tenant, consumer, after, limit }): Query<Which>,
) -> Result<Json<LetterList>, Problem> {
    let query = LetterQuery { tenant, consumer, after: after.map(Position), limit: page::limit(limit, 50, 200)? };
    let letters = api.service().dead_letters().list(&operator, &query).await?;
    Ok(Json(LetterList { letters: letters.into_iter().map(Into::into).collect() }))
}

/// Has one delivered again, as if it had never failed.
#[utoipa::path(post, path = "/operator/dead-letters/replay", tag = "operator", request_body = LetterName,
    responses((status = 204)))]
async fn replay(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(LetterName { tenant, consumer, position }): Body<LetterName>,
) -> Result<StatusCode, Problem> {
    api.service().dead_letters().replay(&operator, tenant, &consumer, Position(position)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drops one: its work is never done.
#[utoipa::path(post, path = "/operator/dead-letters/drop", tag = "operator", request_body = LetterName,
    responses((status = 204)))]
async fn discard(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(LetterName { tenant, consumer, position }): Body<LetterName>,
) -> Result<StatusCode, Problem> {
    api.service().dead_letters().discard(&operator, tenant, &consumer, Position(position)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<DeadLetter> for LetterJson {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { tenant, consumer, position, attempts, at, reason } = letter;
        Self { tenant, consumer, position: position.0, attempts, at, reason }
    }
}
