//! The port to providers of models: an endpoint that an operator set up, and who speaks to it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{Completion, ModelError, Prompt};

/// Where a model is, and how to reach it.
#[derive(Clone)]
pub struct ModelEndpoint {
    /// The base URL of an API compatible with `OpenAI`'s, such as `https://api.example.com/v1`.
    pub base_url: String,
    /// The key, sent as a bearer token.
    pub key: Option<Zeroizing<String>>,
    /// The provider's name of the model.
    pub model: String,
    /// The longest wait for the first byte of an answer.
    pub first_byte: Duration,
    /// The longest pause within an answer.
    pub pause: Duration,
    /// The longest time of a whole answer.
    pub whole: Duration,
    /// The longest answer in bytes; more is cut off as an error.
    pub max_answer: usize,
}

impl fmt::Debug for ModelEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_url, model, .. } = self;
        f.debug_struct("ModelEndpoint").field("base_url", base_url).field("model", model).finish_non_exhaustive()
    }
}

/// Speaks to providers of models.
#[async_trait]
pub trait ModelClient: Send + Sync {
    /// Starts a completion.
    ///
    /// # Errors
    /// `Unavailable` or `Refused`.
    async fn complete(&self, endpoint: &ModelEndpoint, prompt: Prompt) -> Result<Completion, ModelError>;
    /// One vector for each text, in order.
    ///
    /// # Errors
    /// `Unavailable` or `Refused`.
    async fn embed(&self, endpoint: &ModelEndpoint, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError>;
}
