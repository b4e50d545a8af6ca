//! Configurations against the JSON Schema of the manifest.

use serde_json::Value;
use warbler_package::Manifest;

use crate::ServiceError;
use crate::plugin_error::{ConfigProblem, PluginError, Step};

/// Longest configuration, in bytes: word lists have a place of their own.
const CONFIG: usize = 256 * 1024;

/// Problems that are named at a time.
const PROBLEMS: usize = 20;

/// Bytes of one problem's text that are kept.
const TEXT: usize = 512;

/// Checks a configuration, and gives it in the form in which it is kept, digested and handed to the
/// plugin. Schemas may have costly patterns, so this runs on a thread of its own.
pub(super) async fn check(manifest: &Manifest, config: Value) -> Result<String, ServiceError> {
    let schema = manifest.config_schema();
    let checked = tokio::task::spawn_blocking(move || check_now(&schema, &config)).await;
    checked.map_err(|_| ServiceError::Internal { what: "checking a configuration" })?.map_err(ServiceError::from)
}

fn check_now(schema: &Value, config: &Value) -> Result<String, PluginError> {
    if !config.is_object() {
        let problem = ConfigProblem { pointer: String::new(), text: "must be a JSON object".to_owned() };
        return Err(PluginError::Config { problems: vec![problem] });
    }
    let text = config.to_string();
    if text.len() > CONFIG {
        let text = format!("the configuration has {} bytes, the limit is {CONFIG}", text.len());
        return Err(PluginError::refused(Step::Configuration, "configuration-too-large", text));
    }
    let validator = jsonschema::options().build(schema).map_err(|error| {
        let text = format!("the manifest's schema cannot be used: {}", clipped(&error.masked().to_string()));
        PluginError::refused(Step::Configuration, "schema-invalid", text)
    })?;
    let problems: Vec<_> = validator
        .iter_errors(config)
        .take(PROBLEMS)
        .map(|error| ConfigProblem {
            pointer: error.instance_path().to_string(),
            text: clipped(&error.masked().to_string()),
        })
        .collect();
    if problems.is_empty() { Ok(text) } else { Err(PluginError::Config { problems }) }
}

fn clipped(text: &str) -> String {
    text.get(..text.floor_char_boundary(TEXT)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "words": {"type": "array", "items": {"type": "string"}},
                "limit": {"type": "integer", "maximum": 9},
            },
            "required": ["words"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn each_problem_is_named_by_its_pointer_and_without_its_value() {
        let config = json!({"words": ["a", 77], "limit": 10, "a/b": "s3cret"});
        let Err(PluginError::Config { problems }) = check_now(&schema(), &config) else {
            panic!("the configuration was accepted");
        };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert!(
            pointers.contains(&"/words/1") && pointers.contains(&"/limit") && pointers.contains(&""),
            "{problems:?}"
        );
        let text = format!("{problems:?}");
        assert!(!text.contains("77") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        assert_eq!(check_now(&schema(), &json!({"words": ["赌博"]})).unwrap(), r#"{"words":["赌博"]}"#);
    }

    #[test]
    fn a_list_a_text_and_something_too_long_are_refused() {
        assert!(matches!(check_now(&schema(), &json!([])), Err(PluginError::Config { .. })));
        let long = json!({"words": ["x".repeat(CONFIG)]});
        assert_eq!(check_now(&schema(), &long).unwrap_err().code(), "configuration-too-large");
    }

    #[test]
    fn a_schema_that_is_none_is_the_plugins_fault() {
        assert_eq!(check_now(&json!({"type": 7}), &json!({})).unwrap_err().code(), "schema-invalid");
    }
}
