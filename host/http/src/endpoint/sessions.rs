//! `/v1/sessions`: the caller's devices.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::SessionId;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::Path;
use crate::problem::Problem;
use crate::wire::session::{Ended, Sessions};

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end)).routes(routes!(end_others))
}

/// Lists the caller's sessions.
#[utoipa::path(get, path = "/sessions", tag = "account", responses((status = 200, body = Sessions)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Sessions>, Problem> {
    Ok(Json(api.service().authentication().sessions(&caller).await?.into()))
}

/// Ends one of the caller's sessions.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "account", params(("id" = String, Path)),
    responses((status = 204)))]
async fn end(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    api.service().authentication().end(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all the caller's sessions but this one.
#[utoipa::path(post, path = "/sessions/end-others", tag = "account", responses((status = 200, body = Ended)))]
async fn end_others(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Ended>, Problem> {
    Ok(Json(Ended { ended: api.service().authentication().end_others(&caller).await? }))
}
