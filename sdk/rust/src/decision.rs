//! Short ways to say what a filter decided.

use crate::{Body, Decision, Finding, Reason, Verdict};

impl Reason {
    /// A reason with a stable code for programs and a text for people.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, findings: Vec::new() }
    }
}

impl Decision {
    /// Nothing to say against it.
    #[must_use]
    pub fn pass() -> Self {
        Verdict::Pass.into()
    }

    /// Deliver, and record `findings`.
    #[must_use]
    pub fn flag(findings: Vec<Finding>) -> Self {
        Self { verdict: Verdict::Flag, findings }
    }

    /// Deliver with a caution that receivers see.
    pub fn warn(code: impl Into<String>, text: impl Into<String>) -> Self {
        Verdict::Warn(Reason::new(code, text)).into()
    }

    /// Deliver `text` instead.
    pub fn rewrite(text: impl Into<String>) -> Self {
        Verdict::Rewrite(Body::Text(text.into())).into()
    }

    /// Keep it until a moderator decides.
    pub fn hold(code: impl Into<String>, text: impl Into<String>) -> Self {
        Verdict::Hold(Reason::new(code, text)).into()
    }

    /// Let the sender think that it was sent; deliver it to no one.
    pub fn discard(code: impl Into<String>, text: impl Into<String>) -> Self {
        Verdict::Discard(Reason::new(code, text)).into()
    }

    /// Refuse it and say why; `can_edit` invites the sender to change it and send again.
    pub fn reject(code: impl Into<String>, text: impl Into<String>, can_edit: bool) -> Self {
        Verdict::Reject((Reason::new(code, text), can_edit)).into()
    }

    /// The same decision with `findings` added.
    #[must_use]
    pub fn with_findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_added_to_those_that_are_there() {
        let finding = |rule: &str| Finding { label: "fraud".into(), rule: rule.into(), start: 0, end: 1, score: 1.0 };
        let decision = Decision::flag(vec![finding("a")]).with_findings([finding("b")]);
        assert_eq!(decision, Decision { verdict: Verdict::Flag, findings: vec![finding("a"), finding("b")] });
    }
}
