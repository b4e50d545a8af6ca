//! `inspect`: what a package says and is. It checks no signature: that is `verify`'s work.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use warbler_package::{Limits, Package, Permissions, Selection};

use crate::{package_file, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    package: package_file::Choice,
    /// Prints JSON for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments.package.path()?;
    let bytes = package_file::read(&path)?;
    let package =
        Package::read(&bytes, &Limits::default()).with_context(|| format!("{} is refused", path.display()))?;
    let signatures = package_file::signatures(&path)?;
    let signatures: Vec<String> =
        signatures.iter().map(|(_, text)| package_file::key_of(text)).collect::<Result<_>>()?;
    if arguments.json {
        println!("{:#}", as_json(&package, &signatures)?);
    } else {
        print(&package, &signatures);
    }
    Ok(())
}

fn as_json(package: &Package, signatures: &[String]) -> Result<Value> {
    Ok(json!({
        "manifest": serde_json::to_value(package.manifest()).context("the manifest cannot be written")?,
        "sha256": package.digest().to_string(),
        "size": package.size(),
        "imports": package.imports(),
        "exports": package.exports(),
        "signatures": signatures,
    }))
}

fn print(package: &Package, signatures: &[String]) {
    let manifest = package.manifest();
    row("name", [format!("{} {}", package.name(), package.version())]);
    row("title", manifest.title.iter().map(|title| title.get("en").to_owned()));
    row("description", manifest.description.iter().map(|text| text.get("en").to_owned()));
    row("homepage", manifest.homepage.clone());
    row("sha256", [package.digest().to_string()]);
    row("size", [say::size(package.size())]);
    row("hooks", package.hooks().iter().map(ToString::to_string));
    row("push kinds", manifest.push_kinds.iter().map(ToString::to_string));
    row("least host", manifest.min_host.iter().map(ToString::to_string));
    row("permissions", permissions(&manifest.permissions));
    row("imports", package.imports().iter().cloned());
    row("exports", package.exports().iter().cloned());
    row("configuration", settings(&manifest.config_schema()));
    row("signatures by", signatures.iter().map(|key| format!("{key} (not checked; see `verify`)")));
}

/// A heading with its values one below the other; a dash where there are none.
fn row(heading: &str, values: impl IntoIterator<Item = String>) {
    let mut values = values.into_iter();
    println!("{heading:<15}{}", values.next().unwrap_or_else(|| "–".to_owned()));
    for value in values {
        println!("{:<15}{value}", "");
    }
}

/// Each permission with what of it is asked for.
fn permissions(asked: &Permissions) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(asked.storage.map(|storage| format!("storage: {}", say::size(storage.quota_bytes))));
    lines.extend(asked.secrets.iter().map(|name| format!("secret: {name}")));
    lines.extend(asked.http.iter().map(|host| format!("http: {host}")));
    lines.extend(selection("word lists", &asked.lexicons));
    lines.extend(selection("models", &asked.models));
    let flags = [
        (asked.conversation, "conversation"),
        (asked.sender_profile, "sender-profile"),
        (asked.sender_identity, "sender-identity"),
        (asked.attachments, "attachments"),
    ];
    lines.extend(flags.into_iter().filter(|(asked, _)| *asked).map(|(_, name)| name.to_owned()));
    lines
}

fn selection(what: &str, selection: &Selection) -> Option<String> {
    match selection {
        Selection::All(true) => Some(format!("{what}: all")),
        Selection::All(false) => None,
        Selection::Named(names) => {
            let names: Vec<&str> = names.iter().map(warbler_package::ResourceName::as_str).collect();
            Some(format!("{what}: {}", names.join(", ")))
        }
    }
}

/// The settings that a configuration schema names, with their types.
fn settings(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let describe = |(name, schema): (&String, &Value)| match schema.get("type").and_then(Value::as_str) {
        Some(kind) => format!("{name}: {kind}"),
        None => name.clone(),
    };
    properties.map(describe).collect()
}
