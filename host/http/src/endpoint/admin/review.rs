//! `/v1/admin/review`: messages that filters held, and the moderators who decide about them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{ConversationId, MessageId, Timestamp, UserId};
use warbler_service::HeldMessage;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::body::BodyView;
use crate::wire::message::{CautionView, ChangeView, MessageView};
use crate::wire::receipt::ReceiptView;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(approve)).routes(routes!(reject))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only messages held after this one.
    #[param(value_type = Option<String>)]
    after: Option<MessageId>,
    /// At most so many, from 1 to 100; 50 unless given.
    limit: Option<usize>,
}

/// Nothing: the action is in the address.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Approve {}

/// Why a message is rejected.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Reject {
    /// What its sender is told.
    reason: String,
}

/// Messages that wait.
#[derive(Serialize, ToSchema)]
struct Waiting<'a> {
    /// The messages, the oldest first.
    held: Vec<HeldView<'a>>,
}

/// A message that waits for a decision.
#[derive(Serialize, ToSchema)]
struct HeldView<'a> {
    /// What it is known by until it is decided.
    #[schema(value_type = String, format = "uuid")]
    id: MessageId,
    /// Where it was going.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// Who wrote it.
    #[schema(value_type = String, format = "uuid")]
    sender: UserId,
    /// Since when it waits.
    #[schema(value_type = String, format = "date-time")]
    held_at: Timestamp,
    /// Why.
    reason: CautionView<'a>,
    /// What receivers will get if it is approved.
    body: BodyView<'a>,
    /// What the sender wrote, if a filter rewrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<BodyView<'a>>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    reply_to: Option<MessageId>,
    /// What receivers will be warned of.
    #[serde(skip_serializing_if = "Option::is_none")]
    caution: Option<CautionView<'a>>,
    /// What the filters said of it.
    receipts: Vec<ReceiptView<'a>>,
    /// The message that it gives a new content to, if it is an edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    edits: Option<MessageId>,
}

/// What became of an approved message.
#[derive(Serialize, ToSchema)]
struct Approved<'a> {
    /// The message as it is in the log now.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageView<'a>>,
    /// The edit as it is in the log now.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeView<'a>>,
}

/// Lists messages that wait for a decision.
#[utoipa::path(get, path = "/admin/review", tag = "admin", params(Which), responses((status = 200, body = Waiting)))]
async fn list(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { after, limit }): Query<Which>,
) -> Result<Response, Problem> {
    let held = api.service().review().list(&caller, after, page::limit(limit, 50, 100)?).await?;
    Ok(Json(Waiting { held: held.iter().map(Into::into).collect() }).into_response())
}

/// Gets one message that waits. That it was read is recorded.
#[utoipa::path(get, path = "/admin/review/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = HeldView)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<MessageId>,
) -> Result<Response, Problem> {
    let held = api.service().review().get(&caller, id).await?;
    Ok(Json(HeldView::from(&held)).into_response())
}

/// Lets a message through.
#[utoipa::path(post, path = "/admin/review/{id}/approve", tag = "admin", params(("id" = String, Path)),
    request_body = Approve, responses((status = 200, body = Approved)))]
async fn approve(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<MessageId>,
    Body(Approve {}): Body<Approve>,
) -> Result<Response, Problem> {
    let event = api.service().review().approve(&caller, id).await?;
    let message = MessageView::posted(&event);
    let change = message.is_none().then(|| ChangeView::of(&event));
    Ok(Json(Approved { message, change }).into_response())
}

/// Rejects a message.
#[utoipa::path(post, path = "/admin/review/{id}/reject", tag = "admin", params(("id" = String, Path)),
    request_body = Reject, responses((status = 204)))]
async fn reject(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<MessageId>,
    Body(Reject { reason }): Body<Reject>,
) -> Result<StatusCode, Problem> {
    api.service().review().reject(&caller, id, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl<'a> From<&'a HeldMessage> for HeldView<'a> {
    fn from(held: &'a HeldMessage) -> Self {
        Self {
            id: held.id,
            conversation: held.conversation,
            sender: held.sender,
            held_at: held.held_at,
            reason: (&held.reason).into(),
            body: (&held.body).into(),
            original: held.original.as_ref().map(Into::into),
            reply_to: held.reply_to,
            caution: held.caution.as_ref().map(Into::into),
            receipts: held.receipts.iter().map(Into::into).collect(),
            edits: held.edits,
        }
    }
}
