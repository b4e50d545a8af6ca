//! Chat models that the operator set up by name, with a budget per tenant. Permission `models`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::models as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::models as host;

pub use crate::bindings::imports::warbler::plugin::models::{
    Error, Line, Part, Prompt, Speaker, Tool, ToolCall, Usage,
};

use crate::Failure;

/// How long to wait before a model is asked again that broke off for an unknown reason, in milliseconds.
const RETRY_MS: u64 = 5_000;

impl Line {
    /// What the model is told about its task.
    pub fn system(text: impl Into<String>) -> Self {
        Self::of(Speaker::System, text)
    }

    /// What a person said.
    pub fn user(text: impl Into<String>) -> Self {
        Self::of(Speaker::User, text)
    }

    /// What the model said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::of(Speaker::Assistant, text)
    }

    /// That the model wanted tools called. Their answers follow, one [`Line::answer`] each.
    #[must_use]
    pub fn calls(calls: Vec<ToolCall>) -> Self {
        Self { tool_calls: calls, ..Self::assistant("") }
    }

    /// What a tool answered to `call`.
    pub fn answer(call: &ToolCall, text: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call.id.clone()), ..Self::of(Speaker::Tool, text) }
    }

    fn of(speaker: Speaker, text: impl Into<String>) -> Self {
        Self { speaker, text: text.into(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

impl Prompt {
    /// These lines, with the model's own settings and no tools.
    #[must_use]
    pub fn new(lines: Vec<Line>) -> Self {
        Self { lines, tools: Vec::new(), temperature: None, max_tokens: None }
    }

    /// The same with tools that the model may call.
    #[must_use]
    pub fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// The same with how freely the model chooses, from 0 to 2.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The same with the longest answer, in tokens.
    #[must_use]
    pub fn with_max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = Some(tokens);
        self
    }
}

impl From<crate::Tool> for Tool {
    /// A tool of the conversation, as models are told of it.
    fn from(tool: crate::Tool) -> Self {
        let crate::Tool { name, description, parameters } = tool;
        Self { name, description, parameters }
    }
}

impl From<Error> for Failure {
    /// So that `?` does in a hook: what passes by itself is tried again, and the rest is a person's to mend.
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(ms) => Self::Unavailable(if ms == 0 { RETRY_MS } else { ms }),
            Error::OverBudget => Self::Unsupported("the budget for models is spent".to_owned()),
            Error::Denied(text) => Self::Misconfigured(text),
            Error::Refused(text) => Self::Unsupported(text),
        }
    }
}

/// An answer as it comes, part by part. Dropping it cancels the request.
pub struct Completion(host::Completion);

impl Completion {
    /// Waits for the whole answer: its text, and the tools that the model wants called.
    ///
    /// # Errors
    /// The answer broke off.
    pub fn whole(self) -> Result<(String, Vec<ToolCall>), Error> {
        let (mut text, mut calls) = (String::new(), Vec::new());
        for part in self {
            match part? {
                Part::Text(more) => text.push_str(&more),
                Part::ToolCall(call) => calls.push(call),
                Part::Finished(_) => {}
            }
        }
        Ok((text, calls))
    }
}

impl Iterator for Completion {
    type Item = Result<Part, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Asks `model` to go on from `prompt`.
///
/// # Errors
/// The model was not granted, the budget is spent, or the provider did not take it.
pub fn complete(model: &str, prompt: &Prompt) -> Result<Completion, Error> {
    host::complete(model, prompt).map(Completion)
}

/// One vector for each text.
///
/// # Errors
/// The model was not granted, the budget is spent, or the provider did not take it.
pub fn embed(model: &str, texts: &[String]) -> Result<Vec<Vec<f32>>, Error> {
    host::embed(model, texts)
}
