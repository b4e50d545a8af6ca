//! The configuration: the table, and how like a question has to be. The form that admins fill in is in
//! `manifest.json`; both say the same.

use agent_kit::{Choice, Language};
use serde::Deserialize;

/// The configuration of one installation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The table.
    pub entries: Vec<Entry>,
    /// The likeness from which a question is answered, from 0 to 1.
    pub threshold: f64,
    /// The likeness from which a question is offered, from 0 to 1.
    pub suggest_from: f64,
    /// The language of answers that are there in both.
    pub language: Choice,
    /// Whether it hands over on request and where nothing fits.
    pub hand_over: bool,
    /// Phrases that ask for a person, beside the usual ones.
    pub hand_over_phrases: Vec<String>,
}

/// A question in all the ways in which people ask it, and its answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Ways to ask it; the first is the one that is offered.
    pub questions: Vec<String>,
    /// What is answered.
    pub answer: Answer,
}

/// An answer in one language, or in both.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// The same for everybody.
    One(String),
    /// By language. One of them is there.
    Both {
        /// In Chinese.
        #[serde(default)]
        zh: Option<String>,
        /// In English.
        #[serde(default)]
        en: Option<String>,
    },
}

impl Answer {
    /// The answer in `language`, or in the one that there is.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match (self, language) {
            (Self::One(text), _) => text,
            (Self::Both { zh, en }, Language::Zh) => zh.as_deref().or(en.as_deref()).unwrap_or_default(),
            (Self::Both { zh, en }, Language::En) => en.as_deref().or(zh.as_deref()).unwrap_or_default(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            threshold: 0.6,
            suggest_from: 0.4,
            language: Choice::Auto,
            hand_over: true,
            hand_over_phrases: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A sentence that names the field and its limit.
    pub fn parse(config: &str) -> Result<Self, String> {
        let config: Self = warbler_sdk::config::parse(config)?;
        for (name, value) in [("threshold", config.threshold), ("suggest_from", config.suggest_from)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("`{name}` has to be more than 0 and at most 1"));
            }
        }
        for (number, entry) in (1..).zip(&config.entries) {
            if entry.questions.iter().all(|question| question.trim().is_empty()) {
                return Err(format!("entry {number} of `entries` has no question"));
            }
            if entry.answer.in_language(Language::Zh).trim().is_empty() {
                return Err(format!("entry {number} of `entries` has no answer"));
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_question_or_answer_is_named() {
        for config in [
            r#"{"entries": [{"questions": [" "], "answer": "a"}]}"#,
            r#"{"entries": [{"questions": ["q"], "answer": {}}]}"#,
        ] {
            let sentence = Config::parse(config).unwrap_err();
            assert!(sentence.contains("entry 1"), "{sentence}");
        }
        assert!(Config::parse(r#"{"threshold": 0}"#).unwrap_err().contains("threshold"));
    }

    #[test]
    fn an_answer_in_one_language_serves_both() {
        let answer = Answer::Both { zh: Some("是".into()), en: None };
        assert_eq!(answer.in_language(Language::En), "是");
    }

    #[test]
    fn the_manifests_defaults_are_those_of_the_code() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        let defaults = properties.iter().map(|(name, field)| (name.clone(), field["default"].clone())).collect();
        assert_eq!(serde_json::from_value::<Config>(serde_json::Value::Object(defaults)).unwrap(), Config::default());
    }
}
