//! `/v1/admin/tools`: servers of the Model Context Protocol whose tools agents may be granted.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warbler_domain::{Tool, ToolTransport};
use warbler_service::{NewToolServer, ToolServerView};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::auth::SignedIn;
use crate::json::{Body, Path};
use crate::problem::Problem;

/// The routes of this family.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set, remove)).routes(routes!(offered))
}

/// How a tool server is reached.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum TransportInput {
    /// A program on the host's machine, among those that the operator allows.
    Stdio {
        /// Its path.
        command: String,
        /// Its arguments.
        #[serde(default)]
        arguments: Vec<String>,
        /// Its whole environment.
        #[serde(default)]
        environment: BTreeMap<String, String>,
    },
    /// A server on the network, by streamable HTTP.
    Http {
        /// Its URL.
        url: String,
    },
}

/// A tool server to be set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToolServerInput {
    /// How it is reached.
    transport: TransportInput,
    /// Sent as a bearer token; the one that is kept stays if absent. It is never shown.
    token: Option<String>,
    /// The longest time of one call, in milliseconds: 100 to 300000; 30000 unless given.
    timeout_ms: Option<u64>,
}

/// A tool server.
#[derive(Serialize, ToSchema)]
struct ToolServerJson {
    /// Its name.
    name: String,
    /// `stdio` or `http`.
    transport: &'static str,
    /// The program, or the URL.
    place: String,
    /// Whether there is a token.
    has_token: bool,
    /// Whether it came back from a backup without its token or environment, and waits to be set up again.
    lacks_secret: bool,
    /// The longest time of one call, in milliseconds.
    timeout_ms: u64,
}

/// Tool servers.
#[derive(Serialize, ToSchema)]
struct ToolServers {
    /// The servers, by name.
    servers: Vec<ToolServerJson>,
}

/// A tool.
#[derive(Serialize, ToSchema)]
struct ToolJson {
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// JSON Schema of its arguments, as text.
    parameters: String,
}

/// Tools.
#[derive(Serialize, ToSchema)]
struct OfferedTools {
    /// The tools.
    tools: Vec<ToolJson>,
}

/// Lists tool servers.
#[utoipa::path(get, path = "/admin/tools", tag = "admin", responses((status = 200, body = ToolServers)))]
async fn list(State(api): State<Api>, SignedIn(caller): SignedIn) -> Result<Json<ToolServers>, Problem> {
    let servers = api.service().tools().list(&caller).await?;
    Ok(Json(ToolServers { servers: servers.into_iter().map(Into::into).collect() }))
}

/// Sets a tool server up, or another one in its place.
#[utoipa::path(put, path = "/admin/tools/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = ToolServerInput, responses((status = 200, body = ToolServerJson)))]
async fn set(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    Body(ToolServerInput { transport, token, timeout_ms }): Body<ToolServerInput>,
) -> Result<Json<ToolServerJson>, Problem> {
    let transport = match transport {
        TransportInput::Stdio { command, arguments, environment } => {
            ToolTransport::Stdio { command, arguments, environment }
        }
        TransportInput::Http { url } => ToolTransport::Http { url },
    };
    let new = NewToolServer { transport, token: token.map(Zeroizing::new), timeout_ms: timeout_ms.unwrap_or(30_000) };
    Ok(Json(api.service().tools().set(&caller, &name, new).await?.into()))
}

/// Takes a tool server away.
#[utoipa::path(delete, path = "/admin/tools/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    api.service().tools().remove(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks a tool server what it offers at this moment.
#[utoipa::path(get, path = "/admin/tools/{name}/offered", tag = "admin", params(("name" = String, Path)),
    responses((status = 200, body = OfferedTools)))]
async fn offered(
    State(api): State<Api>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<Json<OfferedTools>, Problem> {
    let tools = api.service().tools().offered(&caller, &name).await?;
    let view = |Tool { name, description, parameters }| ToolJson { name, description, parameters };
    Ok(Json(OfferedTools { tools: tools.into_iter().map(view).collect() }))
}

impl From<ToolServerView> for ToolServerJson {
    fn from(view: ToolServerView) -> Self {
        let ToolServerView { name, transport, place, has_token, lacks_secret, timeout_ms } = view;
        Self { name, transport, place, has_token, lacks_secret, timeout_ms }
    }
}
