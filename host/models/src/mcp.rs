//! The client of tool servers, by the Model Context Protocol (<https://modelcontextprotocol.io>). Who may call
//! which tool does not live here.

mod failure;
mod network;
mod outcome;
mod program;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rmcp::model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams};
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use warbler_domain::{Tool, ToolClient, ToolConnection, ToolError, ToolServer, ToolTransport};

/// Pages of a list of tools that are read; a server that goes on past them is broken or hostile.
const MOST_PAGES: usize = 50;

/// Tools of one server that are taken; a model could not choose among more.
const MOST_TOOLS: usize = 500;

/// Longest description and schema of one tool that are taken, in bytes.
const LONGEST_TOOL: usize = 64 * 1024;

/// The least time for a server to start: programs load their libraries first.
const LEAST_START: Duration = Duration::from_secs(15);

/// What a client may reach.
#[derive(Debug, Clone, Default)]
pub struct McpOptions {
    /// Hosts, as `HOST:PORT`, that may be reached over HTTP wherever they are. Servers are named by admins of
    /// tenants, so that of all others only public addresses are.
    pub private_hosts: BTreeSet<String>,
}

/// Connects to tool servers.
#[derive(Debug, Clone, Default)]
pub struct McpClient {
    options: Arc<McpOptions>,
}

impl McpClient {
    /// A client that reaches programs, and servers at public addresses.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client with other options.
    #[must_use]
    pub fn with_options(options: McpOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

#[async_trait]
impl ToolClient for McpClient {
    async fn connect(&self, server: ToolServer) -> Result<Arc<dyn ToolConnection>, ToolError> {
        let connection = Connection { server, options: Arc::clone(&self.options), live: Mutex::new(None) };
        connection.live().await?;
        Ok(Arc::new(connection))
    }
}

/// A server's session. Dropping it ends the program, or the session over HTTP.
type Session = RunningService<RoleClient, ClientConfig>;

/// A connection that is made anew when it is needed and gone.
struct Connection {
    server: ToolServer,
    options: Arc<McpOptions>,
    live: Mutex<Option<Arc<Session>>>,
}

impl Connection {
    /// The present session, or a new one.
    async fn live(&self) -> Result<Arc<Session>, ToolError> {
        let mut live = self.live.lock().await;
        if let Some(session) = live.as_ref().filter(|session| !session.is_transport_closed()) {
            return Ok(Arc::clone(session));
        }
        // The old one goes first: two programs at a time may fight over what they hold.
        *live = None;
        let limit = self.server.timeout.max(LEAST_START);
        let session = timeout(limit, self.open()).await.map_err(|_| ToolError::TimedOut { limit })??;
        Ok(Arc::clone(live.insert(Arc::new(session))))
    }

    async fn open(&self) -> Result<Session, ToolError> {
        let me = Implementation::new("warbler", env!("CARGO_PKG_VERSION"));
        // No capabilities: a server gets no model, no files and no person to ask through this connection.
        let me = ClientConfig::new(ClientCapabilities::default(), me);
        let opened = match &self.server.transport {
            ToolTransport::Stdio { command, arguments, environment } => {
                me.serve(program::start(command, arguments, environment, self.server.max_answer)?).await
            }
            ToolTransport::Http { url } => {
                me.serve(network::transport(url, &self.server, &self.options.private_hosts).await?).await
            }
        };
        opened.map_err(|error| failure::of_opening(&error, &self.server))
    }

    /// Forgets a session that failed, unless another caller has replaced it already.
    async fn forget(&self, failed: &Arc<Session>) {
        let mut live = self.live.lock().await;
        if live.as_ref().is_some_and(|session| Arc::ptr_eq(session, failed)) {
            *live = None;
        }
    }

    async fn listed(&self, session: &Session) -> Result<Vec<Tool>, rmcp::ServiceError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = session.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor.take()))).await?;
            tools.extend(page.tools.iter().filter_map(tool));
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= MOST_TOOLS {
                break;
            }
        }
        tools.truncate(MOST_TOOLS);
        Ok(tools)
    }

    /// Waits for `work` within the time of a call. A session that broke is forgotten.
    async fn within<T>(
        &self,
        session: &Arc<Session>,
        work: impl Future<Output = Result<T, rmcp::ServiceError>> + Send,
    ) -> Result<T, ToolError> {
        let limit = self.server.timeout;
        // A call that is given up is cancelled at the server, because its future is dropped.
        let done = timeout(limit, work).await.map_err(|_| ToolError::TimedOut { limit })?;
        match done {
            Ok(value) => Ok(value),
            Err(error) => {
                if failure::is_broken(&error) {
                    self.forget(session).await;
                }
                Err(failure::of_call(&error, &self.server))
            }
        }
    }
}

#[async_trait]
impl ToolConnection for Connection {
    async fn tools(&self) -> Result<Vec<Tool>, ToolError> {
        let session = self.live().await?;
        match self.within(&session, self.listed(&session)).await {
            // Reading a list twice does no harm, and the server may only just have been started anew.
            Err(ToolError::Unreachable { .. }) => {
                let session = self.live().await?;
                self.within(&session, self.listed(&session)).await
            }
            other => other,
        }
    }

    async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        let arguments = object(arguments)?;
        let session = self.live().await?;
        let params = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        // A call is never repeated here: the tool may have done its work before the connection broke.
        let result = self.within(&session, session.call_tool(params)).await?;
        outcome::json(&result, self.server.max_answer, &self.server)
    }
}

/// A server's tool in our words; `None` if it is too long to be shown to a model.
fn tool(tool: &rmcp::model::Tool) -> Option<Tool> {
    let description = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
    let parameters = Value::Object((*tool.input_schema).clone()).to_string();
    if description.len().saturating_add(parameters.len()) > LONGEST_TOOL {
        tracing::warn!(tool = %tool.name, limit = LONGEST_TOOL, "a tool is left out: it is described at too great a length");
        return None;
    }
    Some(Tool { name: tool.name.to_string(), description: description.to_owned(), parameters })
}

/// The arguments of a call: a JSON object; nothing at all counts as an empty one.
fn object(arguments: &str) -> Result<Map<String, Value>, ToolError> {
    if arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ToolError::Refused { text: "the arguments are no JSON object".to_owned() }),
        Err(error) => Err(ToolError::Refused { text: format!("the arguments are no JSON: {error}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_no_object_are_refused_with_the_reason() {
        assert_eq!(object(" "), Ok(Map::new()));
        assert!(object(r#"{"a": 1}"#).is_ok());
        for wrong in ["[1]", "\"text\"", "{\"a\": ", "null"] {
            assert!(matches!(object(wrong), Err(ToolError::Refused { .. })), "{wrong}");
        }
    }
}
