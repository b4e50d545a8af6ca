//! How many tokens a text comes to where a provider does not say. Tokenizers differ by model, so this is a
//! rule of thumb, and meant to be a little too high rather than too low: budgets rest on it.

use warbler_domain::Prompt;

/// What a provider's template adds to each line of a prompt.
const PER_LINE: u32 = 4;

/// Tokens that were counted so far, in quarters of one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Estimate {
    quarters: u64,
}

impl Estimate {
    /// Counts `text`: a token for each Chinese, Japanese or Korean letter, and one for every four bytes of the rest.
    pub(crate) fn add(&mut self, text: &str) {
        self.quarters +=
            text.chars().map(|letter| if letter.len_utf8() > 2 { 4 } else { letter.len_utf8() as u64 }).sum::<u64>();
    }

    /// Whole tokens.
    pub(crate) fn tokens(self) -> u32 {
        u32::try_from(self.quarters.div_ceil(4)).unwrap_or(u32::MAX)
    }

    /// What a prompt comes to.
    pub(crate) fn of_prompt(prompt: &Prompt) -> u32 {
        let mut estimate = Self::default();
        for line in &prompt.lines {
            estimate.add(&line.text);
            for call in &line.tool_calls {
                estimate.add(&call.name);
                estimate.add(&call.arguments);
            }
        }
        for tool in &prompt.tools {
            estimate.add(&tool.name);
            estimate.add(&tool.description);
            estimate.add(&tool.parameters);
        }
        let lines = u32::try_from(prompt.lines.len()).unwrap_or(u32::MAX);
        estimate.tokens().saturating_add(lines.saturating_mul(PER_LINE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_counts_by_letter_and_english_by_four() {
        let count = |text: &str| {
            let mut estimate = Estimate::default();
            estimate.add(text);
            estimate.tokens()
        };
        assert_eq!(count("今天天气很好"), 6);
        assert_eq!(count("The weather is fine today."), 7);
        assert_eq!(count(""), 0);
    }
}
