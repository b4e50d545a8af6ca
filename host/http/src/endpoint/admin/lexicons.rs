//! `/v1/admin/lexicons`: the tenant's word lists.

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Timestamp, UserId};
use warbler_service::{ListFormat, Word, WordList, WordMode};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, BodyLimit, Object, Path, Query};
use crate::problem::Problem;

/// Greatest list in one request: 200,000 words of 256 bytes would be more, but no list of words is.
const LIST_LIMIT: usize = 16 * 1024 * 1024;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, patch, delete))
        .layer(Extension(BodyLimit(LIST_LIMIT)))
}

/// A word list, without its words.
#[derive(Serialize, ToSchema)]
struct LexiconView {
    /// Its name.
    name: String,
    /// How many words it has; absent for the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<usize>,
    /// Whether it is one of the host's own, which cannot be changed.
    built_in: bool,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    changed_at: Option<Timestamp>,
    /// Who changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    changed_by: Option<UserId>,
}

impl From<WordList> for LexiconView {
    fn from(list: WordList) -> Self {
        let WordList { name, words, built_in, changed_at, changed_by } = list;
        Self { name, words, built_in, changed_at, changed_by }
    }
}

/// A word of a list.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WordJson {
    /// The word or phrase, in any spelling: it is normalised as messages are.
    word: String,
    /// What kind of word it is.
    #[serde(default = "default_category")]
    category: String,
    /// Where it counts as found.
    #[serde(default)]
    mode: ModeJson,
}

fn default_category() -> String {
    warbler_service::DEFAULT_CATEGORY.into()
}

/// Where a word counts as found.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ModeJson {
    /// As a word of its own.
    #[default]
    Word,
    /// Anywhere, also within words.
    Substring,
    /// As the whole message.
    Exact,
}

/// All lists.
#[derive(Serialize, ToSchema)]
struct Lexicons {
    /// The tenant's own by name, then the host's own.
    lexicons: Vec<LexiconView>,
}

/// A list's words.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    /// The words, in their order.
    #[schema(value_type = Vec<WordJson>)]
    words: Vec<Object<WordJson>>,
}

/// What to change in a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// Words to add; one that is there already gets the new category and mode.
    #[serde(default)]
    #[schema(value_type = Vec<WordJson>)]
    add: Vec<Object<WordJson>>,
    /// Words to take out, as they are spelled in the list.
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct GetQuery {
    /// `json`, or `lines`: one JSON object a line, as it can be imported again.
    #[param(inline)]
    format: Option<GetFormat>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum GetFormat {
    Json,
    Lines,
}

/// Lists the word lists.
#[utoipa::path(get, path = "/admin/lexicons", tag = "admin", responses((status = 200, body = Lexicons)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Lexicons>, Problem> {
    let lists = api.service().word_lists().list(&caller).await?;
    Ok(Json(Lexicons { lexicons: lists.into_iter().map(Into::into).collect() }))
}

/// Gets the words of one of the tenant's own lists.
#[utoipa::path(get, path = "/admin/lexicons/{name}", tag = "admin", params(("name" = String, Path), GetQuery),
    responses((status = 200, body = Words)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    Query(query): Query<GetQuery>,
) -> Result<Response, Problem> {
    let lists = api.service().word_lists();
    if matches!(query.format, Some(GetFormat::Lines)) {
        let text = lists.export(&caller, &name).await?;
        return Ok(([(header::CONTENT_TYPE, "application/jsonl")], text).into_response());
    }
    let words = lists.words(&caller, &name).await?.into_iter().map(|word| Object(word.into())).collect();
    Ok(Json(Words { words }).into_response())
}

/// Makes a list, or puts these words in the place of all that it had.
///
/// The body is JSON, `text/plain` (a word a line), `text/csv` (`word,category,mode`) or `application/jsonl`.
#[utoipa::path(put, path = "/admin/lexicons/{name}", tag = "admin", params(("name" = String, Path)),
    request_body(content((Words = "application/json"), (String = "text/plain"), (String = "text/csv"),
        (String = "application/jsonl"))), responses((status = 200, body = LexiconView)))]
async fn put(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<LexiconView>, Problem> {
    let lists = api.service().word_lists();
    let list = if let Some(format) = format(request.headers()) {
        let text = text(request).await?;
        lists.import(&caller, &name, format, &text).await?
    } else {
        let Body(Words { words }) = Body::from_request(request, &api).await?;
        lists.replace(&caller, &name, words.into_iter().map(|word| word.0.into()).collect()).await?
    };
    Ok(Json(list.into()))
}

/// Adds words to a list and takes words out of it.
#[utoipa::path(patch, path = "/admin/lexicons/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = Patch, responses((status = 200, body = LexiconView)))]
async fn patch(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    Body(Patch { add, remove }): Body<Patch>,
) -> Result<Json<LexiconView>, Problem> {
    let lists = api.service().word_lists();
    let mut changed = None;
    if !remove.is_empty() {
        changed = Some(lists.remove(&caller, &name, remove).await?);
    }
    if !add.is_empty() {
        changed = Some(lists.add(&caller, &name, add.into_iter().map(|word| word.0.into()).collect()).await?);
    }
    let list = changed.ok_or_else(|| Problem::invalid("add", "there is nothing to add or remove"))?;
    Ok(Json(list.into()))
}

/// Deletes a list.
#[utoipa::path(delete, path = "/admin/lexicons/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 204)))]
async fn delete(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    api.service().word_lists().delete(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The format of a text body; nothing for JSON and what is none of them.
fn format(headers: &HeaderMap) -> Option<ListFormat> {
    let media_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match media_type.split(';').next().unwrap_or_default().trim() {
        "text/plain" => Some(ListFormat::Text),
        "text/csv" => Some(ListFormat::Csv),
        "application/jsonl" | "application/x-ndjson" => Some(ListFormat::JsonLines),
        _ => None,
    }
}

async fn text(request: Request) -> Result<String, Problem> {
    let bytes = axum::body::to_bytes(request.into_body(), LIST_LIMIT)
        .await
        .map_err(|_| Problem::too_large("the list", LIST_LIMIT as u64))?;
    String::from_utf8(Bytes::into(bytes)).map_err(|_| Problem::malformed("the list is not UTF-8"))
}

impl From<WordJson> for Word {
    fn from(WordJson { word, category, mode }: WordJson) -> Self {
        let mode = match mode {
            ModeJson::Word => WordMode::Word,
            ModeJson::Substring => WordMode::Substring,
            ModeJson::Exact => WordMode::Exact,
        };
        Self { word, category, mode }
    }
}

impl From<Word> for WordJson {
    fn from(Word { word, category, mode }: Word) -> Self {
        let mode = match mode {
            WordMode::Word => ModeJson::Word,
            WordMode::Substring => ModeJson::Substring,
            WordMode::Exact => ModeJson::Exact,
        };
        Self { word, category, mode }
    }
}
