//! A stand-in for a model provider, for load: it streams tokens at a steady rate to hundreds of readers at once,
//! and each token says when it was sent. What a model says does not live here; tests of behaviour use a real one.
//!
//! Each token is the text `t=NANOSECONDS ` (since the Unix epoch), so that whoever reads it knows how long it was
//! under way. The address is the first line on standard output.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use clap::Parser;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

/// Streams tokens as an API compatible with `OpenAI`'s does.
#[derive(Parser, Clone, Copy)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Tokens a second, to each reader.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Tokens in an answer, unless the request asks for fewer by `max_tokens`.
    #[arg(long, default_value_t = 500)]
    tokens: u32,
    /// Time before the first token.
    #[arg(long, default_value_t = 100)]
    first_token_ms: u64,
}

#[derive(Deserialize)]
struct Prompt {
    #[serde(default)]
    model: String,
    #[serde(default)]
    stream: bool,
    max_tokens: Option<u32>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let router = Router::new()
        .route("/v1/models", get(|| async { Json(json!({"object": "list", "data": [{"id": "stand-in"}]})) }))
        .route("/v1/chat/completions", post(complete))
        .with_state(arguments);
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await?;
    Ok(())
}

async fn complete(State(arguments): State<Arguments>, Json(prompt): Json<Prompt>) -> Response {
    let tokens = prompt.max_tokens.map_or(arguments.tokens, |most| most.min(arguments.tokens));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": tokens.saturating_add(10)});
    if !prompt.stream {
        let message = json!({"role": "assistant", "content": "This stand-in only streams."});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Json(json!({"object": "chat.completion", "choices": [choice], "usage": usage})).into_response();
    }
    let began = Instant::now() + Duration::from_millis(arguments.first_token_ms);
    let pace = Duration::from_secs_f64(1.0 / arguments.rate.max(0.001));
    let events = stream::unfold(0_u32, move |sent| {
        let (model, usage) = (prompt.model.clone(), usage.clone());
        async move {
            if sent > tokens {
                return None;
            }
            if sent < tokens {
                // By the clock, not by the last token: a late one must not delay all that follow.
                sleep_until(began + pace * sent).await;
            }
            Some((Ok::<_, Infallible>(event(&model, sent, tokens, &usage)), sent + 1))
        }
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The event of one token, or those of the end.
fn event(model: &str, sent: u32, tokens: u32, usage: &Value) -> Bytes {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        json!({"id": "stand-in", "object": "chat.completion.chunk", "model": model, "choices": [choice]})
    };
    if sent < tokens {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        return format!("data: {}\n\n", chunk(json!({"content": format!("t={now} ")}), Value::Null)).into();
    }
    let end = chunk(json!({}), json!("stop"));
    let used =
        json!({"id": "stand-in", "object": "chat.completion.chunk", "model": model, "choices": [], "usage": usage});
    format!("data: {end}\n\ndata: {used}\n\ndata: [DONE]\n\n").into()
}
