//! The webhook contestant: the bench's work behind HTTP/1.1 with keep-alive on loopback.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use warbler_bench_words::Matcher;

#[derive(Deserialize)]
struct Message {
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    text: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let matcher = Matcher::new(&warbler_bench_words::words()).context("the words are too many")?;
    let router = Router::new().route("/check", post(check)).with_state(Arc::new(matcher));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router).await?;
    Ok(())
}

async fn check(State(matcher): State<Arc<Matcher>>, Json(message): Json<Message>) -> Json<Value> {
    let findings = matcher.find(&message.body.text);
    let verdict = if findings.is_empty() { "pass" } else { "flag" };
    Json(json!({"verdict": verdict, "findings": findings}))
}
