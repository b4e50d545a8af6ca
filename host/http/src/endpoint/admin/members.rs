//! `/v1/admin/members`: the accounts of the tenant, and their sessions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Role, UserId};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path, Query};
use crate::page;
use crate::problem::Problem;
use crate::wire::member::{MemberInput, ProfileView, RoleJson};
use crate::wire::session::{Ended, Sessions};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(get, change))
        .routes(routes!(reset_password))
        .routes(routes!(sessions, end_sessions))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only accounts made after this one.
    #[param(value_type = Option<String>)]
    after: Option<UserId>,
    /// At most so many, from 1 to 200; 200 unless given.
    limit: Option<usize>,
}

/// Accounts.
#[derive(Serialize, ToSchema)]
struct Members {
    /// The accounts, in the order of their making.
    members: Vec<ProfileView>,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What the account is.
    role: Option<RoleJson>,
    /// Whether it is shut.
    disabled: Option<bool>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The password.
    password: String,
}

/// Lists accounts.
#[utoipa::path(get, path = "/admin/members", tag = "admin", params(Which), responses((status = 200, body = Members)))]
async fn list(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Query(Which { after, limit }): Query<Which>,
) -> Result<Json<Members>, Problem> {
    let members = api.service().members().list(&caller, after, page::limit(limit, 200, 200)?).await?;
    Ok(Json(Members { members: members.into_iter().map(Into::into).collect() }))
}

/// Adds an account.
#[utoipa::path(post, path = "/admin/members", tag = "admin", request_body = MemberInput,
    responses((status = 201, body = ProfileView)))]
async fn add(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(member): Body<MemberInput>,
) -> Result<(StatusCode, Json<ProfileView>), Problem> {
    let profile = api.service().members().add(&caller, member.or_role(Role::Member)).await?;
    Ok((StatusCode::CREATED, Json(profile.into())))
}

/// Gets an account.
#[utoipa::path(get, path = "/admin/members/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = ProfileView)))]
async fn get(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
) -> Result<Json<ProfileView>, Problem> {
    Ok(Json(api.service().members().get(&caller, id).await?.into()))
}

/// Changes an account's role, or shuts and opens it.
#[utoipa::path(patch, path = "/admin/members/{id}", tag = "admin", params(("id" = String, Path)),
    request_body = Change, responses((status = 200, body = ProfileView)))]
async fn change(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
    Body(Change { role, disabled }): Body<Change>,
) -> Result<Json<ProfileView>, Problem> {
    let members = api.service().members();
    let mut profile = None;
    if let Some(role) = role {
        profile = Some(members.set_role(&caller, id, role.into()).await?);
    }
    if let Some(disabled) = disabled {
        profile = Some(members.set_disabled(&caller, id, disabled).await?);
    }
    let profile = profile.ok_or_else(|| Problem::invalid("role", "there is nothing to change"))?;
    Ok(Json(profile.into()))
}

/// Gives an account a new password, and ends its sessions.
#[utoipa::path(post, path = "/admin/members/{id}/password", tag = "admin", params(("id" = String, Path)),
    request_body = Password, responses((status = 200, body = ProfileView)))]
async fn reset_password(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
    Body(Password { password }): Body<Password>,
) -> Result<Json<ProfileView>, Problem> {
    Ok(Json(api.service().members().reset_password(&caller, id, Zeroizing::new(password)).await?.into()))
}

/// Lists an account's sessions.
#[utoipa::path(get, path = "/admin/members/{id}/sessions", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = Sessions)))]
async fn sessions(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
) -> Result<Json<Sessions>, Problem> {
    Ok(Json(api.service().authentication().sessions_of(&caller, id).await?.into()))
}

/// Ends all of an account's sessions.
#[utoipa::path(delete, path = "/admin/members/{id}/sessions", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = Ended)))]
async fn end_sessions(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<UserId>,
) -> Result<Json<Ended>, Problem> {
    Ok(Json(Ended { ended: api.service().authentication().end_of(&caller, id).await? }))
}
