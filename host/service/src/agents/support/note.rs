//! The note that a person finds with a conversation that was handed over: summed up by the model, where there
//! is one that answers in time, and in any case the reason and the last words of both sides.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use warbler_domain::{Line, Models as _, Part, Prompt, Speaker, Submission};

use crate::agents::history;
use crate::agents::reply::Reply;

/// The longest wait for a summary: someone is waiting for a person.
const PATIENCE: Duration = Duration::from_secs(15);

/// Messages that are summed up, and the longest quotation, in bytes.
const MESSAGES: usize = 20;
const QUOTATION: usize = 500;

/// The longest summary, in tokens and in bytes.
const TOKENS: u32 = 200;
const SUMMARY: usize = 2_000;

/// Writes the note.
pub(super) async fn write(reply: &Arc<Reply>, reason: &str) -> String {
    let Reply { inner, scope, room, agent, trigger, .. } = &**reply;
    let before = trigger.sequence.unwrap_or_default().next();
    let seen = history::seen(&inner.core, scope, room, agent, before, MESSAGES).await.unwrap_or_default();
    let seen: Vec<Submission> = seen.into_iter().map(|seen| seen.message).collect();
    let last = |own: bool| seen.iter().rev().find(|message| (message.sender.id == agent.user) == own);
    let mut note = format!("Reason: {reason}");
    if let Some(message) = last(false) {
        note.push_str(&quotation("Last question", message));
    }
    if let Some(message) = last(true) {
        note.push_str(&quotation("Last answer", message));
    }
    match tokio::time::timeout(PATIENCE, summary(reply, &seen)).await {
        Ok(Some(summary)) => format!("{summary}\n\n{note}"),
        _ => note,
    }
}

fn quotation(what: &str, message: &Submission) -> String {
    let text = message.body.text().unwrap_or_default().trim();
    let end = text.floor_char_boundary(QUOTATION);
    let more = if end < text.len() { "…" } else { "" };
    format!("\n{what}: {}{more}", text.get(..end).unwrap_or_default())
}

async fn summary(reply: &Arc<Reply>, seen: &[Submission]) -> Option<String> {
    let line = |speaker, text| Line { speaker, text, tool_calls: Vec::new(), tool_call_id: None };
    let said = seen.iter().map(|message| {
        let who = if message.sender.id == reply.agent.user { "Agent" } else { "Customer" };
        format!("{who}: {}\n", message.body.text().unwrap_or_default())
    });
    let task = "Sum up this conversation for the colleague who takes it over: what the customer wants, what was \
                tried, what is open. At most three sentences, in the customer's language. Nothing else.";
    let prompt = Prompt {
        lines: vec![line(Speaker::System, task.to_owned()), line(Speaker::User, said.collect())],
        temperature: Some(0.0),
        max_tokens: Some(TOKENS),
        ..Prompt::default()
    };
    let models = reply.inner.models.own(reply.scope, &reply.agent);
    let mut completion = models.complete("", prompt).await.ok()?;
    let mut text = String::new();
    while let Some(part) = completion.next().await {
        match part.ok()? {
            Part::Text(more) if text.len() < SUMMARY => text.push_str(&more),
            Part::Finished(_) => break,
            Part::Text(_) | Part::ToolCall(_) => {}
        }
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.get(..text.floor_char_boundary(SUMMARY)).unwrap_or_default().to_owned())
}
