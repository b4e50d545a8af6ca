//! Who is calling: the token of the `Authorization` header becomes a caller. Tokens in addresses are never
//! read, since addresses end up in logs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use warbler_service::{Caller, OperatorCaller};

use crate::api::Api;
use crate::problem::Problem;

/// Someone who is signed in.
pub(crate) struct SignedIn(pub(crate) Caller);

impl FromRequestParts<Api> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?.ok_or_else(missing)?;
        Ok(Self(api.service().authentication().authenticate(token).await?))
    }
}

/// The operator.
pub(crate) struct AsOperator(pub(crate) OperatorCaller);

impl FromRequestParts<Api> for AsOperator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?.ok_or_else(missing)?;
        Ok(Self(api.service().authentication().operator(token)?))
    }
}

/// The token of a request, if it has one.
///
/// # Errors
/// The header is there, and is no bearer token.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token {
        Some(token) if !token.is_empty() => Ok(Some(token)),
        _ => Err(Problem::unauthenticated("the Authorization header is no bearer token")),
    }
}

fn missing() -> Problem {
    Problem::unauthenticated("this needs a token in the Authorization header")
}
