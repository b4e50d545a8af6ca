//! `/v1/conversations`: beginning them, who is in them, and how far one has read.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Conversation, ConversationId, ConversationKind, Sequence, Timestamp, UserId};
use warbler_service::{Listed, NewConversation};

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::member::ProfileView;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
        .routes(routes!(get, rename))
        .routes(routes!(people, add_members))
        .routes(routes!(remove_member))
        .routes(routes!(read))
}

/// What kind of conversation it is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum KindJson {
    /// Two people, once per pair.
    Direct,
    /// Several people under a title.
    Group,
    /// A customer, agents and people behind one door.
    Support,
}

/// A conversation to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// Its kind.
    kind: KindJson,
    /// What people call it; absent for a direct conversation.
    #[serde(default)]
    title: String,
    /// Who is in it beside the one who begins it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    members: Vec<UserId>,
}

/// A new title.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    /// The title.
    title: String,
}

/// Who to ask in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddMembers {
    /// Their identifiers.
    #[schema(value_type = Vec<String>)]
    members: Vec<UserId>,
}

/// How far one has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReadUpTo {
    /// The last place that was read.
    #[schema(value_type = u64)]
    sequence: Sequence,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only conversations begun after this one.
    #[param(value_type = Option<String>)]
    after: Option<ConversationId>,
    /// At most so many, from 1 to 200; 100 unless given.
    limit: Option<usize>,
}

/// A conversation.
#[derive(Serialize, ToSchema)]
struct ConversationView {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: ConversationId,
    /// Its kind.
    kind: KindJson,
    /// What people call it; empty for direct conversations.
    title: String,
    /// Who began it.
    #[schema(value_type = String, format = "uuid")]
    created_by: UserId,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    /// Who is in it.
    members: Vec<MemberView>,
}

/// Someone's place in a conversation.
#[derive(Serialize, ToSchema)]
struct MemberView {
    /// Who.
    #[schema(value_type = String, format = "uuid")]
    user: UserId,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    joined_at: Timestamp,
}

/// A conversation in the list of one's own.
#[derive(Serialize, ToSchema)]
struct ListedView {
    /// The conversation.
    #[serde(flatten)]
    conversation: ConversationView,
    /// The last place taken in it.
    #[schema(value_type = u64)]
    head: Sequence,
    /// How far the caller has read.
    #[schema(value_type = u64)]
    read: Sequence,
}

/// The caller's conversations.
#[derive(Serialize, ToSchema)]
struct Conversations {
    /// The conversations, in the order of their making.
    conversations: Vec<ListedView>,
}

/// The people of a conversation.
#[derive(Serialize, ToSchema)]
struct People {
    /// Their profiles.
    members: Vec<ProfileView>,
}

/// Lists the caller's conversations.
#[utoipa::path(get, path = "/conversations", tag = "conversations", params(Which),
    responses((status = 200, body = Conversations)))]
async fn list(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { after, limit }): Query<Which>,
) -> Result<Json<Conversations>, Problem> {
    let listed = api.service().conversations().list(&caller, after, page::limit(limit, 100, 200)?).await?;
    Ok(Json(Conversations { conversations: listed.into_iter().map(Into::into).collect() }))
}

/// Begins a conversation. Two people have one direct conversation: beginning it again gives the one that there is.
#[utoipa::path(post, path = "/conversations", tag = "conversations", request_body = Start,
    responses((status = 201, body = ConversationView)))]
async fn start(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Start { kind, title, members }): Body<Start>,
) -> Result<(StatusCode, Json<ConversationView>), Problem> {
    let new = NewConversation { kind: kind.into(), title, members };
    let conversation = api.service().conversations().start(&caller, new).await?;
    Ok((StatusCode::CREATED, Json((&*conversation).into())))
}

/// Gets a conversation that the caller is in.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = ConversationView)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<ConversationView>, Problem> {
    Ok(Json((&*api.service().conversations().get(&caller, id).await?).into()))
}

/// Gives a conversation another title.
#[utoipa::path(patch, path = "/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    request_body = Rename, responses((status = 200, body = ConversationView)))]
async fn rename(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(Rename { title }): Body<Rename>,
) -> Result<Json<ConversationView>, Problem> {
    Ok(Json((&*api.service().conversations().rename(&caller, id, &title).await?).into()))
}

/// Gets the profiles of everybody in a conversation that the caller is in.
#[utoipa::path(get, path = "/conversations/{id}/members", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = People)))]
async fn people(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
) -> Result<Json<People>, Problem> {
    let people = api.service().conversations().people(&caller, id).await?;
    Ok(Json(People { members: people.into_iter().map(Into::into).collect() }))
}

/// Asks people in. Those who are in already stay so.
#[utoipa::path(post, path = "/conversations/{id}/members", tag = "conversations", params(("id" = String, Path)),
    request_body = AddMembers, responses((status = 200, body = ConversationView)))]
async fn add_members(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(AddMembers { members }): Body<AddMembers>,
) -> Result<Json<ConversationView>, Problem> {
    Ok(Json((&*api.service().conversations().add_members(&caller, id, &members).await?).into()))
}

/// Takes someone out of a conversation; with the caller's own identifier, leaves it.
#[utoipa::path(delete, path = "/conversations/{id}/members/{user}", tag = "conversations",
    params(("id" = String, Path), ("user" = String, Path)), responses((status = 204)))]
async fn remove_member(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path((id, user)): Path<(ConversationId, UserId)>,
) -> Result<StatusCode, Problem> {
    api.service().conversations().remove_member(&caller, id, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks a conversation as read up to a place. Marks only move forward.
#[utoipa::path(post, path = "/conversations/{id}/read", tag = "conversations", params(("id" = String, Path)),
    request_body = ReadUpTo, responses((status = 204)))]
async fn read(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<ConversationId>,
    Body(ReadUpTo { sequence }): Body<ReadUpTo>,
) -> Result<StatusCode, Problem> {
    api.service().messages().read(&caller, id, sequence).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<&Conversation> for ConversationView {
    fn from(conversation: &Conversation) -> Self {
        let members = conversation.members.iter();
        Self {
            id: conversation.id,
            kind: conversation.kind.into(),
            title: conversation.title.clone(),
            created_by: conversation.created_by,
            created_at: conversation.created_at,
            members: members.map(|member| MemberView { user: member.user, joined_at: member.joined_at }).collect(),
        }
    }
}

impl From<Listed> for ListedView {
    fn from(Listed { conversation, head, read }: Listed) -> Self {
        Self { conversation: (&*conversation).into(), head, read }
    }
}

impl From<KindJson> for ConversationKind {
    fn from(kind: KindJson) -> Self {
        match kind {
            KindJson::Direct => Self::Direct,
            KindJson::Group => Self::Group,
            KindJson::Support => Self::Support,
        }
    }
}

impl From<ConversationKind> for KindJson {
    fn from(kind: ConversationKind) -> Self {
        match kind {
            ConversationKind::Direct => Self::Direct,
            ConversationKind::Group => Self::Group,
            ConversationKind::Support => Self::Support,
        }
    }
}
