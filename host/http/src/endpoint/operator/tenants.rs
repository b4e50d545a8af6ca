//! `/v1/operator/tenants`: the operator's tenants, and a way back in for their owners.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Role, TenantId};
use warbler_service::NewTenant;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::AsOperator;
use crate::json::{Body, Object, Path};
use crate::problem::Problem;
use crate::wire::member::{MemberInput, ProfileView};
use crate::wire::tenant::{PolicyJson, TenantView};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(add_member))
        .routes(routes!(reset_password))
}

/// Tenants.
#[derive(Serialize, ToSchema)]
struct Tenants {
    /// The tenants, by slug.
    tenants: Vec<TenantView>,
}

/// A tenant to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantInput {
    /// What its people type at sign-in: 2 to 40 of `a-z`, `0-9` and `-`.
    slug: String,
    /// What it is called.
    name: String,
    /// Its policy.
    #[serde(default)]
    #[schema(value_type = PolicyJson)]
    policy: Object<PolicyJson>,
    /// Its first account, whose role is always owner.
    #[schema(value_type = MemberInput)]
    owner: Object<MemberInput>,
}

/// A tenant with its owner.
#[derive(Serialize, ToSchema)]
struct Added {
    /// The tenant.
    tenant: TenantView,
    /// Its owner.
    owner: ProfileView,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// What the person types at sign-in.
    login: String,
    /// The password.
    password: String,
}

/// Lists all tenants.
#[utoipa::path(get, path = "/operator/tenants", tag = "operator", responses((status = 200, body = Tenants)))]
async fn list(State(api): State<Api>, AsOperator(operator): AsOperator) -> Json<Tenants> {
    let tenants = api.service().tenants().list(&operator);
    Json(Tenants { tenants: tenants.into_iter().map(Into::into).collect() })
}

/// Adds a tenant and its owner.
#[utoipa::path(post, path = "/operator/tenants", tag = "operator", request_body = TenantInput,
    responses((status = 201, body = Added)))]
async fn add(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Body(TenantInput { slug, name, policy: Object(policy), owner: Object(owner) }): Body<TenantInput>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let new = NewTenant { slug, name, policy: policy.into(), owner: owner.or_role(Role::Owner) };
    let (tenant, owner) = api.service().tenants().add(&operator, new).await?;
    Ok((StatusCode::CREATED, Json(Added { tenant: tenant.into(), owner: owner.into() })))
}

/// Removes a tenant for good: its key is destroyed, and nothing of it can ever be read again.
#[utoipa::path(delete, path = "/operator/tenants/{id}", tag = "operator", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(id): Path<TenantId>,
) -> Result<StatusCode, Problem> {
    api.service().tenants().remove(&operator, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds an account to a tenant, whatever its role.
#[utoipa::path(post, path = "/operator/tenants/{id}/members", tag = "operator", params(("id" = String, Path)),
    request_body = MemberInput, responses((status = 201, body = ProfileView)))]
async fn add_member(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(id): Path<TenantId>,
    Body(member): Body<MemberInput>,
) -> Result<(StatusCode, Json<ProfileView>), Problem> {
    let profile = api.service().tenants().add_member(&operator, id, member.or_role(Role::Member)).await?;
    Ok((StatusCode::CREATED, Json(profile.into())))
}

/// Gives an account a new password, and ends its sessions: the way back in for an owner who is locked out.
#[utoipa::path(post, path = "/operator/tenants/{id}/password", tag = "operator", params(("id" = String, Path)),
    request_body = Reset, responses((status = 200, body = ProfileView)))]
async fn reset_password(
    State(api): State<Api>,
    AsOperator(operator): AsOperator,
    Path(id): Path<TenantId>,
    Body(Reset { login, password }): Body<Reset>,
) -> Result<Json<ProfileView>, Problem> {
    let password = Zeroizing::new(password);
    Ok(Json(api.service().tenants().reset_password(&operator, id, &login, password).await?.into()))
}
