//! Tools: what the model wants called is checked, called, and told back to it.

use warbler_sdk::Turn;
use warbler_sdk::models::{Line, Speaker, Tool, ToolCall};

use crate::budget;

/// Tokens of a tool's answer that the model reads.
const ANSWER: usize = 2_000;

/// Calls of one answer of the model that are made; a model that wants more is confused.
const MOST_AT_ONCE: usize = 8;

/// The tools of a turn, and how they fared.
pub(crate) struct Toolbox {
    tools: Vec<Tool>,
    failures: u32,
    misread: bool,
}

impl Toolbox {
    /// The tools that the tenant granted; none if they may not be called.
    pub(crate) fn open(turn: &dyn Turn, rounds: u32) -> Self {
        let granted = if rounds == 0 { Vec::new() } else { turn.tools() };
        let tool = |tool: warbler_sdk::Tool| Tool {
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters,
        };
        Self { tools: granted.into_iter().map(tool).collect(), failures: 0, misread: false }
    }

    /// The tools, as the model is told of them.
    pub(crate) fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// How often one failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Makes the calls, and gives the lines that tell the model what came of them, one for each.
    pub(crate) fn run(&mut self, calls: &[ToolCall], turn: &dyn Turn) -> Vec<Line> {
        let answers = calls.iter().enumerate().map(|(at, call)| Line {
            speaker: Speaker::Tool,
            text: if at < MOST_AT_ONCE { self.answer(call, turn) } else { "Error: too many calls at once.".to_owned() },
            tool_calls: Vec::new(),
            tool_call_id: Some(call.id.clone()),
        });
        answers.collect()
    }

    fn answer(&mut self, call: &ToolCall, turn: &dyn Turn) -> String {
        if !self.tools.iter().any(|tool| tool.name == call.name) {
            self.failures += 1;
            return format!("Error: there is no tool {:?}.", call.name);
        }
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
        if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments) {
            // A slip is told once; a model that goes on slipping will not do better.
            if self.misread {
                self.failures += 1;
            }
            self.misread = true;
            return format!(
                "Error: the arguments are no JSON object ({error}). Call the tool again with a JSON object."
            );
        }
        match turn.call(&call.name, arguments) {
            Ok(answer) => budget::cut(&answer, ANSWER).to_owned(),
            Err(words) => {
                self.failures += 1;
                format!("Error: {}", budget::cut(&words, 200))
            }
        }
    }
}
