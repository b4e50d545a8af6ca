//! The documented example: every key with its description and default, made from the schema, so that it
//! cannot say anything else than the code does.

use serde_json::Value;

use super::{Config, Keys, Operator, Plugins, Tls};

/// The example as it is committed: the defaults, all of them commented out.
///
/// # Errors
/// Never in practice: a configuration is made of tables, strings and numbers.
pub(crate) fn example() -> Result<String, toml::ser::Error> {
    example_with(&Config::default())
}

/// The example with the values of `config` where they are not the default.
///
/// # Errors
/// Never in practice.
pub(crate) fn example_with(config: &Config) -> Result<String, toml::ser::Error> {
    let schema = Value::from(schemars::schema_for!(Config));
    let defaults = toml::Value::try_from(Config::default())?;
    let chosen = toml::Value::try_from(config)?;
    // Of a value that has no default something must be shown.
    let all = toml::to_string(&with_samples(config.clone()))?;

    let mut text = String::new();
    comment(&mut text, describe(&schema));
    text.push('\n');
    let mut section: Option<String> = None;
    for line in all.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            text.push('\n');
            // A table within a section is a field of it.
            let described = match name.split_once('.') {
                Some((section, field)) => property(&schema, Some(section), field),
                None => property(&schema, None, name),
            };
            comment(&mut text, described.map_or("", describe));
            // An optional section must not be there unless it was chosen.
            let present = chosen.get(name).is_some();
            push(&mut text, line, present);
            section = Some(name.to_owned());
        } else if let Some((key, _)) = line.split_once(" = ") {
            comment(&mut text, property(&schema, section.as_deref(), key).map_or("", describe));
            let value = lookup(&chosen, section.as_deref(), key);
            push(&mut text, line, value.is_some() && value != lookup(&defaults, section.as_deref(), key));
        }
    }
    Ok(text)
}

fn with_samples(config: Config) -> Config {
    let tls = config.tls.or(Some(Tls { certificate: "certificate.pem".into(), key: "certificate.key".into() }));
    let Keys { master_file, master_env } = config.keys;
    let keys = Keys {
        master_file: master_file.or_else(|| Some("master.key".into())),
        master_env: master_env.or_else(|| Some("WARBLER_MASTER_KEY".into())),
    };
    let Operator { token_file, token_env } = config.operator;
    let operator = Operator {
        token_file: token_file.or_else(|| Some("operator.token".into())),
        token_env: token_env.or_else(|| Some("WARBLER_OPERATOR_TOKEN".into())),
    };
    let cache = config.plugins.cache.or_else(|| Some("data/plugins".into()));
    let trust_file = config.plugins.trust_file.or_else(|| Some("authorities.pem".into()));
    let mut folders = config.plugins.folders;
    if folders.is_empty() {
        folders.insert("nas".into(), "/mnt/nas/warbler".into());
    }
    let plugins = Plugins { cache, folders, trust_file, ..config.plugins };
    Config { tls, keys, operator, plugins, ..config }
}

fn push(text: &mut String, line: &str, chosen: bool) {
    if !chosen {
        text.push_str("# ");
    }
    text.push_str(line);
    text.push('\n');
}

/// Writes a description as comments.
fn comment(text: &mut String, description: &str) {
    for line in description.lines() {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
}

fn describe(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// The schema of a key, within a section or at the top.
fn property<'a>(schema: &'a Value, section: Option<&str>, key: &str) -> Option<&'a Value> {
    let Some(section) = section else { return schema.get("properties")?.get(key) };
    let outer = schema.get("properties")?.get(section)?;
    let reference = outer.get("$ref").or_else(|| outer.get("anyOf")?.get(0)?.get("$ref"))?.as_str()?;
    schema.pointer(reference.strip_prefix('#')?)?.get("properties")?.get(key)
}

fn lookup<'a>(config: &'a toml::Value, section: Option<&str>, key: &str) -> Option<&'a toml::Value> {
    match section {
        Some(section) => config.get(section)?.get(key),
        None => config.get(key),
    }
}
