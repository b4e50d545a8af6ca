//! The Extism guest: the bench's work with JSON at its border, as Extism plugins are written.

use std::sync::OnceLock;

use extism_pdk::{FnResult, WithReturnCode, plugin_fn};
use serde::{Deserialize, Serialize};
use warbler_bench_words::Matcher;

static MATCHER: OnceLock<Matcher> = OnceLock::new();

#[derive(Deserialize)]
struct Message {
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    text: String,
}

#[derive(Serialize)]
struct Decision {
    verdict: &'static str,
    findings: Vec<(u32, u32)>,
}

/// Takes the words, as a JSON array.
#[plugin_fn]
pub fn init(words: Vec<u8>) -> FnResult<Vec<u8>> {
    let words: Vec<String> = serde_json::from_slice(&words)?;
    let matcher = Matcher::new(&words).ok_or_else(|| WithReturnCode::from(extism_pdk::Error::msg("too many words")))?;
    let _ = MATCHER.set(matcher);
    Ok(Vec::new())
}

/// Judges one message.
#[plugin_fn]
pub fn check(message: Vec<u8>) -> FnResult<Vec<u8>> {
    let message: Message = serde_json::from_slice(&message)?;
    let findings = MATCHER.get().map(|matcher| matcher.find(&message.body.text)).unwrap_or_default();
    let verdict = if findings.is_empty() { "pass" } else { "flag" };
    Ok(serde_json::to_vec(&Decision { verdict, findings })?)
}
