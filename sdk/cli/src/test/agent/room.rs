//! The conversation of a case: it gives what the case says, and remembers what was said and done in it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use warbler_domain::{Passage, Submission, Tool, Turn};

/// A tool, and what it answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptedTool {
    name: String,
    #[serde(default)]
    description: String,
    /// JSON Schema of its arguments; of anything unless given.
    #[serde(default)]
    parameters: Value,
    /// A JSON answer.
    #[serde(default)]
    answer: Value,
    /// Words of a failure, in place of an answer.
    #[serde(default)]
    error: Option<String>,
}

/// The conversation.
#[derive(Default)]
pub(super) struct Room {
    pub(super) history: Vec<Submission>,
    pub(super) knowledge: Vec<Passage>,
    pub(super) tools: Vec<ScriptedTool>,
    pub(super) stopped: Option<String>,
    pub(super) seen: Mutex<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    reply: String,
    calls: Vec<String>,
    handed_off: Option<String>,
}

impl Room {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was said.
    pub(super) fn reply(&self) -> String {
        self.seen().reply.clone()
    }

    /// The tools that were called, in order.
    pub(super) fn calls(&self) -> Vec<String> {
        self.seen().calls.clone()
    }

    /// Why it was handed to people, if it was.
    pub(super) fn handed_off(&self) -> Option<String> {
        self.seen().handed_off.clone()
    }
}

#[async_trait]
impl Turn for Room {
    async fn history(&self, limit: usize) -> Vec<Submission> {
        let skipped = self.history.len().saturating_sub(limit);
        self.history.iter().skip(skipped).cloned().collect()
    }

    async fn say(&self, text: &str) -> Result<(), String> {
        if let Some(why) = &self.stopped {
            return Err(why.clone());
        }
        self.seen().reply.push_str(text);
        Ok(())
    }

    async fn search(&self, _query: &str, limit: usize) -> Vec<Passage> {
        self.knowledge.iter().take(limit).cloned().collect()
    }

    async fn tools(&self) -> Vec<Tool> {
        let schema = |parameters: &Value| {
            if parameters.is_null() { r#"{"type":"object"}"#.to_owned() } else { parameters.to_string() }
        };
        let tool = |tool: &ScriptedTool| Tool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: schema(&tool.parameters),
        };
        self.tools.iter().map(tool).collect()
    }

    async fn call(&self, name: &str, _arguments: &str) -> Result<String, String> {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            return Err(format!("there is no tool {name:?}"));
        };
        self.seen().calls.push(name.to_owned());
        match &tool.error {
            Some(error) => Err(error.clone()),
            None => Ok(tool.answer.to_string()),
        }
    }

    async fn hand_off(&self, reason: &str) {
        self.seen().handed_off = Some(reason.to_owned());
    }
}
