//! `/v1/connect`: the upgrade to a WebSocket. What is said there is `socket`'s work.

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_service::Caller;

use crate::api::Api;
use crate::auth::bearer;
use crate::problem::Problem;
use crate::socket;

/// Bytes that are read from a socket at a time. Every idle connection holds this much.
const READ_BUFFER: usize = 4 * 1024;

/// Bytes that may gather before they are written without a flush. Taken when needed, not before.
const WRITE_BUFFER: usize = 16 * 1024;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(connect))
}

/// Opens the WebSocket. Its frames are described by the schemas `HelloFrame`, `SendFrame`, `ReadFrame`, `TypingFrame`
/// and `HostFrame`; the first one is `hello`.
#[utoipa::path(get, path = "/connect", tag = "live", responses((status = 101)))]
async fn connect(
    State(api): State<Api>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", format!("this is a WebSocket: {rejection}"))
    })?;
    let known = match bearer(&headers)? {
        Some(token) => Some(api.service().authentication().authenticate(token).await?),
        None => None,
    };
    // Twice the limit is still read, so that whoever passes it can be told so before the connection ends.
    let limit = api.options().frame_limit().saturating_mul(2);
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(limit)
        .max_frame_size(limit);
    let tracked = api.sockets().token();
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            // Held until the connection is over, so that the host can wait for it when it stops.
            let _tracked = tracked;
            converse(api, socket, known).await;
        })
        .into_response())
}

async fn converse(api: Api, mut socket: axum::extract::ws::WebSocket, known: Option<Caller>) {
    metrics::gauge!("socket_connections").increment(1.0);
    // Boxed, so that an idle connection does not carry the room that its greeting needed.
    let greeted = Box::pin(socket::greet(&api, &mut socket, known)).await;
    let goodbye = match greeted {
        Err(close) => Some((socket, close)),
        Ok((caller, hello)) => match Box::pin(socket::open(&api, &caller, &mut socket, hello)).await {
            Ok(live) => Box::pin(socket::Connection::new(api, caller, socket, live).run()).await,
            Err(close) => Some((socket, close)),
        },
    };
    if let Some((socket, close)) = goodbye {
        socket::close(socket, close).await;
    }
    metrics::gauge!("socket_connections").decrement(1.0);
}
