//! Models that say what a case says, and remember what they were asked.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use warbler_domain::{Completion, ModelError, Models, Part, Prompt, ToolCall, Usage};

/// How long the vectors of scripted models are.
const DIMENSIONS: usize = 8;

/// One answer of a model: text, calls of tools, or an error.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Said {
    /// Text, which comes word by word.
    text: String,
    /// Tools that it wants called, after its text.
    calls: Vec<Call>,
    /// An error in place of an answer: `denied`, `over-budget`, `unavailable` or `refused`.
    error: Option<Failing>,
    /// Whether it breaks off after its text, with the error `unavailable`.
    breaks_off: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Failing {
    Denied,
    OverBudget,
    Unavailable,
    Refused,
}

impl From<Failing> for ModelError {
    fn from(failing: Failing) -> Self {
        let text = "as the case says".to_owned();
        match failing {
            Failing::Denied => Self::Denied { text },
            Failing::OverBudget => Self::OverBudget,
            Failing::Unavailable => Self::Unavailable { after: Duration::from_secs(1) },
            Failing::Refused => Self::Refused { text },
        }
    }
}

/// An answer of text alone.
pub(super) fn text(text: &str) -> Said {
    Said { text: text.to_owned(), ..Said::default() }
}

/// Ways in which models answer, that agents have to bear.
pub(super) fn moods() -> Vec<(&'static str, Said)> {
    let failing = |error| Said { error: Some(error), ..Said::default() };
    let call = |name: &str, arguments| Call { name: name.to_owned(), arguments };
    vec![
        ("answers", text("An answer, and more of it.")),
        ("says nothing", text("")),
        ("is long-winded", text(&"word ".repeat(2_000))),
        ("is denied", failing(Failing::Denied)),
        ("costs more than there is", failing(Failing::OverBudget)),
        ("is away", failing(Failing::Unavailable)),
        ("refuses", failing(Failing::Refused)),
        ("breaks off", Said { breaks_off: true, ..text("Half an") }),
        (
            "calls a tool that is not there, again and again",
            Said { calls: vec![call("no-such-tool", serde_json::json!({}))], ..Said::default() },
        ),
    ]
}

/// The models of a case.
pub(super) struct ScriptedModels {
    state: Mutex<State>,
}

struct State {
    answers: VecDeque<Said>,
    asked: String,
}

impl ScriptedModels {
    pub(super) fn new(answers: Vec<Said>) -> Self {
        Self { state: Mutex::new(State { answers: answers.into(), asked: String::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that they were asked, line by line.
    pub(super) fn asked(&self) -> String {
        self.state().asked.clone()
    }

    /// The next answer; the last one stays.
    fn next(&self, model: &str, prompt: &Prompt) -> Option<Said> {
        let mut state = self.state();
        for line in &prompt.lines {
            let speaker = serde_json::to_value(line.speaker).unwrap_or_default();
            let _ = writeln!(state.asked, "{model} {}: {}", speaker.as_str().unwrap_or_default(), line.text);
        }
        if state.answers.len() > 1 { state.answers.pop_front() } else { state.answers.front().cloned() }
    }
}

#[async_trait]
impl Models for ScriptedModels {
    async fn complete(&self, model: &str, prompt: Prompt) -> Result<Completion, ModelError> {
        let Some(said) = self.next(model, &prompt) else {
            return Err(ModelError::Denied { text: "the case has no answer of a model".to_owned() });
        };
        if let Some(error) = said.error {
            return Err(error.into());
        }
        let mut parts: Vec<Result<Part, ModelError>> =
            said.text.split_inclusive(' ').map(|word| Ok(Part::Text(word.to_owned()))).collect();
        if said.breaks_off {
            parts.push(Err(Failing::Unavailable.into()));
        } else {
            let calls = said.calls.into_iter().enumerate().map(|(at, Call { name, arguments })| {
                let arguments = if arguments.is_null() { "{}".to_owned() } else { arguments.to_string() };
                Ok(Part::ToolCall(ToolCall { id: format!("call-{at}"), name, arguments }))
            });
            parts.extend(calls);
            parts.push(Ok(Part::Finished(Usage { prompt_tokens: 1, completion_tokens: 1 })));
        }
        Ok(futures::stream::iter(parts).boxed())
    }

    async fn embed(&self, _model: &str, texts: Vec<String>) -> Result<Vec<Vec<f32>>, ModelError> {
        // Alike for like texts, and for nothing else.
        let vector = |text: &String| {
            let mut vector = vec![0.0; DIMENSIONS];
            for (at, byte) in text.bytes().enumerate() {
                if let Some(place) = vector.get_mut(at % DIMENSIONS) {
                    *place += f32::from(byte) / 255.0;
                }
            }
            vector
        };
        Ok(texts.iter().map(vector).collect())
    }
}
