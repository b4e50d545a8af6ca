//! `/v1/push-endpoints`, `/v1/push/story` and what each person decides about being notified.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{ConversationId, EndpointId, MessageId, Timestamp};
use warbler_service::NewEndpoint;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::problem::Problem;
use crate::wire::push::{EndpointJson, KindJson, LevelJson, MuteJson, NoteJson, StoryJson};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(test))
        .routes(routes!(story))
        .routes(routes!(muted, mute))
}

/// A device to be notified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    /// Its kind: one of those that are listed.
    kind: String,
    /// Its address at the provider: a token as a text, or an object such as a Web Push subscription.
    address: Value,
}

/// The caller's devices.
#[derive(Serialize, ToSchema)]
struct Devices {
    /// The devices, the oldest first.
    endpoints: Vec<EndpointJson>,
    /// What can be registered.
    kinds: Vec<KindJson>,
}

/// What became of a test notification.
#[derive(Serialize, ToSchema)]
struct Tested {
    /// What happened.
    notes: Vec<NoteJson>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The message.
    #[param(value_type = String)]
    message: MessageId,
}

/// Of which messages of a conversation to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mute {
    /// Of which.
    level: LevelJson,
    /// Until when, after which all are told of again; for good if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "date-time")]
    until: Option<Timestamp>,
}

/// Nothing: the action is in the address.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Test {}

/// Lists the caller's devices, and the kinds that can be registered.
#[utoipa::path(get, path = "/push-endpoints", tag = "push", responses((status = 200, body = Devices)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Devices>, Problem> {
    let push = api.service().push();
    let endpoints = push.endpoints(&caller).await?.into_iter().map(Into::into).collect();
    let kinds = push.kinds(&caller).await?.into_iter().map(Into::into).collect();
    Ok(Json(Devices { endpoints, kinds }))
}

/// Registers a device of this session. The same address again is the same device; one that another account
/// had moves.
#[utoipa::path(post, path = "/push-endpoints", tag = "push", request_body = NewDevice,
    responses((status = 201, body = EndpointJson)))]
async fn add(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(NewDevice { kind, address }): Body<NewDevice>,
) -> Result<(StatusCode, Json<EndpointJson>), Problem> {
    let new = NewEndpoint { kind, address: address.to_string() };
    Ok((StatusCode::CREATED, Json(api.service().push().add_endpoint(&caller, new).await?.into())))
}

/// Forgets a device.
#[utoipa::path(delete, path = "/push-endpoints/{id}", tag = "push", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<EndpointId>,
) -> Result<StatusCode, Problem> {
    api.service().push().remove_endpoint(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test notification to a device, and tells what its provider says.
#[utoipa::path(post, path = "/push-endpoints/{id}/test", tag = "push", params(("id" = String, Path)),
    request_body = Test, responses((status = 200, body = Tested)))]
async fn test(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<EndpointId>,
    Body(Test {}): Body<Test>,
) -> Result<Json<Tested>, Problem> {
    let report = api.service().push().test_endpoint(&caller, id).await?;
    Ok(Json(Tested { notes: report.notes.into_iter().map(Into::into).collect() }))
}

/// Tells why the caller got a notification of a message, or none.
#[utoipa::path(get, path = "/push/story", tag = "push", params(Which), responses((status = 200, body = StoryJson)))]
async fn story(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { message }): Query<Which>,
) -> Result<Json<StoryJson>, Problem> {
    Ok(Json(api.service().push().story(&caller, message).await?.into()))
}

/// Gets of which messages of a conversation the caller is told.
#[utoipa::path(get, path = "/conversations/{id}/notifications", tag = "push", params(("id" = String, Path)),
    responses((status = 200, body = MuteJson)))]
async fn muted(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<MuteJson>, Problem> {
    Ok(Json(api.service().push().mute(&caller, id).await?.into()))
}

/// Sets of which messages of a conversation the caller is told.
#[utoipa::path(patch, path = "/conversations/{id}/notifications", tag = "push", params(("id" = String, Path)),
    request_body = Mute, responses((status = 200, body = MuteJson)))]
async fn mute(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(Mute { level, until }): Body<Mute>,
) -> Result<Json<MuteJson>, Problem> {
    Ok(Json(api.service().push().set_mute(&caller, id, level.into(), until).await?.into()))
}
