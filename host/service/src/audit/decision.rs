//! What filters decided, as an entry of the log: which plugin said what by which rule, and where in the
//! text. Neither the text nor the plugins' own words are kept, since those may quote it.

use serde_json::{Value, json};
use warbler_domain::{ConversationId, MessageId, Outcome, Receipt, Strength, UserId};

use super::{Actor, NewEntry};
use crate::filters::Judgement;

/// Findings of one receipt that are kept; the rest is counted.
const FINDINGS: usize = 16;

/// Bytes of a plugin's code, label or rule that are kept.
const WORD: usize = 64;

/// The message that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub message: MessageId,
    /// Where it was going.
    pub conversation: ConversationId,
    /// Who wrote it.
    pub sender: UserId,
    /// Whether it is a new body for an older message.
    pub edit: bool,
}

impl NewEntry {
    /// The entry for a judgement, unless every filter let the message pass: that is not recorded.
    ///
    /// Whoever judges a message commits this before anyone learns the outcome, together with the held
    /// message where one is kept.
    #[must_use]
    pub fn decision(judged: &Judged, judgement: &Judgement) -> Option<Self> {
        if judgement.is_plain_pass() {
            return None;
        }
        let spoke = judgement.receipts.iter().filter(|receipt| is_worth_recording(receipt));
        let entry = Self::new(Actor::Host, "message.judged")
            .subject("message", &judged.message)
            .subject("conversation", &judged.conversation)
            .subject("user", &judged.sender)
            .detail("verdict", judgement.merged.verdict.strength().as_str())
            .detail("filters", spoke.map(said).collect::<Vec<_>>());
        Some(if judged.edit { entry.detail("edit", true) } else { entry })
    }
}

fn is_worth_recording(receipt: &Receipt) -> bool {
    receipt.verdict != Strength::Pass || receipt.outcome != Outcome::Decided
}

fn said(receipt: &Receipt) -> Value {
    let findings = receipt.findings.iter().take(FINDINGS);
    let findings: Vec<Value> = findings
        .map(|found| {
            json!({
                "label": clipped(&found.label), "rule": clipped(&found.rule),
                "start": found.start, "end": found.end,
            })
        })
        .collect();
    let failure = match &receipt.outcome {
        Outcome::Decided => Value::Null,
        Outcome::Failed { code } => Value::from(code.as_str()),
    };
    json!({
        "installation": receipt.installation.to_string(),
        "plugin": receipt.plugin,
        "version": receipt.version,
        "digest": receipt.digest,
        "config-digest": receipt.config_digest,
        "verdict": receipt.verdict.as_str(),
        "reason": receipt.reason.as_ref().map(|reason| clipped(&reason.code)),
        "failure": failure,
        "findings": findings,
        "findings-in-all": receipt.findings.len(),
        "rescan": receipt.rescan,
    })
}

fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(WORD)).unwrap_or_default()
}
