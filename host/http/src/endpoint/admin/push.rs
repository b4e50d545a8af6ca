//! `/v1/admin/push`: how the tenant's notifications fare, what was given up, and the policy.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use warbler_domain::{MessageId, UserId};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::push::{DeadJson, OverviewJson, PushPolicyJson, StoryJson};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(policy, set_policy))
        .routes(routes!(story))
        .routes(routes!(dead_letters))
        .routes(routes!(discard))
        .routes(routes!(replay))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WhichStory {
    /// The message.
    #[param(value_type = String)]
    message: MessageId,
    /// Whose.
    #[param(value_type = String)]
    user: UserId,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WhichLetters {
    /// Only those that were given up after this one.
    #[param(value_type = Option<String>)]
    after: Option<Uuid>,
    /// At most so many, from 1 to 200; 100 unless given.
    limit: Option<usize>,
}

/// Nothing: the action is in the address.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Replay {}

/// Notifications that were given up.
#[derive(Serialize, ToSchema)]
struct DeadLetters {
    /// The notifications, the oldest first.
    dead_letters: Vec<DeadJson>,
}

/// Gets devices by kind, how providers fare, and how much was given up.
#[utoipa::path(get, path = "/admin/push", tag = "admin", responses((status = 200, body = OverviewJson)))]
async fn overview(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<OverviewJson>, Problem> {
    Ok(Json(api.service().push().overview(&caller).await?.into()))
}

/// Gets the policy.
#[utoipa::path(get, path = "/admin/push/policy", tag = "admin", responses((status = 200, body = PushPolicyJson)))]
async fn policy(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<PushPolicyJson>, Problem> {
    Ok(Json(api.service().push().policy(&caller).await?.into()))
}

/// Sets the policy; what is absent gets its default.
#[utoipa::path(put, path = "/admin/push/policy", tag = "admin", request_body = PushPolicyJson,
    responses((status = 200, body = PushPolicyJson)))]
async fn set_policy(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(policy): Body<PushPolicyJson>,
) -> Result<Json<PushPolicyJson>, Problem> {
    Ok(Json(api.service().push().set_policy(&caller, policy.into()).await?.into()))
}

/// Tells why somebody got a notification of a message, or none.
#[utoipa::path(get, path = "/admin/push/story", tag = "admin", params(WhichStory),
    responses((status = 200, body = StoryJson)))]
async fn story(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(WhichStory { message, user }): Query<WhichStory>,
) -> Result<Json<StoryJson>, Problem> {
    Ok(Json(api.service().push().story_of(&caller, message, user).await?.into()))
}

/// Lists notifications that were given up.
#[utoipa::path(get, path = "/admin/push/dead-letters", tag = "admin", params(WhichLetters),
    responses((status = 200, body = DeadLetters)))]
async fn dead_letters(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(WhichLetters { after, limit }): Query<WhichLetters>,
) -> Result<Json<DeadLetters>, Problem> {
    let letters = api.service().push().dead_letters(&caller, after, page::limit(limit, 100, 200)?).await?;
    Ok(Json(DeadLetters { dead_letters: letters.into_iter().map(Into::into).collect() }))
}

/// Forgets a notification that was given up.
#[utoipa::path(delete, path = "/admin/push/dead-letters/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 204)))]
async fn discard(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    api.service().push().discard(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a notification that was given up once more.
#[utoipa::path(post, path = "/admin/push/dead-letters/{id}/replay", tag = "admin", params(("id" = String, Path)),
    request_body = Replay, responses((status = 202)))]
async fn replay(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<Uuid>,
    Body(Replay {}): Body<Replay>,
) -> Result<StatusCode, Problem> {
    api.service().push().replay(&caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}
