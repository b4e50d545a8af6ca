//! The documented example: every key with its description and default, made from the schema, so that it
//! cannot say anything else than the code does.

use serde_json::Value;

use super::{Config, Keys, Operator, Plugins, Relay, Tls};

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
    let mut section: Vec<&str> = Vec::new();
    for line in all.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            text.push('\n');
            section = name.split('.').collect();
            comment(&mut text, headline(&schema, &section));
            // An optional section must not be there unless it was chosen.
            push(&mut text, line, lookup(&chosen, &section).is_some());
        } else if let Some((key, _)) = line.split_once(" = ") {
            let path = [section.as_slice(), &[key]].concat();
            comment(&mut text, property(&schema, &path).map_or("", describe));
            let value = lookup(&chosen, &path);
            push(&mut text, line, value.is_some() && value != lookup(&defaults, &path));
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
    let mut mail = config.mail;
    if mail.relays.is_empty() {
        mail.relays.insert("office".into(), sample_relay());
    }
    Config { tls, keys, operator, plugins, mail, ..config }
}

fn sample_relay() -> Relay {
    Relay {
        host: "mail.example.com".into(),
        port: Some(587),
        trust_file: Some("authorities.pem".into()),
        user: Some("warbler".into()),
        password_file: Some("relay.password".into()),
        password_env: Some("WARBLER_RELAY_PASSWORD".into()),
        from: "Warbler <no-reply@example.com>".into(),
        hello: Some("chat.example.com".into()),
        ..Relay::default()
    }
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

/// What is said of a table; of an entry of a map, what is said of the map.
fn headline<'a>(schema: &'a Value, path: &[&str]) -> &'a str {
    let said = |path: &[&str]| property(schema, path).map(describe).filter(|said| !said.is_empty());
    said(path).or_else(|| said(path.split_last()?.1)).unwrap_or_default()
}

/// The schema of what lies at `path`: fields of tables, and entries of maps.
fn property<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |outer, name| {
        let outer = resolved(schema, outer)?;
        let field = outer.get("properties").and_then(|fields| fields.get(name));
        field.or_else(|| outer.get("additionalProperties"))
    })
}

/// `part` itself, or what it refers to.
fn resolved<'a>(schema: &'a Value, part: &'a Value) -> Option<&'a Value> {
    match part.get("$ref").or_else(|| part.get("anyOf")?.get(0)?.get("$ref")) {
        Some(reference) => schema.pointer(reference.as_str()?.strip_prefix('#')?),
        None => Some(part),
    }
}

fn lookup<'a>(config: &'a toml::Value, path: &[&str]) -> Option<&'a toml::Value> {
    path.iter().try_fold(config, |outer, name| outer.get(name))
}
