//! What is sent: prompts and texts as the provider's JSON.

use reqwest::Url;
use serde_json::{Map, Value, json};
use warbler_domain::{Line, ModelEndpoint, ModelError, Prompt, Speaker, Tool, ToolCall};
use zeroize::Zeroizing;

use crate::openai::failure;

/// How providers differ in what they take. It begins with what most understand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dialect {
    /// The limit is called `max_completion_tokens`, as newer models of `OpenAI` ask for.
    newer_limit: bool,
    /// The usage cannot be asked for.
    no_usage: bool,
    /// The model takes no temperature but its own.
    no_temperature: bool,
}

impl Dialect {
    /// The dialect to try after `error`, if it names something that can be left out and was not yet.
    pub(crate) fn without_what_is_refused(mut self, error: &ModelError) -> Option<Self> {
        let ModelError::Refused { text } = error else { return None };
        let changed = if text.contains("max_completion_tokens") {
            &mut self.newer_limit
        } else if text.contains("stream_options") {
            &mut self.no_usage
        } else if text.contains("temperature") {
            &mut self.no_temperature
        } else {
            return None;
        };
        (!std::mem::replace(changed, true)).then_some(self)
    }
}

/// A request that can be sent more than once.
pub(crate) struct Request<'a> {
    url: Url,
    key: Option<&'a Zeroizing<String>>,
    body: Value,
    streams: bool,
}

impl<'a> Request<'a> {
    /// Asks for a completion, as a stream.
    pub(crate) fn completion(
        endpoint: &'a ModelEndpoint,
        prompt: &Prompt,
        dialect: Dialect,
    ) -> Result<Self, ModelError> {
        let mut body = Map::new();
        body.insert("model".into(), endpoint.model.as_str().into());
        body.insert("messages".into(), prompt.lines.iter().map(message).collect());
        body.insert("stream".into(), true.into());
        if !dialect.no_usage {
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
        if !prompt.tools.is_empty() {
            body.insert("tools".into(), prompt.tools.iter().map(tool).collect::<Result<Value, _>>()?);
        }
        if let Some(temperature) = prompt.temperature.filter(|_| !dialect.no_temperature) {
            // Through its decimal form: as a double, 0.7 would be written 0.699999988079071.
            body.insert("temperature".into(), temperature.to_string().parse::<f64>().map_or(Value::Null, Into::into));
        }
        if let Some(most) = prompt.max_tokens {
            let name = if dialect.newer_limit { "max_completion_tokens" } else { "max_tokens" };
            body.insert(name.into(), most.into());
        }
        if prompt.json {
            body.insert("response_format".into(), json!({"type": "json_object"}));
        }
        Self::new(endpoint, "chat/completions", body.into(), true)
    }

    /// Asks for vectors.
    pub(crate) fn embeddings(endpoint: &'a ModelEndpoint, texts: &[String]) -> Result<Self, ModelError> {
        let body = json!({"model": endpoint.model, "input": texts, "encoding_format": "float"});
        Self::new(endpoint, "embeddings", body, false)
    }

    fn new(endpoint: &'a ModelEndpoint, path: &str, body: Value, streams: bool) -> Result<Self, ModelError> {
        let whole = format!("{}/{path}", endpoint.base_url.trim_end_matches('/'));
        let url = Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| failure::refused("the base URL is not an HTTP address"))?;
        Ok(Self { url, key: endpoint.key.as_ref(), body, streams })
    }

    /// The request, ready to go.
    pub(crate) fn build(&self, http: &reqwest::Client) -> Result<reqwest::RequestBuilder, ModelError> {
        let accept = if self.streams { "text/event-stream" } else { "application/json" };
        let mut request = http.post(self.url.clone()).header("accept", accept).json(&self.body);
        if let Some(key) = self.key {
            let value = Zeroizing::new(format!("Bearer {}", key.as_str()));
            let value = reqwest::header::HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| failure::refused("the key holds characters that no header may"))?;
            value.set_sensitive(true);
            request = request.header("authorization", value);
        }
        Ok(request)
    }

    /// What must not be repeated in an error.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.key.map(|key| key.as_str()).into_iter()
    }
}

fn message(line: &Line) -> Value {
    let mut message = Map::new();
    let role = match line.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    };
    message.insert("role".into(), role.into());
    let only_calls = line.text.is_empty() && !line.tool_calls.is_empty();
    message.insert("content".into(), if only_calls { Value::Null } else { line.text.as_str().into() });
    if !line.tool_calls.is_empty() {
        message.insert("tool_calls".into(), line.tool_calls.iter().map(call).collect());
    }
    if let Some(id) = &line.tool_call_id {
        message.insert("tool_call_id".into(), id.as_str().into());
    }
    message.into()
}

fn call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

fn tool(tool: &Tool) -> Result<Value, ModelError> {
    let parameters: Value = serde_json::from_str(&tool.parameters).map_err(|error| {
        failure::refused(&format!("the parameters of the tool {:?} are no JSON: {error}", tool.name))
    })?;
    let function = json!({"name": tool.name, "description": tool.description, "parameters": parameters});
    Ok(json!({"type": "function", "function": function}))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn endpoint() -> ModelEndpoint {
        ModelEndpoint {
            base_url: "https://models.example/v1/".into(),
            key: Some(Zeroizing::new("key-of-the-operator".into())),
            model: "small".into(),
            first_byte: Duration::from_secs(1),
            pause: Duration::from_secs(1),
            whole: Duration::from_secs(1),
            max_answer: 1000,
        }
    }

    fn line(speaker: Speaker, text: &str) -> Line {
        Line { speaker, text: text.into(), tool_calls: Vec::new(), tool_call_id: None }
    }

    fn prompt() -> Prompt {
        let called = ToolCall { id: "c1".into(), name: "time".into(), arguments: "{\"zone\":\"UTC\"}".into() };
        Prompt {
            lines: vec![
                line(Speaker::System, "Be brief."),
                line(Speaker::User, "几点了？"),
                Line { tool_calls: vec![called], ..line(Speaker::Assistant, "") },
                Line { tool_call_id: Some("c1".into()), ..line(Speaker::Tool, "12:00") },
            ],
            tools: vec![Tool {
                name: "time".into(),
                description: "Tells the time".into(),
                parameters: "{\"type\":\"object\"}".into(),
            }],
            temperature: Some(0.7),
            max_tokens: Some(64),
            json: true,
        }
    }

    #[test]
    fn a_prompt_becomes_what_the_api_reference_says() {
        let endpoint = endpoint();
        let request = Request::completion(&endpoint, &prompt(), Dialect::default()).unwrap();
        assert_eq!(request.url.as_str(), "https://models.example/v1/chat/completions");
        let expected = json!({
            "model": "small",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "几点了？"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "time", "arguments": "{\"zone\":\"UTC\"}"}}
                ]},
                {"role": "tool", "content": "12:00", "tool_call_id": "c1"}
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
            "tools": [{"type": "function", "function": {
                "name": "time", "description": "Tells the time", "parameters": {"type": "object"}
            }}],
            "temperature": 0.7,
            "max_tokens": 64,
            "response_format": {"type": "json_object"}
        });
        assert_eq!(request.body, expected);
    }

    #[test]
    fn what_a_provider_refuses_is_left_out_once_and_then_no_more() {
        let refusal = failure::refused("Unsupported parameter: use 'max_completion_tokens' instead");
        let dialect = Dialect::default().without_what_is_refused(&refusal).unwrap();
        let endpoint = endpoint();
        let request = Request::completion(&endpoint, &prompt(), dialect).unwrap();
        assert_eq!(request.body["max_completion_tokens"], 64);
        assert_eq!(request.body.get("max_tokens"), None);
        assert!(dialect.without_what_is_refused(&refusal).is_none());
        assert!(dialect.without_what_is_refused(&failure::refused("no such model")).is_none());
    }

    #[test]
    fn a_base_url_that_is_none_is_refused() {
        for base_url in ["models.example/v1", "file:///etc", ""] {
            let endpoint = ModelEndpoint { base_url: base_url.into(), ..endpoint() };
            assert!(Request::embeddings(&endpoint, &[]).is_err(), "{base_url}");
        }
    }

    #[test]
    fn the_key_is_in_no_debug_output() {
        let endpoint = endpoint();
        let request = Request::embeddings(&endpoint, &["a".into()]).unwrap();
        let built = request.build(&reqwest::Client::new()).unwrap();
        assert!(!format!("{built:?} {endpoint:?}").contains("key-of-the-operator"));
    }
}
