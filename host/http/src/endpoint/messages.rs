//! `/v1/conversations/{id}/messages`: sending, history, editing and recalling.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{ConversationId, MessageId, Sequence, UserId};
use warbler_service::{History, HistoryQuery, Sent, Shown};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Object, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::body::BodyInput;
use crate::wire::message::{ChangeView, MessageView};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(history, send)).routes(routes!(edit, recall))
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SendRequest {
    /// The client's own name for it: sending again under the same key does nothing.
    key: String,
    /// Its content.
    #[schema(value_type = BodyInput)]
    body: Object<BodyInput>,
    /// The message that it answers.
    #[schema(value_type = Option<String>, format = "uuid")]
    reply_to: Option<MessageId>,
    /// Who is mentioned.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    mentions: Vec<UserId>,
}

/// A new content for a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditRequest {
    /// The client's own name for this edit; without one, repeating it edits again.
    key: Option<String>,
    /// The new content.
    #[schema(value_type = BodyInput)]
    body: Object<BodyInput>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only what stands before this place; the latest if neither this nor `after` is given.
    before: Option<u64>,
    /// Only what stands after this place.
    after: Option<u64>,
    /// At most so many places, from 1 to 200; 50 unless given.
    limit: Option<usize>,
}

/// A message that is in the log.
#[derive(Serialize, ToSchema)]
struct Committed<'a> {
    /// The message.
    message: MessageView<'a>,
}

/// An edit that is in the log.
#[derive(Serialize, ToSchema)]
struct Changed<'a> {
    /// The edit, as the others in the conversation learn of it.
    change: ChangeView<'a>,
}

/// A message that waits for a moderator.
#[derive(Serialize, ToSchema)]
struct HeldAnswer {
    /// What waits.
    held: HeldMessage,
}

/// What is known of a message that waits.
#[derive(Serialize, ToSchema)]
struct HeldMessage {
    /// What moderators know it by. Once it is approved, the message gets an identifier of its own.
    #[schema(value_type = String, format = "uuid")]
    id: MessageId,
    /// The client's key.
    key: String,
}

/// A page of a conversation's history.
#[derive(Serialize, ToSchema)]
struct Page<'a> {
    /// The messages of the page, the oldest first, in their present state.
    messages: Vec<MessageView<'a>>,
    /// Whether there are more in the direction that was asked for.
    more: bool,
    /// The first place that the page covers: the next `before`. Places without a message were taken by other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    first: Option<Sequence>,
    /// The last place that the page covers: the next `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    last: Option<Sequence>,
}

/// Shows a conversation's messages, the oldest first.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "messages", params(("id" = String, Path), Which),
    responses((status = 200, body = Page)))]
async fn history(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    let history = api.service().messages().history(&caller, id, which.try_into()?).await?;
    Ok(Json(Page::from(&history)).into_response())
}

/// Sends a message. It is in the log when this answers 201, and waits for a moderator when it answers 202.
#[utoipa::path(post, path = "/conversations/{id}/messages", tag = "messages", params(("id" = String, Path)),
    request_body = SendRequest,
    responses((status = 201, body = Committed), (status = 202, body = HeldAnswer)))]
async fn send(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(request): Body<SendRequest>,
) -> Result<Response, Problem> {
    let message = warbler_service::Send {
        conversation: id,
        key: request.key,
        body: request.body.0.try_into()?,
        reply_to: request.reply_to,
        mentions: request.mentions,
    };
    let sent = api.service().messages().send(&caller, message).await?;
    Ok(answer(StatusCode::CREATED, sent))
}

/// Gives one of the caller's messages a new content, which takes the same way as a new message.
#[utoipa::path(patch, path = "/conversations/{id}/messages/{message}", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)), request_body = EditRequest,
    responses((status = 200, body = Changed), (status = 202, body = HeldAnswer)))]
async fn edit(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((conversation, message)): Path<(ConversationId, MessageId)>,
    Body(EditRequest { key, body }): Body<EditRequest>,
) -> Result<Response, Problem> {
    let edit = warbler_service::Edit { conversation, message, key, body: body.0.try_into()? };
    let sent = api.service().messages().edit(&caller, edit).await?;
    Ok(answer(StatusCode::OK, sent))
}

/// Takes a message back. Its sender may, and a moderator who is in the conversation.
#[utoipa::path(delete, path = "/conversations/{id}/messages/{message}", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)), responses((status = 204)))]
async fn recall(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((conversation, message)): Path<(ConversationId, MessageId)>,
) -> Result<StatusCode, Problem> {
    api.service().messages().recall(&caller, conversation, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(committed: StatusCode, sent: Sent) -> Response {
    match sent {
        Sent::Committed(event) => {
            // An edit's event is no message, unless the store gave the message as it now stands.
            match MessageView::posted(&event) {
                Some(message) => (committed, Json(Committed { message })).into_response(),
                None => (committed, Json(Changed { change: ChangeView::of(&event) })).into_response(),
            }
        }
        Sent::Held { id, key } => {
            (StatusCode::ACCEPTED, Json(HeldAnswer { held: HeldMessage { id, key } })).into_response()
        }
    }
}

impl TryFrom<Which> for HistoryQuery {
    type Error = Problem;

    fn try_from(Which { before, after, limit }: Which) -> Result<Self, Problem> {
        if before.is_some() && after.is_some() {
            return Err(Problem::invalid("after", "`before` and `after` exclude each other"));
        }
        Ok(Self { before: before.map(Sequence), after: after.map(Sequence), limit: page::limit(limit, 50, 200)? })
    }
}

impl<'a> From<&'a History> for Page<'a> {
    fn from(history: &'a History) -> Self {
        let posted = history.entries.iter().filter_map(|entry| match entry {
            Shown::Event(event) => MessageView::posted(event),
            Shown::Taken { .. } => None,
        });
        Self {
            messages: posted.collect(),
            more: history.more,
            first: history.entries.first().map(Shown::sequence),
            last: history.entries.last().map(Shown::sequence),
        }
    }
}
