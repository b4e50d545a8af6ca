//! Configurations as types of the plugin's own.

use serde::de::DeserializeOwned;

/// Reads the configuration that the host gave to `init`.
///
/// ```
/// #[derive(serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Config { words: Vec<String> }
/// # impl Default for Config { fn default() -> Self { Self { words: Vec::new() } } }
///
/// let config: Config = warbler_sdk::config::parse(r#"{"words": ["scam"]}"#)?;
/// assert_eq!(config.words, ["scam"]);
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// A sentence that names the field, for the admin who wrote the configuration.
pub fn parse<T: DeserializeOwned>(config: &str) -> Result<T, String> {
    // An installation without a configuration is one with an empty object.
    let config = if config.trim().is_empty() { "{}" } else { config };
    serde_json::from_str(config).map_err(|error| format!("the configuration is not valid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        words: Vec<String>,
    }

    #[test]
    fn an_empty_configuration_counts_as_an_empty_object() {
        assert_eq!(parse(" "), Ok(Config { words: Vec::new() }));
    }

    #[test]
    fn an_unknown_field_is_named_in_the_sentence() {
        let sentence = parse::<Config>(r#"{"wrods": []}"#).unwrap_err();
        assert!(sentence.starts_with("the configuration is not valid: unknown field `wrods`"), "{sentence}");
    }
}
