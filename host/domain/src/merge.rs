//! The merge: one outcome from the verdicts of several filters. The strictest wins, and what a
//! weaker one adds without contradiction (a caution beside a rewritten text) is kept.

use crate::{Caution, Reason, Strength, Verdict};

/// What all filters together say of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The strongest verdict; of two equally strong ones, the first.
    pub verdict: Verdict,
    /// The first caution, which receivers see if the message is delivered.
    pub caution: Option<Caution>,
}

impl Merged {
    /// Whether the message goes to its receivers.
    #[must_use]
    pub fn delivers(&self) -> bool {
        self.verdict.strength() <= Strength::Rewrite
    }
}

/// Merges verdicts in the order of the filters.
///
/// A later rewrite replaces an earlier one, because each filter sees the text as rewritten so far.
pub fn merge(verdicts: impl IntoIterator<Item = Verdict>) -> Merged {
    let mut strongest = Verdict::Pass;
    let mut caution: Option<Caution> = None;
    for verdict in verdicts {
        if let (None, Verdict::Warn { reason: Reason { code, text } }) = (&caution, &verdict) {
            caution = Some(Caution { code: code.clone(), text: text.clone() });
        }
        let replaces_rewrite = verdict.strength() == Strength::Rewrite && strongest.strength() == Strength::Rewrite;
        if verdict.strength() > strongest.strength() || replaces_rewrite {
            strongest = verdict;
        }
    }
    Merged { verdict: strongest, caution }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;

    fn reason(code: &str) -> Reason {
        Reason { code: code.into(), text: code.into() }
    }

    fn rewrite(text: &str) -> Verdict {
        Verdict::Rewrite { body: Body::Text { text: text.into() } }
    }

    #[test]
    fn the_strictest_verdict_wins_whatever_the_order() {
        let hold = Verdict::Hold { reason: reason("h") };
        for verdicts in [[Verdict::Flag, hold.clone()], [hold.clone(), Verdict::Flag]] {
            assert_eq!(merge(verdicts).verdict, hold);
        }
    }

    #[test]
    fn the_last_rewrite_stands_and_keeps_an_earlier_caution() {
        let merged = merge([Verdict::Warn { reason: reason("w") }, rewrite("a"), rewrite("b")]);
        assert_eq!(merged.verdict, rewrite("b"));
        assert_eq!(merged.caution.unwrap().code, "w");
    }

    #[test]
    fn no_filter_means_pass() {
        assert_eq!(merge([]).verdict, Verdict::Pass);
    }
}
