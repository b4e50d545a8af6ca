//! Tools that agents call: the port to servers of the Model Context Protocol (revision 2025-06-18).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Tool;

/// How a tool server is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "kebab-case")]
pub enum ToolTransport {
    /// A program on this machine, spoken to through its standard input and output. Only an operator names programs.
    Stdio {
        /// The program's path.
        command: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// Its whole environment.
        environment: BTreeMap<String, String>,
    },
    /// A server on the network, by streamable HTTP.
    Http {
        /// Its URL.
        url: String,
    },
}

impl fmt::Debug for ToolTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An environment holds keys more often than not.
        match self {
            Self::Stdio { command, .. } => f.debug_struct("Stdio").field("command", command).finish_non_exhaustive(),
            Self::Http { url } => f.debug_struct("Http").field("url", url).finish(),
        }
    }
}

/// A tool server as an admin set it up.
#[derive(Clone)]
pub struct ToolServer {
    /// How it is reached.
    pub transport: ToolTransport,
    /// Sent as a bearer token, over HTTP.
    pub token: Option<Zeroizing<String>>,
    /// The longest time of one call.
    pub timeout: Duration,
    /// The longest answer, in bytes.
    pub max_answer: usize,
}

/// Why a tool gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The server cannot be reached, or went away.
    #[error("the tool server cannot be reached: {text}")]
    Unreachable {
        /// Why, without anything secret.
        text: String,
    },
    /// It did not answer in time.
    #[error("the tool did not answer within {limit:?}")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// It answered with an error, or the arguments do not fit.
    #[error("the tool refused: {text}")]
    Refused {
        /// Its words.
        text: String,
    },
    /// Its answer is longer than allowed.
    #[error("the tool's answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl ToolError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }
}

/// A connection to one tool server. It connects anew by itself after the server went away.
#[async_trait]
pub trait ToolConnection: Send + Sync {
    /// Its tools.
    ///
    /// # Errors
    /// `Unreachable`, `TimedOut`.
    async fn tools(&self) -> Result<Vec<Tool>, ToolError>;
    /// Calls one with a JSON object, and gives its answer as JSON text. Dropping the future cancels the call.
    ///
    /// # Errors
    /// See [`ToolError`].
    async fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError>;
}

/// Connects to tool servers.
#[async_trait]
pub trait ToolClient: Send + Sync {
    /// Connects to `server`.
    ///
    /// # Errors
    /// `Unreachable`, `TimedOut`.
    async fn connect(&self, server: ToolServer) -> Result<Arc<dyn ToolConnection>, ToolError>;
}
