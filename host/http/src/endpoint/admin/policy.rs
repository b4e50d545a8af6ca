//! `/v1/admin/policy`: what the tenant decides about sign-in and sessions.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::Body;
use crate::problem::Problem;
use crate::wire::tenant::{PolicyJson, TenantView};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// Gets the caller's tenant with its policy.
#[utoipa::path(get, path = "/admin/policy", tag = "admin", responses((status = 200, body = TenantView)))]
async fn get(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<TenantView>, Problem> {
    Ok(Json(api.service().tenants().own(&caller)?.into()))
}

/// Sets the policy; what is absent gets its default.
#[utoipa::path(put, path = "/admin/policy", tag = "admin", request_body = PolicyJson,
    responses((status = 200, body = TenantView)))]
async fn put(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(policy): Body<PolicyJson>,
) -> Result<Json<TenantView>, Problem> {
    Ok(Json(api.service().tenants().set_policy(&caller, policy.into()).await?.into()))
}
