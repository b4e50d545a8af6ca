//! `/v1/sign-in` and `/v1/sign-out`: the way in, and the secure exit.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::TenantId;
use warbler_service::SignInOutcome;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::Body;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::wire::member::ProfileView;
use crate::wire::session::SessionView;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(sign_out))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The tenant's short name.
    tenant: String,
    /// The name that the person signs in with.
    user: String,
    /// The password.
    password: String,
    /// What the device calls itself, as it will be listed.
    device: String,
}

/// A session that has just begun.
#[derive(Serialize, ToSchema)]
struct Begun {
    /// The session's token, which is shown only now: `Authorization: Bearer TOKEN`.
    token: String,
    /// The session.
    session: SessionView,
    /// Whose it is.
    user: ProfileView,
    /// The tenant's identifier.
    #[schema(value_type = String, format = "uuid")]
    tenant: TenantId,
}

/// Signs in with a password.
#[utoipa::path(post, path = "/sign-in", tag = "account", request_body = SignIn, security(()),
    responses((status = 200, body = Begun)))]
async fn sign_in(
    State(api): State<Api>,
    peer: Option<Extension<Peer>>,
    Body(request): Body<SignIn>,
) -> Result<Json<Begun>, Problem> {
    let request = warbler_service::SignIn {
        tenant: request.tenant,
        user: request.user,
        password: Zeroizing::new(request.password),
        device: request.device,
        address: peer.map(|Extension(peer)| peer.ip()),
    };
    match api.service().authentication().sign_in(request).await? {
        SignInOutcome::SignedIn(begun) => Ok(Json(Begun {
            token: begun.token.reveal().to_owned(),
            session: begun.session.into(),
            user: begun.user.into(),
            tenant: begun.tenant,
        })),
        // A later version of the service may ask for more than this version of the API can say.
        _ => Err(Problem::internal()),
    }
}

/// Signs out: when this returns, the token is dead everywhere and the session's sockets are closed.
#[utoipa::path(post, path = "/sign-out", tag = "account", responses((status = 204)))]
async fn sign_out(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    api.service().authentication().sign_out(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
