//! Answers on their way out of a guest: the contract's decision as the domain's, once it was checked.
//! A guest is not trusted to keep to what it was told.

use std::time::Duration;

use warbler_domain::{Body, Decision, Finding, HookError, MessageLimits, Reason, Refusal, Submission, Verdict};

use crate::bindings::exports::warbler::plugin::content_filter as wit;
use crate::bindings::warbler::plugin::types::{AttachmentResult, BodyResult};
use crate::log_gate::tidy;

/// Most findings in one decision; more would bury what matters.
const FINDINGS: usize = 1_000;
/// Greatest length of a label, a rule or a reason's code, in bytes: they are names.
const NAME: usize = 128;
/// Greatest length of a reason's text, in bytes: a paragraph.
const REASON: usize = 1_000;

/// What the guest said about `message`.
pub(crate) fn read(answer: Result<wit::Decision, wit::Failure>, message: &Submission) -> Result<Decision, HookError> {
    let decision = answer.map_err(refusal)?;
    check(decision, message).map_err(|text| HookError::InvalidAnswer { text })
}

fn refusal(failure: wit::Failure) -> HookError {
    HookError::Refused(match failure {
        wit::Failure::Unavailable(ms) => Refusal::Unavailable { after: Duration::from_millis(ms) },
        wit::Failure::Misconfigured(text) => Refusal::Misconfigured { text: tidy(&text) },
        wit::Failure::Unsupported(text) => Refusal::Unsupported { text: tidy(&text) },
    })
}

fn check(decision: wit::Decision, message: &Submission) -> Result<Decision, String> {
    if decision.findings.len() > FINDINGS {
        return Err(format!("it has {} findings, and {FINDINGS} are the most", decision.findings.len()));
    }
    let text = message.body.text().unwrap_or_default();
    let findings = decision.findings.into_iter().map(|found| finding(found, text)).collect::<Result<_, _>>()?;
    Ok(Decision { verdict: verdict(decision.verdict, message)?, findings })
}

fn finding(found: wit::Finding, text: &str) -> Result<Finding, String> {
    let wit::Finding { label, rule, start, end, score } = found;
    name("a finding's label", &label)?;
    name("a finding's rule", &rule)?;
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("a finding's score is {score}, not from 0 to 1"));
    }
    // `get` refuses what ends before it starts, lies outside, or cuts a character.
    if text.get(start as usize..end as usize).is_none() {
        return Err(format!(
            "a finding's offsets {start}..{end} are not whole characters of a text of {} bytes",
            text.len()
        ));
    }
    Ok(Finding { label, rule, start, end, score })
}

fn verdict(verdict: wit::Verdict, message: &Submission) -> Result<Verdict, String> {
    Ok(match verdict {
        wit::Verdict::Pass => Verdict::Pass,
        wit::Verdict::Flag => Verdict::Flag,
        wit::Verdict::Warn(why) => Verdict::Warn { reason: reason(why)? },
        wit::Verdict::Rewrite(new) => Verdict::Rewrite { body: body(new, message)? },
        wit::Verdict::Hold(why) => Verdict::Hold { reason: reason(why)? },
        wit::Verdict::Discard(why) => Verdict::Discard { reason: reason(why)? },
        wit::Verdict::Reject((why, can_edit)) => Verdict::Reject { reason: reason(why)?, can_edit },
    })
}

fn reason(reason: wit::Reason) -> Result<Reason, String> {
    name("a reason's code", &reason.code)?;
    at_most("a reason's text", reason.text.len(), REASON)?;
    Ok(Reason { code: reason.code, text: reason.text })
}

fn body(body: BodyResult, message: &Submission) -> Result<Body, String> {
    let limits = MessageLimits::default();
    match body {
        BodyResult::Text(text) => {
            at_most("a rewritten text", text.len(), limits.text.as_usize())?;
            Ok(Body::Text { text })
        }
        BodyResult::Custom(custom) => {
            name("a rewritten body's kind", &custom.kind)?;
            at_most("a rewritten body's JSON", custom.json.len(), limits.custom.as_usize())?;
            serde_json::from_str::<serde::de::IgnoredAny>(&custom.json)
                .map_err(|error| format!("a rewritten body is not JSON: {error}"))?;
            Ok(Body::Custom { kind: custom.kind, json: custom.json })
        }
        BodyResult::File(file) => same_file(file, message),
    }
}

/// A filter can rename a file. It cannot put another in its place, which it has no way to store.
fn same_file(file: AttachmentResult, message: &Submission) -> Result<Body, String> {
    let Body::File { attachment } = &message.body else {
        return Err("a message without a file was rewritten to a file".into());
    };
    let same = file.id == attachment.id.to_string() && file.sha256 == attachment.sha256 && file.size == attachment.size;
    if !same {
        return Err("a file was rewritten to another file".into());
    }
    at_most("a rewritten file name", file.name.len(), NAME * 2)?;
    let mut attachment = attachment.clone();
    attachment.name = file.name;
    Ok(Body::File { attachment })
}

fn name(what: &str, text: &str) -> Result<(), String> {
    at_most(what, text.len(), NAME)
}

fn at_most(what: &str, length: usize, limit: usize) -> Result<(), String> {
    if length > limit {
        return Err(format!("{what} is {length} bytes long, and {limit} are the most"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
