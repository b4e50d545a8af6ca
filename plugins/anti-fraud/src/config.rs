//! The configuration: how sure the filter must be for what, and which rules are left out. The form
//! that admins fill in is in `manifest.json`; both say the same.

use serde::{Deserialize, Serialize};

/// The language in which people are cautioned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// That of the message.
    #[default]
    Auto,
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// The configuration of one installation. Scores run from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The score from which receivers are warned.
    pub warn_at: f32,
    /// The score from which a message is held for a moderator; never if absent.
    pub hold_at: Option<f32>,
    /// The score from which a message is refused; never if absent.
    pub reject_at: Option<f32>,
    /// Labels of rules that are left out.
    pub without: Vec<String>,
    /// Hosts whose links are trusted, with all names below them.
    pub trusted_hosts: Vec<String>,
    /// The language in which people are cautioned.
    pub language: Language,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            warn_at: 0.5,
            hold_at: Some(0.9),
            reject_at: None,
            without: Vec::new(),
            trusted_hosts: Vec::new(),
            language: Language::Auto,
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// A sentence that names the field and its limit.
    pub fn parse(config: &str) -> Result<Self, String> {
        let mut config: Self = warbler_sdk::config::parse(config)?;
        let scores = [("warn_at", Some(config.warn_at)), ("hold_at", config.hold_at), ("reject_at", config.reject_at)];
        let mut least = 0.0;
        for (name, score) in scores {
            let Some(score) = score else { continue };
            if !(score > 0.0 && score <= 1.0) {
                return Err(format!("`{name}` must be above 0 and at most 1"));
            }
            if score < least {
                return Err(format!("`{name}` must not be below a weaker threshold ({least})"));
            }
            least = score;
        }
        for host in &mut config.trusted_hosts {
            *host = host.trim().trim_start_matches("*.").to_ascii_lowercase();
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_empty_configuration_is_the_default() {
        assert_eq!(Config::parse("{}").unwrap(), Config::default());
    }

    #[test]
    fn thresholds_have_limits_and_an_order() {
        for (config, mistake) in [
            (r#"{"warn_at": 0}"#, "`warn_at` must be above 0"),
            (r#"{"hold_at": 1.5}"#, "`hold_at` must be above 0 and at most 1"),
            (r#"{"warn_at": 0.9, "hold_at": 0.5}"#, "`hold_at` must not be below a weaker threshold (0.9)"),
        ] {
            let sentence = Config::parse(config).unwrap_err();
            assert!(sentence.starts_with(mistake), "{sentence}");
        }
    }
}
