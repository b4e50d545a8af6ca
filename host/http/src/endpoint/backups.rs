//! `/v1/backups` and `/v1/restores`: versions of one's conversations, looking into them, and bringing back what is lost.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{ConversationId, Sequence, Timestamp};
use warbler_service::{BackedUp, Preview, PreviewQuery, Restored, Shown, SnapshotView};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::message::MessageView;

/// The routes of this family. They answer as fast as the tenant's sink does.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(conversations))
        .routes(routes!(preview))
        .routes(routes!(restore))
        .routes(routes!(clear))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only versions that have this conversation.
    #[param(value_type = Option<String>)]
    conversation: Option<ConversationId>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Pages {
    /// Only places after this one.
    #[param(value_type = Option<u64>)]
    after: Option<Sequence>,
    /// At most so many, from 1 to 200; 50 unless given.
    limit: Option<usize>,
    /// Only messages that have this text in them, whatever its case.
    search: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct UpTo {
    /// Up to which place, that one included; all unless given.
    #[param(value_type = Option<u64>)]
    up_to: Option<Sequence>,
}

/// A version.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Its identifier.
    id: String,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
}

/// The versions that there are.
#[derive(Serialize, ToSchema)]
struct Versions {
    /// The newest first.
    versions: Vec<Version>,
}

/// A conversation in a version.
#[derive(Serialize, ToSchema)]
struct Saved {
    /// Which.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// What it was called.
    title: String,
    /// The last place taken in it.
    #[schema(value_type = u64)]
    head: Sequence,
}

/// The caller's conversations in a version.
#[derive(Serialize, ToSchema)]
struct SavedConversations {
    /// In the order of their making.
    conversations: Vec<Saved>,
}

/// A page of a conversation as it was.
#[derive(Serialize, ToSchema)]
struct PreviewPage<'a> {
    /// The messages of the page, the oldest first. What was erased since has no body.
    messages: Vec<MessageView<'a>>,
    /// After which place to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    next: Option<Sequence>,
}

/// What to bring back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// From which version.
    version: String,
    /// Of which conversation.
    #[schema(value_type = String, format = "uuid")]
    conversation: ConversationId,
    /// Only what the caller wrote.
    #[serde(default)]
    own_only: bool,
    /// The caller's password, once more.
    password: String,
}

/// What came of a restore.
#[derive(Serialize, ToSchema)]
pub(crate) struct RestoredJson {
    /// Messages that came back.
    messages: u64,
    /// Other events that came back: who joined, what was renamed.
    others: u64,
    /// Messages that were there already, or newer.
    present: u64,
    /// Messages that were erased and stay so.
    erased: u64,
    /// Messages that are too old to come back.
    expired: u64,
    /// Messages that are not for who asked, or not theirs.
    withheld: u64,
    /// Files that came back.
    files: u64,
}

/// What was removed.
#[derive(Serialize, ToSchema)]
struct Cleared {
    /// How many messages.
    removed: u64,
}

/// Lists versions.
#[utoipa::path(get, path = "/backups", tag = "backups", params(Which), responses((status = 200, body = Versions)))]
async fn list(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { conversation }): Query<Which>,
) -> Result<Json<Versions>, Problem> {
    let versions = api.service().backups().versions(&caller, conversation).await?;
    Ok(Json(Versions { versions: versions.into_iter().map(Into::into).collect() }))
}

/// Lists the conversations of a version that the caller is in now.
#[utoipa::path(get, path = "/backups/{version}/conversations", tag = "backups", params(("version" = String, Path)),
    responses((status = 200, body = SavedConversations)))]
async fn conversations(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(version): Path<String>,
) -> Result<Json<SavedConversations>, Problem> {
    let found = api.service().backups().conversations(&caller, &version).await?;
    Ok(Json(SavedConversations { conversations: found.into_iter().map(Into::into).collect() }))
}

/// Shows a conversation as it was, and searches it.
#[utoipa::path(get, path = "/backups/{version}/conversations/{id}", tag = "backups",
    params(("version" = String, Path), ("id" = String, Path), Pages), responses((status = 200, body = PreviewPage)))]
async fn preview(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((version, id)): Path<(String, ConversationId)>,
    Query(Pages { after, limit, search }): Query<Pages>,
) -> Result<Response, Problem> {
    let query = PreviewQuery { after: after.unwrap_or_default(), limit: page::limit(limit, 50, 200)?, search };
    let preview = api.service().backups().preview(&caller, &version, id, &query).await?;
    Ok(Json(PreviewPage::from(&preview)).into_response())
}

/// Brings back what is missing of a conversation that the caller is in.
#[utoipa::path(post, path = "/restores", tag = "backups", request_body = Restore,
    responses((status = 200, body = RestoredJson)))]
async fn restore(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Restore { version, conversation, own_only, password }): Body<Restore>,
) -> Result<Json<RestoredJson>, Problem> {
    let done =
        api.service().backups().restore(&caller, &Zeroizing::new(password), &version, conversation, own_only).await?;
    Ok(Json(done.into()))
}

/// Removes what was said in a conversation. The places stay, and a backup may bring it back.
#[utoipa::path(delete, path = "/conversations/{id}/messages", tag = "conversations",
    params(("id" = String, Path), UpTo), responses((status = 200, body = Cleared)))]
async fn clear(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Query(UpTo { up_to }): Query<UpTo>,
) -> Result<(StatusCode, Json<Cleared>), Problem> {
    let removed = api.service().conversations().clear(&caller, id, up_to).await?;
    Ok((StatusCode::OK, Json(Cleared { removed })))
}

impl From<SnapshotView> for Version {
    fn from(SnapshotView { id, at }: SnapshotView) -> Self {
        Self { id, at }
    }
}

impl From<BackedUp> for Saved {
    fn from(BackedUp { conversation, title, head }: BackedUp) -> Self {
        Self { conversation, title, head }
    }
}

impl<'a> From<&'a Preview> for PreviewPage<'a> {
    fn from(preview: &'a Preview) -> Self {
        let messages = preview.entries.iter().filter_map(|entry| match entry {
            Shown::Event(event) => MessageView::posted(event),
            Shown::Taken { .. } => None,
        });
        Self { messages: messages.collect(), next: preview.next }
    }
}

impl From<Restored> for RestoredJson {
    fn from(done: Restored) -> Self {
        let Restored { messages, others, present, erased, expired, withheld, files } = done;
        Self { messages, others, present, erased, expired, withheld, files }
    }
}
