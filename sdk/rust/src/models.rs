//! Chat models that the operator set up by name, with a budget per tenant. Permission `models`.

#[cfg(target_family = "wasm")]
use crate::bindings::imports::warbler::plugin::models as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::models as host;

pub use crate::bindings::imports::warbler::plugin::models::{
    Error, Line, Part, Prompt, Speaker, Tool, ToolCall, Usage,
};

/// An answer as it comes, part by part. Dropping it cancels the request.
pub struct Completion(host::Completion);

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
