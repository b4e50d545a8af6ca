//! What every request passes through: an identifier, a span, a deadline, and the headers that keep browsers
//! from doing more with an answer than they should.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use crate::api::Api;
use crate::problem::Problem;

/// Names a request in the host's log; clients may quote it to the operator.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A year: the least that browsers' preload lists ask for.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Gives a request its identifier and its span, and its answer the headers. Neither bodies nor queries nor
/// tokens reach the log.
pub(crate) async fn stamp(State(api): State<Api>, request: Request, next: Next) -> Response {
    let id = api.ids().next().to_string();
    let method = request.method().clone();
    // The pattern, not the path: it holds no identifiers, and has few values.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http.request", %id, %method, route);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (took, status) = (begun.elapsed(), response.status());
    span.in_scope(|| tracing::info!(status = status.as_u16(), took_us = micros(took), "answered"));
    metrics::histogram!("http_request_seconds",
        "method" => method.to_string(), "route" => route, "status" => status.as_u16().to_string())
    .record(took);
    protect(response.headers_mut(), api.options().tls);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Gives up on a request that takes too long.
pub(crate) async fn deadline(State(api): State<Api>, request: Request, next: Next) -> Response {
    let limit = api.options().request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            format!("the request took longer than {} ms", limit.as_millis()),
        )
        .into_response(),
    }
}

fn protect(headers: &mut HeaderMap, tls: bool) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
