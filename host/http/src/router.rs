//! The router: every route, and what each request passes through.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::api::Api;
use crate::endpoint::{
    admin, attachments, backups, connect, conversations, health, me, messages, operator, push, replies, sessions,
    sign_in, support,
};
use crate::layers;
use crate::openapi::{base, complete};
use crate::problem::Problem;

/// The whole API.
///
/// Whoever accepts connections adds a [`crate::Peer`] to the extensions of each request.
pub fn router(api: Api) -> Router {
    let (prompt, document) = prompt().split_for_parts();
    let (patient, _) = patient().split_for_parts();
    let document: Arc<str> = text(&document_of(document)).into();
    let prompt = prompt.layer(from_fn_with_state(api.clone(), layers::deadline));
    let described = get(move || {
        let document = Arc::clone(&document);
        async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) }
    });
    Router::new()
        .merge(prompt)
        .merge(patient)
        .route("/v1/openapi.json", described)
        .merge(health::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(tame))
        .layer(from_fn_with_state(api.clone(), layers::stamp))
        .with_state(api)
}

/// The `OpenAPI` document of the whole API, as it is committed.
#[must_use]
pub fn openapi() -> String {
    let (_, document) = prompt().split_for_parts();
    text(&document_of(document))
}

/// Routes that answer at once.
fn prompt() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .merge(sign_in::routes())
        .merge(sessions::routes())
        .merge(me::routes())
        .merge(conversations::routes())
        .merge(messages::routes())
        .merge(push::routes())
        .merge(admin::plugins::routes())
        .merge(admin::members::routes())
        .merge(admin::policy::routes())
        .merge(admin::lexicons::routes())
        .merge(admin::push::routes())
        .merge(admin::review::routes())
        .merge(admin::audit::routes())
        .merge(admin::agents::routes())
        .merge(admin::tools::routes())
        .merge(admin::knowledge::routes())
        .merge(replies::routes())
        .merge(support::routes())
        .merge(operator::models::routes())
        .merge(operator::dead_letters::routes())
        .merge(operator::tenants::routes())
        .merge(operator::publishers::routes());
    OpenApiRouter::with_openapi(base()).nest("/v1", v1)
}

/// Routes that may take as long as a file or a connection does.
fn patient() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .merge(attachments::routes())
        .merge(admin::knowledge::upload())
        .merge(connect::routes())
        .merge(backups::routes())
        .merge(admin::backups::routes());
    OpenApiRouter::new().nest("/v1", v1)
}

fn document_of(mut document: OpenApi) -> OpenApi {
    let (_, rest) = patient().split_for_parts();
    document.merge(rest);
    complete(document)
}

fn text(document: &OpenApi) -> String {
    // The document is made of strings, numbers and lists, which always serialise.
    document.to_pretty_json().unwrap_or_default() + "\n"
}

async fn unknown() -> Problem {
    Problem::not_found("resource").titled("Not found")
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this resource does not have this method")
}

/// Makes problems of refusals that come from below the handlers, such as a body in an unknown encoding.
async fn tame(request: Request, next: middleware::Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_ours = content_type.is_some_and(|value| value.starts_with("application/"));
    if !(status.is_client_error() || status.is_server_error()) || is_ours {
        return response;
    }
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too-large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
        StatusCode::UPGRADE_REQUIRED => "upgrade-required",
        _ if status.is_client_error() => "malformed",
        _ => "internal",
    };
    Problem::new(status, code, "").into_response()
}
