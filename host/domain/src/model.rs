//! Chat models: what is asked of one, what comes back, and the port through which an agent asks. The
//! words are those of the contract's interface `models`.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// Who says a line of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// Whoever set the model up.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// A tool's answer.
    Tool,
}

/// A model's wish to call a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's identifier of the call, which the answer repeats.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// Its arguments: JSON text, as the model wrote it. It may not parse.
    pub arguments: String,
}

/// One line of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who says it.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// Calls that the assistant asked for in this line.
    pub tool_calls: Vec<ToolCall>,
    /// The call that this line answers, if a tool says it.
    pub tool_call_id: Option<String>,
}

/// Something that can be called with JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: String,
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prompt {
    /// The conversation so far.
    pub lines: Vec<Line>,
    /// Tools that it may call.
    pub tools: Vec<Tool>,
    /// How freely it chooses, from 0 to 2; the model's own default if absent.
    pub temperature: Option<f32>,
    /// Longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// Whether the answer must be one JSON object.
    pub json: bool,
}

/// Tokens that were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Read.
    pub prompt_tokens: u32,
    /// Written.
    pub completion_tokens: u32,
}

/// A part of an answer, as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// More text.
    Text(String),
    /// A whole tool call.
    ToolCall(ToolCall),
    /// The end, with what was used.
    Finished(Usage),
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The model is not there for this agent.
    #[error("the model is not available to this agent: {text}")]
    Denied {
        /// Why.
        text: String,
    },
    /// The budget of the agent or its tenant is spent.
    #[error("the budget is spent")]
    OverBudget,
    /// The provider did not answer, or asked to wait.
    #[error("the model is unavailable; try again after {after:?}")]
    Unavailable {
        /// Not before this time has passed.
        after: Duration,
    },
    /// The provider refused the request for good, or its answer makes no sense.
    #[error("the model refused: {text}")]
    Refused {
        /// Its words, without anything secret.
        text: String,
    },
}

impl ModelError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// An answer as it comes. After an error or [`Part::Finished`] there is nothing more. Dropping it cancels
/// the request.
pub type Completion = BoxStream<'static, Result<Part, ModelError>>;

/// The models that one agent may use, within its budget.
#[async_trait]
pub trait Models: Send + Sync {
    /// Asks the model that the operator set up as `model`.
    ///
    /// # Errors
    /// It is not there, the budget is spent, or the provider did not take it.
    async fn complete(&self, model: &str, prompt: Prompt) -> Result<Completion, ModelError>;
    /// One vector for each text, in order.
    ///
    /// # Errors
    /// As for `complete`.
    async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError>;
}

/// No models at all.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoModels;

#[async_trait]
impl Models for NoModels {
    async fn complete(&self, model: &str, _prompt: Prompt) -> Result<Completion, ModelError> {
        Err(ModelError::Denied { text: format!("there is no model {model:?}") })
    }

    async fn embed(&self, model: &str, _texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        Err(ModelError::Denied { text: format!("there is no model {model:?}") })
    }
}
