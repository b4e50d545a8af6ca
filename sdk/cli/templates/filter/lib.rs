//! {{name}}: warns of, holds or rejects messages that contain words from a list. A start for a plugin of your own.

use serde::Deserialize;
use warbler_sdk::{ContentFilter, Decision, Failure, Finding, Message, Plugin, config, log};

/// The tenant's configuration; `manifest.json` has its schema.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Words to look for, in any case.
    words: Vec<String>,
    /// What becomes of a message that contains one.
    action: Action,
}

impl Default for Config {
    fn default() -> Self {
        Self { words: vec!["scam".to_owned()], action: Action::Warn }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Warn,
    Hold,
    Reject,
}

/// The filter, ready to check messages.
struct Filter {
    words: Vec<String>,
    action: Action,
}

impl Plugin for Filter {
    fn init(config: &str) -> Result<Self, String> {
        let Config { words, action } = config::parse(config)?;
        if words.iter().any(|word| word.trim().is_empty()) {
            return Err("`words` has an empty word".to_owned());
        }
        log::info!("looking for {} words", words.len());
        Ok(Self { words: words.iter().map(|word| word.to_ascii_lowercase()).collect(), action })
    }
}

impl ContentFilter for Filter {
    fn check(&self, message: &Message) -> Result<Decision, Failure> {
        let findings = self.find(message.body.text());
        if findings.is_empty() {
            return Ok(Decision::pass());
        }
        let (code, text) = ("listed-word", "This message contains a listed word.");
        let decision = match self.action {
            Action::Warn => Decision::warn(code, text),
            Action::Hold => Decision::hold(code, text),
            Action::Reject => Decision::reject(code, text, true),
        };
        Ok(decision.with_findings(findings))
    }
}

impl Filter {
    /// Every place of a listed word. Lower case of ASCII alone, so that offsets stay those of the original.
    fn find(&self, text: &str) -> Vec<Finding> {
        let text = text.to_ascii_lowercase();
        let places = self.words.iter().flat_map(|word| text.match_indices(word.as_str()));
        places.filter_map(|(start, word)| finding(start, word)).collect()
    }
}

fn finding(start: usize, word: &str) -> Option<Finding> {
    let end = u32::try_from(start + word.len()).ok()?;
    let start = u32::try_from(start).ok()?;
    Some(Finding { label: "listed-word".to_owned(), rule: word.to_owned(), start, end, score: 1.0 })
}

warbler_sdk::export!(Filter: ContentFilter);

#[cfg(test)]
mod tests {
    use super::*;
    use warbler_sdk::{Verdict, testing};

    fn check(config: &str, text: &str) -> Decision {
        Filter::init(config).unwrap().check(&testing::message(text)).unwrap()
    }

    #[test]
    fn a_listed_word_is_found_where_it_stands() {
        let decision = check(r#"{"words": ["refund"]}"#, "你好, Refund now");
        assert!(matches!(decision.verdict, Verdict::Warn(_)));
        assert_eq!(decision.findings.iter().map(|found| (found.start, found.end)).collect::<Vec<_>>(), [(8, 14)]);
    }

    #[test]
    fn other_messages_pass() {
        assert_eq!(check("{}", "see you at noon"), Decision::pass());
    }

    #[test]
    fn an_empty_word_is_refused() {
        assert!(Filter::init(r#"{"words": [" "]}"#).is_err());
    }
}
