//! The parts of an answer, put together from its events: text as it comes, tool calls whole. How the events
//! arrive does not live here.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use warbler_domain::{ModelError, Part, Prompt, ToolCall, Usage};
use zeroize::Zeroizing;

use crate::openai::estimate::Estimate;
use crate::openai::failure;
use crate::openai::wire::{CallDelta, Choice, Chunk};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// Most calls in one answer; nobody wants more at a time.
const MOST_CALLS: usize = 64;

/// An answer as far as it has come.
pub(crate) struct Assembly {
    ready: VecDeque<Part>,
    calls: BTreeMap<u32, ToolCall>,
    usage: Option<Usage>,
    prompt_tokens: u32,
    written: Estimate,
    length: usize,
    limit: usize,
    stage: Stage,
    key: Option<Zeroizing<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// More is to come.
    Open,
    /// The model has finished; what was used may still come.
    Settled,
    /// Nothing more will come.
    Over,
}

impl Assembly {
    /// The answer to `prompt`, of at most `limit` bytes. `key` is kept out of errors.
    pub(crate) fn new(prompt: &Prompt, limit: usize, key: Option<Zeroizing<String>>) -> Self {
        Self {
            ready: VecDeque::new(),
            calls: BTreeMap::new(),
            usage: None,
            prompt_tokens: Estimate::of_prompt(prompt),
            written: Estimate::default(),
            length: 0,
            limit,
            stage: Stage::Open,
            key,
        }
    }

    /// The next part, if there is one yet.
    pub(crate) fn pop(&mut self) -> Option<Part> {
        self.ready.pop_front()
    }

    /// Whether the model has finished, so that only the usage is missing.
    pub(crate) fn is_settled(&self) -> bool {
        self.stage == Stage::Settled
    }

    /// Whether nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Takes the data of one event.
    pub(crate) fn event(&mut self, data: &str) -> Result<(), ModelError> {
        let data = data.trim();
        if self.is_over() || data.is_empty() {
            return Ok(());
        }
        if data == DONE {
            self.close();
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| failure::nonsense(&error.to_string()))?;
        self.chunk(chunk)
    }

    /// Takes the end of the stream.
    pub(crate) fn end(&mut self) -> Result<(), ModelError> {
        match self.stage {
            // The stream broke off: whatever was said so far is not an answer.
            Stage::Open => Err(failure::quiet()),
            Stage::Settled | Stage::Over => {
                self.close();
                Ok(())
            }
        }
    }

    /// The parts of an answer that came as one object.
    pub(crate) fn of_whole(mut self, body: &[u8]) -> Result<Vec<Part>, ModelError> {
        let chunk: Chunk = serde_json::from_slice(body).map_err(|error| failure::nonsense(&error.to_string()))?;
        self.chunk(chunk)?;
        self.end()?;
        Ok(self.ready.into())
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<(), ModelError> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(failure::of_object(&error, self.key.iter().map(|key| key.as_str())));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
        }
        // One answer was asked for; others are nobody's.
        chunk.choices.into_iter().next().map_or(Ok(()), |choice| self.choice(choice))
    }

    fn choice(&mut self, choice: Choice) -> Result<(), ModelError> {
        if let Some(delta) = choice.delta {
            for text in [delta.content, delta.refusal].into_iter().flatten().filter(|text| !text.is_empty()) {
                self.count(&text)?;
                self.ready.push_back(Part::Text(text));
            }
            for call in delta.tool_calls.into_iter().flatten() {
                self.call(call)?;
            }
        }
        match choice.finish_reason.as_deref() {
            None | Some("") => Ok(()),
            Some("content_filter") => Err(failure::refused("the provider's own filter stopped the answer")),
            Some("error") => Err(failure::quiet()),
            Some(_) => {
                self.settle();
                Ok(())
            }
        }
    }

    fn call(&mut self, delta: CallDelta) -> Result<(), ModelError> {
        let index = self.index(&delta);
        if !self.calls.contains_key(&index) && self.calls.len() == MOST_CALLS {
            return Err(failure::nonsense(&format!("more than {MOST_CALLS} tool calls")));
        }
        let (name, arguments) = delta.function.map_or((None, None), |function| (function.name, function.arguments));
        // Some servers write the arguments as an object, not as text.
        let arguments = match arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        };
        self.count(&arguments)?;
        let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        let call = self.calls.entry(index).or_insert_with(empty);
        // Name and identifier come once, or again and again, but never in pieces.
        if let Some(id) = delta.id.filter(|_| call.id.is_empty()) {
            call.id = id;
        }
        if let Some(name) = name.filter(|_| call.name.is_empty()) {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        Ok(())
    }

    /// Which call a piece belongs to. Where a server leaves the index out, a new identifier begins a new call.
    fn index(&self, delta: &CallDelta) -> u32 {
        let last = self.calls.last_key_value();
        match (delta.index, last) {
            (Some(index), _) => index,
            (None, None) => 0,
            (None, Some((last, call))) => {
                let begins = delta.id.as_ref().is_some_and(|id| !id.is_empty() && *id != call.id);
                if begins { last.saturating_add(1) } else { *last }
            }
        }
    }

    fn count(&mut self, text: &str) -> Result<(), ModelError> {
        self.written.add(text);
        self.length = self.length.saturating_add(text.len());
        if self.length > self.limit { Err(failure::too_long(self.limit)) } else { Ok(()) }
    }

    /// The model has finished: its calls are whole now.
    fn settle(&mut self) {
        for (index, mut call) in std::mem::take(&mut self.calls) {
            if call.id.is_empty() {
                call.id = format!("call-{index}");
            }
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            self.ready.push_back(Part::ToolCall(call));
        }
        if self.stage == Stage::Open {
            self.stage = Stage::Settled;
        }
    }

    fn close(&mut self) {
        self.settle();
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            let estimated = || Usage { prompt_tokens: self.prompt_tokens, completion_tokens: self.written.tokens() };
            let usage = self.usage.unwrap_or_else(estimated);
            self.ready.push_back(Part::Finished(usage));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly() -> Assembly {
        Assembly::new(&Prompt::default(), 100, None)
    }

    fn taken(events: &[&str]) -> Result<Vec<Part>, ModelError> {
        let mut assembly = assembly();
        for event in events {
            assembly.event(event)?;
        }
        assembly.end()?;
        Ok(assembly.ready.into())
    }

    fn call(id: &str, name: &str, arguments: &str) -> Part {
        Part::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
    }

    #[test]
    fn calls_are_put_together_by_index_even_when_their_pieces_alternate() {
        let parts = taken(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"time","arguments":"{\"z"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"sum","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
            "[DONE]",
        ]);
        let used = Part::Finished(Usage { prompt_tokens: 7, completion_tokens: 3 });
        assert_eq!(parts.unwrap(), [call("a", "time", r#"{"z":1}"#), call("b", "sum", "{}"), used]);
    }

    #[test]
    fn calls_without_an_index_are_told_apart_by_their_identifiers() {
        let parts = taken(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"x","arguments":{"q":1}}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"y","arguments":"{}"}}]}}]}"#,
            "[DONE]",
        ])
        .unwrap();
        assert_eq!(parts[..2], [call("a", "x", r#"{"q":1}"#), call("b", "y", "{}")]);
    }

    #[test]
    fn usage_is_estimated_where_the_provider_does_not_tell() {
        let parts = taken(&[r#"{"choices":[{"delta":{"content":"你好"},"finish_reason":"stop"}]}"#]).unwrap();
        assert_eq!(parts[1], Part::Finished(Usage { prompt_tokens: 0, completion_tokens: 2 }));
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_answer() {
        let broken = taken(&[r#"{"choices":[{"delta":{"content":"The answer is"}}]}"#]);
        assert!(broken.unwrap_err().is_transient());
    }

    #[test]
    fn an_error_in_the_stream_is_told_by_its_kind() {
        let transient = taken(&[r#"{"error":{"code":503,"message":"loading","type":"unavailable_error"}}"#]);
        assert!(transient.unwrap_err().is_transient());
        let lasting = taken(&[r#"{"error":{"code":400,"message":"too many tokens","type":"invalid_request_error"}}"#]);
        assert_eq!(lasting.unwrap_err(), failure::refused("too many tokens"));
    }

    #[test]
    fn an_answer_past_its_limit_ends_with_an_error_that_names_it() {
        let event = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(60));
        let error = taken(&[&event, &event]).unwrap_err();
        assert_eq!(error, failure::too_long(100));
    }

    #[test]
    fn an_answer_that_comes_whole_has_the_same_parts() {
        let body =
            br#"{"choices":[{"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"a","type":"function",
            "function":{"name":"x","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
            "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        let parts = assembly().of_whole(body).unwrap();
        let used = Part::Finished(Usage { prompt_tokens: 1, completion_tokens: 2 });
        assert_eq!(parts, [Part::Text("hi".into()), call("a", "x", "{}"), used]);
    }
}
