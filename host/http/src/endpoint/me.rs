//! `/v1/me`: the caller's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_service::ProfileChange;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::Body;
use crate::problem::Problem;
use crate::wire::member::ProfileView;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get, change)).routes(routes!(change_password))
}

/// What to change; what is absent stays.
#[allow(clippy::option_option)] // Absent, null and a text are three different things.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What others see.
    name: Option<String>,
    /// The language as a BCP 47 tag; null forgets it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    locale: Option<Option<String>>,
}

/// Tells null from absent.
#[allow(clippy::option_option)] // Absent, null and a text are three different things.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The present one.
    present: String,
    /// The new one.
    new: String,
}

/// Gets the caller's account.
#[utoipa::path(get, path = "/me", tag = "account", responses((status = 200, body = ProfileView)))]
async fn get(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<ProfileView>, Problem> {
    Ok(Json(api.service().members().me(&caller)?.into()))
}

/// Changes the caller's name or language.
#[utoipa::path(patch, path = "/me", tag = "account", request_body = Change,
    responses((status = 200, body = ProfileView)))]
async fn change(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Change { name, locale }): Body<Change>,
) -> Result<Json<ProfileView>, Problem> {
    Ok(Json(api.service().members().update_me(&caller, ProfileChange { name, locale }).await?.into()))
}

/// Changes the caller's password, and ends their other sessions.
#[utoipa::path(post, path = "/me/password", tag = "account", request_body = Password, responses((status = 204)))]
async fn change_password(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Password { present, new }): Body<Password>,
) -> Result<StatusCode, Problem> {
    let (present, new) = (Zeroizing::new(present), Zeroizing::new(new));
    api.service().authentication().change_password(&caller, present, new).await?;
    Ok(StatusCode::NO_CONTENT)
}
