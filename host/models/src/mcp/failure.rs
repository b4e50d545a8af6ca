//! What went wrong with a tool server, in the port's words.

use rmcp::ServiceError;
use rmcp::service::ClientInitializeError;
use warbler_domain::{ToolError, ToolServer, ToolTransport, with_causes};

use crate::words;

/// The server cannot be reached, for a reason of our own.
pub(crate) fn unreachable(text: &str) -> ToolError {
    ToolError::Unreachable { text: text.to_owned() }
}

/// A session could not be opened.
pub(crate) fn of_opening(error: &ClientInitializeError, server: &ToolServer) -> ToolError {
    let text = match error {
        ClientInitializeError::JsonRpcError(error) => format!("it refused to begin: {}", error.message),
        ClientInitializeError::ConnectionClosed(_) => "it ended before it had begun".to_owned(),
        // What came instead may be long, and may be anything.
        ClientInitializeError::ExpectedInitResponse(_) | ClientInitializeError::ExpectedInitResult(_) => {
            "it does not speak the Model Context Protocol".to_owned()
        }
        other => with_causes(other),
    };
    ToolError::Unreachable { text: tidy(&text, server) }
}

/// A call did not come to its end.
pub(crate) fn of_call(error: &ServiceError, server: &ToolServer) -> ToolError {
    match error {
        ServiceError::McpError(error) => ToolError::Refused { text: tidy(&error.message, server) },
        ServiceError::Timeout { timeout } => ToolError::TimedOut { limit: *timeout },
        ServiceError::TransportClosed => unreachable("it went away"),
        ServiceError::TransportSend(_) => ToolError::Unreachable { text: tidy(&with_causes(error), server) },
        ServiceError::Cancelled { .. } => ToolError::Refused { text: "it cancelled the call".to_owned() },
        other => ToolError::Refused { text: tidy(&other.to_string(), server) },
    }
}

/// Whether the session is of no more use.
pub(crate) fn is_broken(error: &ServiceError) -> bool {
    matches!(error, ServiceError::TransportClosed | ServiceError::TransportSend(_))
}

/// Somebody else's words, without what the server was given in confidence.
pub(crate) fn tidy(text: &str, server: &ToolServer) -> String {
    let token = server.token.iter().map(|token| token.as_str());
    let environment = match &server.transport {
        ToolTransport::Stdio { environment, .. } => Some(environment.values().map(String::as_str)),
        ToolTransport::Http { .. } => None,
    };
    words::tidy(text, token.chain(environment.into_iter().flatten()))
}
