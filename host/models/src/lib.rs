//! Speaks to model providers and tool servers: the adapters behind `ModelClient` and `ToolClient`. Budgets and
//! rights do not live here.

mod error;
mod mcp;
mod openai;
mod words;

pub use error::ClientError;
pub use mcp::{McpClient, McpOptions};
pub use openai::OpenAiClient;
