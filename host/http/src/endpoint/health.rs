//! `/healthz`, `/readyz` and `/metrics`: for whoever watches over the host.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Serialize;

use crate::api::Api;
use crate::auth::bearer;
use crate::peer::Peer;
use crate::problem::Problem;

/// The routes of this family. They are not part of the API that clients are written against.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// The process lives.
async fn health() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// The host takes requests: it is not closing, and its store answers.
async fn ready(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    if api.closing().is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the host is closing"));
    }
    api.service().ready().await?;
    Ok(Json(Health { status: "ready" }))
}

/// Metrics in Prometheus' text format, for programs on the same machine or with the operator's token.
async fn metrics(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let near = peer.is_some_and(|Extension(peer)| peer.ip().is_loopback());
    if !(near && api.options().metrics_on_loopback) {
        let token = bearer(&headers)?.ok_or_else(|| Problem::unauthenticated("metrics need the operator's token"))?;
        api.service().authentication().operator(token)?;
    }
    let text = (api.options().metrics)();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
