//! From hits to one decision.

use warbler_sdk::{Body, Decision, Finding, Reason, Verdict};

use crate::config::{Action, Config};
use crate::mask::mask;

/// Something found, with what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is to be done.
    pub action: Action,
    /// The category.
    pub label: String,
    /// The word.
    pub rule: String,
    /// First byte in the original text.
    pub start: u32,
    /// One past the last byte in the original text.
    pub end: u32,
}

/// Findings in one decision; the rest would say no more.
const MAX_FINDINGS: usize = 1_000;

/// Decides about a text. The strongest action wins; a text that is delivered masked has every hit
/// masked that asks for it. Where the text cannot be replaced, because it is a file's name or a
/// custom body, a mask becomes a review.
#[must_use]
pub fn decide(config: &Config, text: &str, maskable: bool, mut found: Vec<Found>) -> Decision {
    found.sort_by_key(|hit| (std::cmp::Reverse(hit.action), hit.start));
    let Some(first) = found.first() else { return Decision::pass() };
    let reason = || Reason::new(format!("keyword-{}", first.label), config.text_for(&first.label));
    let verdict = match first.action {
        Action::Flag => Verdict::Flag,
        Action::Warn => Verdict::Warn(reason()),
        Action::Mask if maskable => Verdict::Rewrite(Body::Text(masked(config, text, &found))),
        Action::Mask | Action::Review => Verdict::Hold(reason()),
        Action::Block => Verdict::Reject((reason(), config.may_edit)),
    };
    Decision { verdict, findings: found.into_iter().take(MAX_FINDINGS).map(finding).collect() }
}

fn masked(config: &Config, text: &str, found: &[Found]) -> String {
    let hidden = found.iter().filter(|hit| hit.action == Action::Mask);
    let ranges: Vec<_> = hidden.map(|hit| hit.start as usize..hit.end as usize).collect();
    mask(text, &ranges, config.mask_with)
}

fn finding(hit: Found) -> Finding {
    Finding { label: hit.label, rule: hit.rule, start: hit.start, end: hit.end, score: 1.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn hit(action: Action, start: u32, end: u32) -> Found {
        Found { action, label: "test".into(), rule: "word".into(), start, end }
    }

    fn verdict(found: Vec<Found>) -> Verdict {
        decide(&Config::default(), "some bad words", true, found).verdict
    }

    #[test]
    fn nothing_found_passes() {
        assert_eq!(verdict(Vec::new()), Verdict::Pass);
    }

    #[test]
    fn the_strongest_action_wins_whatever_the_order() {
        let all = [Action::Flag, Action::Block, Action::Mask];
        let verdict = verdict(all.map(|action| hit(action, 5, 8)).into());
        assert!(matches!(verdict, Verdict::Reject((_, true))));
    }

    #[test]
    fn a_mask_beside_a_warning_hides_only_what_asks_for_it() {
        let found = vec![hit(Action::Warn, 0, 4), hit(Action::Mask, 5, 8)];
        assert_eq!(verdict(found), Verdict::Rewrite(Body::Text("some *** words".into())));
    }

    #[test]
    fn what_cannot_be_masked_is_held() {
        let decision = decide(&Config::default(), "bad.exe", false, vec![hit(Action::Mask, 0, 3)]);
        assert!(matches!(decision.verdict, Verdict::Hold(_)));
    }

    #[test]
    fn the_reason_names_the_category() {
        let Verdict::Hold(reason) = verdict(vec![hit(Action::Review, 0, 4)]) else { panic!("not held") };
        assert_eq!(reason.code, "keyword-test");
        assert!(reason.text.contains("(test)"));
    }
}
