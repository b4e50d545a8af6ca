//! JSON in: bodies, queries and frames become wire types here, and what does not fit becomes a problem that
//! names the field.

use std::fmt;
use std::marker::PhantomData;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::problem::Problem;

/// Greatest JSON body of a request, unless its route says otherwise: the greatest custom message twice,
/// since JSON within JSON may be escaped.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

/// The limit of one route's bodies, set as an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// A request's JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "the body must be application/json",
            ));
        }
        let limit = request.extensions().get::<BodyLimit>().map_or(BODY_LIMIT, |limit| limit.0);
        let bytes = to_bytes(request.into_body(), limit).await.map_err(|error| read(&error, limit))?;
        decode(&bytes).map(Self)
    }
}

/// A request's query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(query_problem(&deepest(&rejection))),
        }
    }
}

/// The parts of a request's path.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(_) => Err(Problem::invalid("id", "the identifier in the path is not a UUID")),
        }
    }
}

/// A JSON object. Derived types would also take an array of their fields' values, in order, which nobody means.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads one JSON object.
///
/// # Errors
/// `malformed` if it is not JSON, `invalid` with the field if it does not fit.
pub(crate) fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        json_problem(&path, error.inner())
    })?;
    json.end().map_err(|error| Problem::malformed(format!("not one JSON document: {error}")))?;
    Ok(value)
}

fn json_problem(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::malformed(format!("not JSON: {error}"));
    }
    let text = error.to_string();
    // The place in the document tells a person less than the field's name.
    let text = text.split(" at line ").next().unwrap_or(&text);
    Problem::invalid(field(path, text), text)
}

/// The field that an error is about: the path, and below it the one that is missing.
fn field(path: &str, text: &str) -> String {
    let path = if path == "." { "" } else { path };
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (path, None) => path.to_owned(),
        ("", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    }
}

fn query_problem(text: &str) -> Problem {
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let named = text.split_once(": ").map(|(name, _)| name).filter(is_name).or_else(|| text.split('`').nth(1));
    Problem::invalid(named.unwrap_or_default(), format!("the query does not fit: {text}"))
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn read(error: &axum::Error, limit: usize) -> Problem {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Problem::too_large("the body", u64::try_from(limit).unwrap_or(u64::MAX));
        }
        cause = error.source();
    }
    Problem::malformed("the body ended early")
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // Only whether it parses matters.
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        id: warbler_domain::UserId,
    }

    fn problem(text: &str) -> serde_json::Value {
        serde_json::to_value(decode::<Outer>(text.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        assert_eq!(problem(r#"{"inner":[{"id":"x"}]}"#)["field"], "inner[0].id");
        assert_eq!(problem(r#"{"inner":[{}]}"#)["field"], "inner[0].id");
        assert_eq!(problem(r#"{"inner":[],"extra":1}"#)["field"], "extra");
        assert_eq!(problem("{}")["field"], "inner");
        assert_eq!(problem(r#"{"inner":7}"#)["code"], "invalid");
        assert_eq!(problem("[[]]")["code"], "invalid");
    }

    #[test]
    fn what_is_not_one_json_document_is_malformed() {
        for text in ["", "{", r#"{"inner":[]}{}"#, r#"{"inner":[]} trailing"#, "\u{feff}{}"] {
            assert_eq!(problem(text)["code"], "malformed", "{text:?}");
        }
    }
}
