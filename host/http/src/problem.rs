//! Problems: every error that leaves this crate, as RFC 9457 problem details. What the service's errors
//! become is said in `error.rs`.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

/// The media type of RFC 9457.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem, as it goes into a response or a WebSocket frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

/// What a problem says. Boxed, since errors travel through every result on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
struct Details {
    /// `urn:warbler:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// A few words, the same for every problem of this code.
    #[schema(value_type = String)]
    title: Cow<'static, str>,
    /// The HTTP status code.
    status: u16,
    /// What went wrong this time, in a sentence that names the thing and the limit.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The stable code, for programs.
    #[schema(value_type = String)]
    code: Cow<'static, str>,
    /// Which field of the request is meant, as a path: `body.text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Which limit was passed: bytes for sizes, otherwise a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Not before so many milliseconds should the same be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Why a message was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ProblemReason>,
    /// Whether the sender is invited to edit a rejected message and send it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    can_edit: Option<bool>,
    /// At which step a plugin was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    /// What does not fit in a plugin's configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ProblemPlace>,
}

/// A place in a configuration that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemPlace {
    /// Where, as a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What is wrong.
    pub(crate) text: String,
}

/// Why a message was rejected, in two voices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemReason {
    /// A stable code, for programs.
    pub(crate) code: String,
    /// A text for people.
    pub(crate) text: String,
}

impl Problem {
    /// A problem with this status, code and detail.
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self(Box::new(Details {
            kind: format!("urn:warbler:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Problem").into(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            ..Details::default()
        }))
    }

    /// The request says something that cannot be: a wrong type, an unknown field, a value out of range.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).titled("Invalid request").at(field)
    }

    /// What was sent does not parse at all.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail).titled("Malformed request")
    }

    /// A binary frame came over the socket.
    pub(crate) fn binary() -> Self {
        let detail = "frames are JSON text, not binary";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// There is nothing of this kind that the caller may see.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// The body is longer than allowed.
    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("{what} is longer than {limit} bytes"))
            .limited(limit)
    }

    /// No token, or one that opens nothing.
    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// The host failed; what happened is in its log, under the request's id.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host failed; its log has the details")
    }

    /// The same problem under another title.
    pub(crate) fn titled(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// The same problem under another code.
    pub(crate) fn coded(mut self, code: &'static str) -> Self {
        self.0.kind = format!("urn:warbler:problem:{code}");
        self.0.code = code.into();
        self
    }

    /// The same problem, about this field.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }

    /// The same problem, with the limit that was passed.
    pub(crate) fn limited(mut self, limit: u64) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// The same problem, with the time after which trying again makes sense.
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same problem, with the reason why a message was rejected.
    pub(crate) fn because(mut self, reason: ProblemReason, can_edit: bool) -> Self {
        self.0.reason = Some(reason);
        self.0.can_edit = Some(can_edit);
        self
    }

    /// The same problem, with the step at which a plugin was refused and the places that do not fit.
    pub(crate) fn at_step(mut self, step: &'static str, problems: Vec<ProblemPlace>) -> Self {
        self.0.step = Some(step);
        self.0.problems = problems;
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Details::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        Details::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Details::schemas(schemas);
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.0.retry_after_ms.map(|ms| ms.div_ceil(1000).max(1));
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 11.6.1: a 401 says how to authenticate.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_code_and_leaves_out_what_it_does_not_have() {
        let json = serde_json::to_value(Problem::not_found("message")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:warbler:problem:not-found",
                "title": "Not Found",
                "status": 404,
                "detail": "there is no such message",
                "code": "not-found",
            })
        );
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds_in_the_header() {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "slow down");
        let response = problem.retry_after(Duration::from_millis(1001)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }
}
