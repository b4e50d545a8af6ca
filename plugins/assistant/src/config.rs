//! The configuration: who the assistant is, what it may use, and when it hands over. The form that admins fill in
//! is in `manifest.json`; both say the same.

use agent_kit::Choice;
use serde::Deserialize;

/// The configuration of one installation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The operator's name of the model.
    pub model: String,
    /// What the assistant is called.
    pub name: String,
    /// Who it is and how it speaks, in the tenant's words.
    pub persona: String,
    /// The language of its answers.
    pub language: Choice,
    /// Messages that it reads back.
    pub history_messages: u32,
    /// Tokens that they may come to, about.
    pub history_tokens: usize,
    /// Longest answer, in tokens.
    pub max_answer_tokens: u32,
    /// How freely it chooses its words, from 0 to 2.
    pub temperature: f32,
    /// Passages of the knowledge base that it reads; 0 for none.
    pub passages: u32,
    /// The score from which a passage counts as found.
    pub min_score: f32,
    /// Whether it answers questions of fact from what was found alone.
    pub only_from_knowledge: bool,
    /// How often it may call tools before it has to answer; 0 for no tools.
    pub tool_rounds: u32,
    /// Failures of tools in one answer after which it hands over.
    pub max_failures: u32,
    /// Whether it hands over when somebody asks for a person.
    pub hand_over_on_request: bool,
    /// Phrases that ask for a person, beside the usual ones.
    pub hand_over_phrases: Vec<String>,
    /// Whether it hands over when it does not know.
    pub hand_over_when_unsure: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: "default".to_owned(),
            name: String::new(),
            persona: String::new(),
            language: Choice::Auto,
            history_messages: 20,
            history_tokens: 2_000,
            max_answer_tokens: 800,
            temperature: 0.3,
            passages: 4,
            min_score: 0.3,
            only_from_knowledge: false,
            tool_rounds: 4,
            max_failures: 3,
            hand_over_on_request: true,
            hand_over_phrases: Vec::new(),
            hand_over_when_unsure: true,
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
        if config.model.trim().is_empty() {
            return Err("`model` is empty; it names one of the operator's models".to_owned());
        }
        if !(0.0..=2.0).contains(&config.temperature) {
            return Err("`temperature` has to lie between 0 and 2".to_owned());
        }
        if !(0.0..=1.0).contains(&config.min_score) {
            return Err("`min_score` has to lie between 0 and 1".to_owned());
        }
        let whole = [
            ("history_messages", config.history_messages, 0, 50),
            ("max_answer_tokens", config.max_answer_tokens, 1, 32_000),
            ("passages", config.passages, 0, 20),
            ("tool_rounds", config.tool_rounds, 0, 20),
            ("max_failures", config.max_failures, 1, 20),
        ];
        for (name, value, least, most) in whole {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` has to lie between {least} and {most}"));
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_a_working_one() {
        assert_eq!(Config::parse("{}"), Ok(Config::default()));
    }

    #[test]
    fn a_value_past_its_limit_is_named() {
        for (config, field) in [
            (r#"{"temperature": 3}"#, "temperature"),
            (r#"{"model": " "}"#, "model"),
            (r#"{"passages": 21}"#, "passages"),
            (r#"{"min_score": -0.1}"#, "min_score"),
            (r#"{"unknown": 1}"#, "unknown"),
        ] {
            let sentence = Config::parse(config).unwrap_err();
            assert!(sentence.contains(field), "{sentence}");
        }
    }

    #[test]
    fn the_manifests_defaults_are_those_of_the_code() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        let defaults = properties.iter().map(|(name, field)| (name.clone(), field["default"].clone())).collect();
        let defaults = serde_json::Value::Object(defaults);
        assert_eq!(serde_json::from_value::<Config>(defaults).unwrap(), Config::default());
    }
}
