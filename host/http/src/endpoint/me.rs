//! `/v1/me`: the caller's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_service::{Caller, HabitsChange, ProfileChange};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::Body;
use crate::problem::Problem;
use crate::wire::member::ProfileView;
use crate::wire::push::QuietJson;

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
    /// The time zone's name in the IANA database, such as `Asia/Shanghai`; null forgets it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
    /// Hours in which nobody should disturb; null forgets them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<QuietJson>)]
    do_not_disturb: Option<Option<QuietJson>>,
}

/// The caller's own account, with what only they see of it.
#[derive(Serialize, ToSchema)]
struct Me {
    #[serde(flatten)]
    profile: ProfileView,
    /// The time zone's name in the IANA database.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// Hours in which nobody should disturb.
    #[serde(skip_serializing_if = "Option::is_none")]
    do_not_disturb: Option<QuietJson>,
}

/// Tells null from absent.
#[allow(clippy::option_option)] // Absent, null and a text are three different things.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
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
#[utoipa::path(get, path = "/me", tag = "account", responses((status = 200, body = Me)))]
async fn get(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<Me>, Problem> {
    me(&api, &caller).await
}

/// Changes the caller's name, language, time zone or quiet hours.
#[utoipa::path(patch, path = "/me", tag = "account", request_body = Change, responses((status = 200, body = Me)))]
async fn change(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Body(Change { name, locale, time_zone, do_not_disturb }): Body<Change>,
) -> Result<Json<Me>, Problem> {
    let do_not_disturb = match do_not_disturb {
        Some(Some(quiet)) => {
            let hours = quiet.hours();
            let wrong = || Problem::invalid("do_not_disturb", "must be from and to a time of the day such as 22:00");
            Some(Some(hours.ok_or_else(wrong)?))
        }
        Some(None) => Some(None),
        None => None,
    };
    if time_zone.is_some() || do_not_disturb.is_some() {
        api.service().push().set_habits(&caller, HabitsChange { time_zone, do_not_disturb }).await?;
    }
    if name.is_some() || locale.is_some() {
        api.service().members().update_me(&caller, ProfileChange { name, locale }).await?;
    }
    me(&api, &caller).await
}

async fn me(api: &Api, caller: &Caller) -> Result<Json<Me>, Problem> {
    let profile = api.service().members().me(caller)?.into();
    let habits = api.service().push().habits(caller).await?;
    let do_not_disturb = habits.do_not_disturb.map(Into::into);
    Ok(Json(Me { profile, time_zone: habits.time_zone, do_not_disturb }))
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
