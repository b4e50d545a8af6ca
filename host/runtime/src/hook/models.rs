//! `models`: what a guest asks of chat models, and the parts of their answers as they come.

use std::time::Duration;

use futures::StreamExt as _;
use warbler_domain as domain;
use warbler_domain::{Completion, ModelError};
use wasmtime::component::Resource;

use super::bindings::warbler::plugin::models as wit;
use crate::state::GuestState;

/// Completions that one call may have open at a time: an agent asks a model or two, and a judge.
const OPEN: usize = 16;
/// Most texts in one request for vectors; the servers that are known take from 96 to 2,048.
const TEXTS: usize = 256;
/// How freely a model may choose, as all known servers have it.
const TEMPERATURE: std::ops::RangeInclusive<f32> = 0.0..=2.0;

/// A completion under way; nothing once it ended. Dropping it cancels the request.
#[allow(unreachable_pub)] // The bindings name it in public.
pub struct OpenCompletion(Option<Completion>);

impl wit::Host for GuestState {
    async fn complete(
        &mut self,
        model: String,
        prompt: wit::Prompt,
    ) -> wasmtime::Result<Result<Resource<OpenCompletion>, wit::Error>> {
        self.waits();
        let Some(lending) = self.lending.as_mut() else { return Ok(Err(not_lent())) };
        if lending.open >= OPEN {
            return Ok(Err(wit::Error::Refused(format!("{OPEN} completions are open, which are the most"))));
        }
        if prompt.temperature.is_some_and(|temperature| !TEMPERATURE.contains(&temperature)) {
            return Ok(Err(wit::Error::Refused("the temperature is not from 0 to 2".into())));
        }
        let answer = lending.context.models.complete(&model, domain_prompt(prompt)).await;
        Ok(match answer {
            Ok(completion) => {
                let resource = lending.table.push(OpenCompletion(Some(completion)))?;
                lending.open += 1;
                Ok(resource)
            }
            Err(error) => Err(wit_error(error)),
        })
    }

    async fn embed(
        &mut self,
        model: String,
        texts: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Vec<f32>>, wit::Error>> {
        self.waits();
        let Some(lending) = &self.lending else { return Ok(Err(not_lent())) };
        if texts.len() > TEXTS {
            return Ok(Err(wit::Error::Refused(format!("{} texts at once, where {TEXTS} are the most", texts.len()))));
        }
        Ok(lending.context.models.embed(&model, texts).await.map_err(wit_error))
    }
}

impl wit::HostCompletion for GuestState {
    async fn next(
        &mut self,
        completion: Resource<OpenCompletion>,
    ) -> wasmtime::Result<Option<Result<wit::Part, wit::Error>>> {
        self.waits();
        let Some(lending) = self.lending.as_mut() else { return Ok(None) };
        let open = lending.table.get_mut(&completion)?;
        let Some(stream) = &mut open.0 else { return Ok(None) };
        let part = stream.next().await;
        if !matches!(part, Some(Ok(domain::Part::Text(_) | domain::Part::ToolCall(_)))) {
            open.0 = None;
        }
        Ok(part.map(|part| part.map(wit_part).map_err(wit_error)))
    }

    async fn drop(&mut self, completion: Resource<OpenCompletion>) -> wasmtime::Result<()> {
        if let Some(lending) = self.lending.as_mut() {
            lending.table.delete(completion)?;
            lending.open = lending.open.saturating_sub(1);
        }
        Ok(())
    }
}

fn not_lent() -> wit::Error {
    wit::Error::Denied("models are lent for the time of a reply, and there is none".into())
}

fn domain_prompt(prompt: wit::Prompt) -> domain::Prompt {
    let wit::Prompt { lines, tools, temperature, max_tokens } = prompt;
    let tool = |wit::Tool { name, description, parameters }| domain::Tool { name, description, parameters };
    domain::Prompt {
        lines: lines.into_iter().map(line).collect(),
        tools: tools.into_iter().map(tool).collect(),
        temperature,
        max_tokens,
        json: false,
    }
}

fn line(line: wit::Line) -> domain::Line {
    let wit::Line { speaker, text, tool_calls, tool_call_id } = line;
    let speaker = match speaker {
        wit::Speaker::System => domain::Speaker::System,
        wit::Speaker::User => domain::Speaker::User,
        wit::Speaker::Assistant => domain::Speaker::Assistant,
        wit::Speaker::Tool => domain::Speaker::Tool,
    };
    let call = |wit::ToolCall { id, name, arguments }| domain::ToolCall { id, name, arguments };
    domain::Line { speaker, text, tool_calls: tool_calls.into_iter().map(call).collect(), tool_call_id }
}

fn wit_part(part: domain::Part) -> wit::Part {
    match part {
        domain::Part::Text(text) => wit::Part::Text(text),
        domain::Part::ToolCall(domain::ToolCall { id, name, arguments }) => {
            wit::Part::ToolCall(wit::ToolCall { id, name, arguments })
        }
        domain::Part::Finished(domain::Usage { prompt_tokens, completion_tokens }) => {
            wit::Part::Finished(wit::Usage { prompt_tokens, completion_tokens })
        }
    }
}

fn wit_error(error: ModelError) -> wit::Error {
    match error {
        ModelError::Denied { text } => wit::Error::Denied(text),
        ModelError::OverBudget => wit::Error::OverBudget,
        ModelError::Unavailable { after } => wit::Error::Unavailable(millis(after)),
        ModelError::Refused { text } => wit::Error::Refused(text),
        error => wit::Error::Refused(error.to_string()),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
