//! The client of model providers, against a real server with a small real model. What it says is not asserted, only
//! how: models of this size say one thing today and another tomorrow.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::json;
use warbler_domain::{
    Line, ModelClient as _, ModelEndpoint, ModelError, Part, Prompt, RandomIds, Speaker, SystemClock, Tool, ToolCall,
};
use warbler_models::OpenAiClient;
use warbler_tests::servers::ModelServer;

fn line(speaker: Speaker, text: &str) -> Line {
    Line { speaker, text: text.into(), tool_calls: Vec::new(), tool_call_id: None }
}

fn asks(text: &str) -> Prompt {
    Prompt { lines: vec![line(Speaker::User, text)], temperature: Some(0.0), max_tokens: Some(48), ..Prompt::default() }
}

fn endpoint(server: &ModelServer) -> ModelEndpoint {
    ModelEndpoint {
        base_url: server.url.clone(),
        key: None,
        model: "small".into(),
        // A shared machine may be slow; these only bound a test that hangs.
        first_byte: Duration::from_mins(5),
        pause: Duration::from_mins(5),
        whole: Duration::from_mins(10),
        max_answer: 64 * 1024,
    }
}

async fn answer(client: &OpenAiClient, endpoint: &ModelEndpoint, prompt: Prompt) -> Vec<Part> {
    let completion = client.complete(endpoint, prompt).await.unwrap();
    completion.map(|part| part.unwrap()).collect().await
}

/// One test, because one server is started for it, and it takes seconds to load its model.
#[tokio::test]
async fn a_real_model_streams_calls_tools_and_answers_in_json() {
    let Some(server) = ModelServer::start().unwrap() else { return };
    let client = OpenAiClient::new(Arc::new(SystemClock), Arc::new(RandomIds)).unwrap();
    let endpoint = endpoint(&server);

    let parts = answer(&client, &endpoint, Prompt { max_tokens: Some(12), ..asks("用一句话介绍北京。") }).await;
    let texts = parts.iter().filter(|part| matches!(part, Part::Text(_))).count();
    assert!(texts > 2, "it came in {texts} pieces: {parts:?}");
    let Some(Part::Finished(used)) = parts.last() else { panic!("no end: {parts:?}") };
    assert!(used.prompt_tokens > 5 && (1..=12).contains(&used.completion_tokens), "{used:?}");

    let weather = Tool {
        name: "get_weather".into(),
        description: "Tells the weather in a city".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
            .to_string(),
    };
    let prompt = Prompt { tools: vec![weather.clone()], ..asks("What is the weather in Beijing? Call the tool.") };
    let parts = answer(&client, &endpoint, prompt.clone()).await;
    let calls: Vec<&ToolCall> =
        parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None }).collect();
    let [call] = calls[..] else { panic!("not one call: {parts:?}") };
    assert_eq!(call.name, "get_weather");
    assert!(serde_json::from_str::<serde_json::Value>(&call.arguments).unwrap()["city"].is_string(), "{call:?}");

    let mut told = prompt;
    told.max_tokens = Some(24);
    told.lines.push(Line { tool_calls: vec![call.clone()], ..line(Speaker::Assistant, "") });
    let result = Line { tool_call_id: Some(call.id.clone()), ..line(Speaker::Tool, "{\"weather\": \"sunny\"}") };
    told.lines.push(result);
    let parts = answer(&client, &endpoint, told).await;
    assert!(parts.iter().any(|part| matches!(part, Part::Text(_))), "{parts:?}");

    let mut json = asks("Give the capital of France as a JSON object with the field capital.");
    json.json = true;
    let parts = answer(&client, &endpoint, json).await;
    let text: String =
        parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect();
    assert!(text.trim_start().starts_with('{'), "{text}");

    // Two slots: if a dropped answer went on being written, the next ones would wait for it.
    for _ in 0..3 {
        let long = Prompt { max_tokens: Some(4000), ..asks("Count from one to ten thousand.") };
        let mut completion = client.complete(&endpoint, long).await.unwrap();
        assert!(matches!(completion.next().await, Some(Ok(Part::Text(_)))));
    }

    let too_long = asks(&"word ".repeat(10_000));
    let Err(error) = client.complete(&endpoint, too_long).await else { panic!("it took more than it can hold") };
    assert!(matches!(error, ModelError::Refused { .. }), "{error}");
}
