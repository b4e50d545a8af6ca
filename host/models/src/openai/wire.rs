//! What comes back, as the API writes it. Fields that are not needed are not read.

use serde::Deserialize;
use serde_json::Value;
use warbler_domain::{ModelError, Usage};

use crate::openai::failure;

/// The longest vector in JSON, in bytes: 4,096 numbers of 24 digits.
pub(crate) const LONGEST_VECTOR: usize = 100 * 1024;

/// One event of a streamed answer, or a whole one.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: Option<WireUsage>,
    pub(crate) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    #[serde(alias = "message")]
    pub(crate) delta: Option<Delta>,
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delta {
    pub(crate) content: Option<String>,
    /// What `OpenAI`'s models say in place of an answer that they will not give. It is meant to be shown.
    pub(crate) refusal: Option<String>,
    pub(crate) tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CallDelta {
    pub(crate) index: Option<u32>,
    pub(crate) id: Option<String>,
    pub(crate) function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FunctionDelta {
    pub(crate) name: Option<String>,
    pub(crate) arguments: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        Self { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens }
    }
}

#[derive(Debug, Deserialize)]
struct Vectors {
    data: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors in an answer, in the order of the texts.
///
/// # Errors
/// `Refused`, if there is not one for each text, or one is empty or holds what is no number.
pub(crate) fn vectors(body: &[u8], texts: usize) -> Result<Vec<Vec<f32>>, ModelError> {
    let answer: Vectors = serde_json::from_slice(body).map_err(|error| failure::nonsense(&error.to_string()))?;
    let mut data = answer.data;
    if data.len() != texts {
        return Err(failure::nonsense(&format!("{} vectors for {texts} texts", data.len())));
    }
    // A server that leaves the index out answers in order; the sort is stable.
    data.sort_by_key(|vector| vector.index.unwrap_or_default());
    let vectors: Vec<Vec<f32>> = data.into_iter().map(|vector| vector.embedding).collect();
    let whole = vectors.iter().all(|vector| !vector.is_empty() && vector.iter().all(|number| number.is_finite()));
    if whole { Ok(vectors) } else { Err(failure::nonsense("a vector is empty, or holds what is no number")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let body = br#"{"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}"#;
        assert_eq!(vectors(body, 2).unwrap(), [[1.0], [2.0]]);
    }

    #[test]
    fn vectors_that_do_not_fit_the_texts_are_refused() {
        for body in [
            r#"{"data": []}"#,
            r#"{"data": [{"embedding": []}]}"#,
            r#"{"data": [{"embedding": [1e999]}]}"#,
            r#"{"data": [{"embedding": "AACAPw=="}]}"#,
            "{}",
        ] {
            assert!(vectors(body.as_bytes(), 1).is_err(), "{body}");
        }
    }
}
