//! The manifest's rules, and its committed schema.

use std::path::Path;

use serde_json::{Value, json};
use warbler_package::{DisplayText, Limits, Manifest};

use crate::fixture::{manifest, manifest_json, refusal};

fn parse(json: &Value) -> Result<Manifest, warbler_package::PackageError> {
    Manifest::parse(&serde_json::to_vec(json).unwrap(), &Limits::default())
}

fn full() -> Value {
    manifest_json(&json!({
        "hooks": ["content-filter", "push"],
        "permissions": {
            "storage": {"quota_bytes": 1_048_576},
            "secrets": ["API_KEY", "token"],
            "http": ["10.0.0.1:80", "[2001:db8::1]:443", "api.example.com:443", "*.example.org:8443"],
            "lexicons": ["fraud"], "models": true, "conversation": true,
            "sender-profile": true, "sender-identity": true, "attachments": true,
        },
        "config": {"type": "object", "properties": {"level": {"$ref": "#/$defs/level"}},
                   "$defs": {"level": {"type": "integer"}}},
        "push_kinds": ["web-push", "sms"], "min_host": "0.1.0",
        "title": {"en": "Tiny", "zh": "微小"}, "description": "Does little.",
        "homepage": "https://example.com/tiny",
    }))
}

/// Manifests that break one rule each.
fn broken() -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!({"name": null})),
        ("name", json!({"name": "T"})),
        ("name", json!({"name": "t"})),
        ("name", json!({"name": "Tiny"})),
        ("name", json!({"name": "-tiny"})),
        ("name", json!({"name": "tiny\n"})),
        ("name", json!({"name": "../tiny"})),
        ("name", json!({"name": "t".repeat(65)})),
        ("version", json!({"version": "1.2"})),
        ("version", json!({"version": "v1.2.3"})),
        ("version", json!({"version": "1.2.3+build"})),
        ("version", json!({"version": format!("1.2.3-{}", "x".repeat(64))})),
        ("hooks", json!({"hooks": []})),
        ("hooks", json!({"hooks": "content-filter"})),
        ("hooks", json!({"hooks": ["filter"]})),
        ("hooks", json!({"hooks": ["content-filter", "content-filter"]})),
        ("unknown key", json!({"permisions": {}})),
        ("unknown permission", json!({"permissions": {"sender_profile": true}})),
        ("unknown permission", json!({"permissions": {"files": true}})),
        ("storage", json!({"permissions": {"storage": true}})),
        ("storage", json!({"permissions": {"storage": {}}})),
        ("storage", json!({"permissions": {"storage": {"quota_bytes": 0}}})),
        ("storage", json!({"permissions": {"storage": {"quota_bytes": -1}}})),
        ("storage", json!({"permissions": {"storage": {"quota_bytes": 1, "path": "/"}}})),
        ("secrets", json!({"permissions": {"secrets": "token"}})),
        ("secrets", json!({"permissions": {"secrets": ["a b"]}})),
        ("http", json!({"permissions": {"http": ["api.example.com"]}})),
        ("http", json!({"permissions": {"http": ["a.example.com:1", "a.example.com:1"]}})),
        ("secrets", json!({"permissions": {"secrets": ["token", "token"]}})),
        ("lexicons", json!({"permissions": {"lexicons": ["fraud", "fraud"]}})),
        ("array for an object", json!({"permissions": []})),
        ("array for an object", json!({"permissions": {"storage": [1]}})),
        ("http", json!({"permissions": {"http": ["https://api.example.com:443"]}})),
        ("lexicons", json!({"permissions": {"lexicons": "all"}})),
        ("config", json!({"config": true})),
        ("config", json!({"config": "{}"})),
        ("push_kinds", json!({"push_kinds": ["web push"]})),
        ("min_host", json!({"min_host": "1"})),
        ("title", json!({"title": 1})),
        ("homepage", json!({"homepage": "javascript:alert(1)"})),
    ]
}

#[test]
fn a_full_manifest_survives_writing_and_reading() {
    let manifest = parse(&full()).unwrap();
    let written = manifest.to_json().unwrap();
    assert_eq!(Manifest::parse(&written, &Limits::default()).unwrap(), manifest);
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), full());
}

#[test]
fn a_manifest_that_breaks_a_rule_is_refused() {
    for (what, change) in broken() {
        let result = parse(&manifest_json(&change));
        assert_eq!(refusal(result), "manifest-invalid", "{what}: {change}");
    }
}

#[test]
fn rules_that_the_schema_cannot_say_hold_too() {
    let reference = json!({"config": {"type": "object", "$ref": "https://example.com/schema"}});
    let kinds = json!({"push_kinds": ["sms"]});
    let no_kinds = json!({"hooks": ["push"]});
    let quota = json!({"permissions": {"storage": {"quota_bytes": u64::MAX}}});
    let no_object = json!({"config": {"type": "string"}});
    for change in [reference, kinds, no_kinds, quota, no_object] {
        let error = parse(&manifest_json(&change)).unwrap_err();
        assert_eq!(error.code(), "manifest-invalid", "{change}");
    }
    let long = json!({"description": {"en": "x".repeat(5000)}});
    assert_eq!(refusal(parse(&manifest_json(&long))), "too-large");
}

#[test]
fn a_refusal_names_the_field_and_the_rule() {
    for (change, expected) in [
        (json!({"colour": 1}), "unknown field `colour`"),
        (json!({"version": "1"}), "semver"),
        (json!({"permissions": {"http": ["x"]}}), "http host must be `host:port`"),
        (json!({"permissions": {"models": 3}}), "`true`, `false` or a list of names"),
        (json!({"hooks": ["filter"]}), "expected one of `content-filter`, `agent`"),
        (json!({"permissions": {"storage": {"quota_bytes": 0}}}), "the limits are 1 and 1073741824"),
    ] {
        let text = parse(&manifest_json(&change)).unwrap_err().to_string();
        let found = text.contains(expected) || expected == "semver" && text.contains("version");
        assert!(found, "{change}: {text}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let deep = "[".repeat(10_000);
    let array = r#"["tiny","1.0.0",["agent"]]"#;
    let twice = r#"{"name":"tiny","name":"tiny","version":"1.0.0","hooks":["agent"]}"#;
    for text in ["", "{", "null", "[]", "\u{feff}{}", &deep, array, twice] {
        let result = Manifest::parse(text.as_bytes(), &Limits::default());
        assert_eq!(refusal(result), "manifest-invalid", "{text:.20}");
    }
}

#[test]
fn display_texts_fall_back_to_english_and_then_to_any() {
    let manifest = parse(&full()).unwrap();
    assert_eq!(manifest.title.as_ref().unwrap().get("zh"), "微小");
    assert_eq!(manifest.title.as_ref().unwrap().get("fr"), "Tiny");
    assert_eq!(manifest.description.unwrap().get("zh"), "Does little.");
    let only: DisplayText = serde_json::from_value(json!({"zh": "微小"})).unwrap();
    assert_eq!(only.get("en"), "微小");
}

#[test]
fn a_plugin_without_a_schema_takes_no_configuration() {
    let schema = manifest(&json!({})).config_schema();
    assert!(jsonschema::is_valid(&schema, &json!({})));
    assert!(!jsonschema::is_valid(&schema, &json!({"level": 1})));
}

#[test]
fn the_schema_accepts_and_refuses_as_the_parser_does() {
    let schema = Manifest::schema().to_value();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for accepted in [full(), manifest_json(&json!({}))] {
        let errors: Vec<_> = validator.iter_errors(&accepted).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for (what, change) in broken() {
        let manifest = manifest_json(&change);
        assert!(!validator.is_valid(&manifest), "{what}: {change}");
    }
}

#[test]
fn the_committed_schema_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest.schema.json");
    let current = serde_json::to_string_pretty(&Manifest::schema()).unwrap() + "\n";
    if std::env::var_os("WARBLER_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, current, "run this test with WARBLER_BLESS=1 and commit the file");
}
