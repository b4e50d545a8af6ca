//! `/v1/admin/knowledge`: the documents in which agents look things up.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use warbler_domain::{ByteStream, ConversationId, Passage, StoreError, Timestamp, UserId};
use warbler_service::{Document, NewDocument};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Path, Query};
use crate::page;
use crate::problem::Problem;

/// The routes of this family that answer at once.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(remove)).routes(routes!(search))
}

/// The upload, which takes as long as its document is long.
pub(crate) fn upload() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(add))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Titled {
    /// What people call it; citations name it.
    title: String,
    /// The only conversation that may see it; all of the tenant's, if absent.
    #[param(value_type = Option<String>)]
    conversation: Option<ConversationId>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// What is looked for.
    query: String,
    /// As this conversation would find it; without one, what all of them see.
    #[param(value_type = Option<String>)]
    conversation: Option<ConversationId>,
    /// At most so many, from 1 to 50; 5 unless given.
    limit: Option<usize>,
}

/// A document.
#[derive(Serialize, ToSchema)]
struct DocumentJson {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// What people call it.
    title: String,
    /// Its media type.
    media_type: String,
    /// The only conversation that may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    conversation: Option<ConversationId>,
    /// Its length, in bytes.
    size: u64,
    /// Into how many pieces it was split.
    chunks: u64,
    /// Whether it is found by meaning, too, and not by its words alone.
    has_vectors: bool,
    /// Who added it.
    #[schema(value_type = String, format = "uuid")]
    added_by: UserId,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    added_at: Timestamp,
}

/// Documents.
#[derive(Serialize, ToSchema)]
struct Documents {
    /// The documents, in the order of their making.
    documents: Vec<DocumentJson>,
}

/// A passage.
#[derive(Serialize, ToSchema)]
struct PassageJson {
    /// The document's title and, where there is one, the section or page.
    source: String,
    /// The passage.
    text: String,
    /// How well it answers, from 0 to 1.
    score: f32,
}

/// Passages.
#[derive(Serialize, ToSchema)]
struct Passages {
    /// The passages, best first.
    passages: Vec<PassageJson>,
}

/// Lists documents.
#[utoipa::path(get, path = "/admin/knowledge", tag = "admin", responses((status = 200, body = Documents)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Documents>, Problem> {
    let documents = api.service().knowledge().list(&caller).await?;
    Ok(Json(Documents { documents: documents.into_iter().map(Into::into).collect() }))
}

/// Adds a document: its bytes are the body, its media type the content type (text, Markdown, HTML or PDF).
#[utoipa::path(post, path = "/admin/knowledge", tag = "admin", params(Titled),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = DocumentJson)))]
async fn add(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Titled { title, conversation }): Query<Titled>,
    request: Request,
) -> Result<(StatusCode, Json<DocumentJson>), Problem> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).unwrap_or("text/plain").trim().to_owned();
    let bytes: ByteStream = request
        .into_body()
        .into_data_stream()
        .map(|chunk| chunk.map_err(|error| StoreError::Io { doing: "reading the upload", source: error.into_inner() }))
        .boxed();
    let new = NewDocument { title, media_type, conversation };
    let document = api.service().knowledge().add(&caller, new, bytes).await?;
    Ok((StatusCode::CREATED, Json(document.into())))
}

/// Forgets a document.
#[utoipa::path(delete, path = "/admin/knowledge/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    api.service().knowledge().remove(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Finds passages, as an agent would.
#[utoipa::path(get, path = "/admin/knowledge/passages", tag = "admin", params(Asked),
    responses((status = 200, body = Passages)))]
async fn search(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Asked { query, conversation, limit }): Query<Asked>,
) -> Result<Json<Passages>, Problem> {
    let limit = page::limit(limit, 5, 50)?;
    let passages = api.service().knowledge().search(&caller, &query, conversation, limit).await?;
    let view = |Passage { source, text, score }| PassageJson { source, text, score };
    Ok(Json(Passages { passages: passages.into_iter().map(view).collect() }))
}

impl From<Document> for DocumentJson {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            title: document.title,
            media_type: document.media_type,
            conversation: document.conversation,
            size: document.size,
            chunks: document.chunks,
            has_vectors: document.has_vectors,
            added_by: document.added_by,
            added_at: document.added_at,
        }
    }
}
