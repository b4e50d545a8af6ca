//! The SDK's source, and that of the library for push providers, as they are embedded in this program, so that a new
//! project builds anywhere.

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::File;

/// Embeds files below a folder by their place in it.
macro_rules! embedded {
    ($folder:literal: $($place:literal),+ $(,)?) => {
        [$(($place, include_str!(concat!($folder, "/", $place)))),+]
    };
}

const CONTRACT: [(&str, &str); 4] =
    embedded!("../../../../wit/v0.1": "hooks.wit", "host.wit", "types.wit", "worlds.wit");

const SOURCE: [(&str, &str); 22] = embedded!("../../../rust":
    "README.md",
    "src/bindings.rs",
    "src/config.rs",
    "src/decision.rs",
    "src/export.rs",
    "src/folders.rs",
    "src/http.rs",
    "src/lexicons.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/mail.rs",
    "src/message.rs",
    "src/models.rs",
    "src/plugin.rs",
    "src/secrets.rs",
    "src/storage.rs",
    "src/system.rs",
    "src/testing.rs",
    "src/testing/imports.rs",
    "src/testing/room.rs",
    "src/turn.rs",
    "Cargo.toml",
);

/// What push providers share.
const PUSH_KIT: [(&str, &str); 20] = embedded!("../../../../plugins/push-kit":
    "README.md",
    "src/address.rs",
    "src/aliyun.rs",
    "src/answer.rs",
    "src/apart.rs",
    "src/batch.rs",
    "src/config.rs",
    "src/date.rs",
    "src/encode.rs",
    "src/jwt.rs",
    "src/lib.rs",
    "src/oauth.rs",
    "src/post.rs",
    "src/random.rs",
    "src/request.rs",
    "src/secret.rs",
    "src/sign.rs",
    "src/testing.rs",
    "src/text.rs",
    "src/token.rs",
);

/// The manifest of that library, with where it lies.
const PUSH_KIT_MANIFEST: &str = include_str!("../../../../plugins/push-kit/Cargo.toml");

/// The workspace that the SDK's manifest inherits from.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// The workspace of the plugins.
const PLUGINS: &str = include_str!("../../../../plugins/Cargo.toml");

/// The contract's files below `folder`.
pub(super) fn contract(folder: &str) -> Vec<File> {
    CONTRACT.iter().map(|(place, text)| (format!("{folder}/{place}"), (*text).to_owned())).collect()
}

/// The SDK below `folder`, with the contract where its source looks for it.
pub(super) fn vendored(folder: &str) -> Result<Vec<File>> {
    let contract = contract(&format!("{folder}/wit/v0.1")).into_iter().map(Ok);
    let source = SOURCE.iter().map(|(place, text)| {
        let text = if *place == "Cargo.toml" { standalone(text, WORKSPACE, "../../")? } else { (*text).to_owned() };
        Ok((format!("{folder}/sdk/rust/{place}"), text))
    });
    contract.chain(source).collect()
}

/// The library for push providers below `folder`, beside the SDK.
pub(super) fn push_kit(folder: &str) -> Result<Vec<File>> {
    let at = |place: &str| format!("{folder}/plugins/push-kit/{place}");
    let manifest = (at("Cargo.toml"), standalone(PUSH_KIT_MANIFEST, PLUGINS, "../")?);
    let source = PUSH_KIT.iter().map(|(place, text)| (at(place), (*text).to_owned()));
    Ok(source.chain([manifest]).collect())
}

/// A crate's manifest with everything that it inherits from its workspace written out; the workspace's root is `up`
/// from the crate.
fn standalone(manifest: &str, workspace: &str, up: &str) -> Result<String> {
    let mut manifest: Table = manifest.parse().context("the crate's Cargo.toml cannot be read")?;
    let workspace: Table = workspace.parse().context("the workspace's Cargo.toml cannot be read")?;
    let workspace = table(&workspace, "workspace")?;
    // The checks that the SDK is developed under are not the plugin's.
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    for (section, origin) in
        [("package", table(workspace, "package")?), ("dependencies", table(workspace, "dependencies")?)]
    {
        let Some(fields) = manifest.get_mut(section).and_then(Value::as_table_mut) else { continue };
        for (name, value) in fields.iter_mut() {
            inherit(name, value, origin, up)?;
        }
    }
    toml::to_string(&manifest).context("the SDK's Cargo.toml cannot be written")
}

/// Replaces `{ workspace = true, … }` by what the workspace says, with the other fields added.
fn inherit(name: &str, value: &mut Value, origin: &Table, up: &str) -> Result<()> {
    let Some(wish) = value.as_table_mut() else { return Ok(()) };
    if wish.remove("workspace").is_none() {
        return Ok(());
    }
    let own = std::mem::take(wish);
    let mut inherited = origin.get(name).with_context(|| format!("the workspace does not say {name:?}"))?.clone();
    if let Some(Value::String(path)) = inherited.as_table_mut().and_then(|table| table.get_mut("path")) {
        path.insert_str(0, up);
    }
    if own.is_empty() {
        *value = inherited;
        return Ok(());
    }
    let mut merged = match inherited {
        Value::Table(table) => table,
        Value::String(version) => Table::from_iter([("version".to_owned(), Value::String(version))]),
        _ => bail!("the workspace says something else than a dependency under {name:?}"),
    };
    merged.extend(own);
    *value = Value::Table(merged);
    Ok(())
}

fn table<'a>(parent: &'a Table, name: &str) -> Result<&'a Table> {
    parent.get(name).and_then(Value::as_table).with_context(|| format!("there is no [{name}]"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn walk(folder: &Path, beginning: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{beginning}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_sdk_and_the_contract_is_embedded() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust");
        let mut source = BTreeSet::from(["Cargo.toml".to_owned(), "README.md".to_owned()]);
        walk(&sdk.join("src"), "src/", &mut source);
        assert_eq!(SOURCE.iter().map(|(place, _)| (*place).to_owned()).collect::<BTreeSet<_>>(), source);
        let mut contract = BTreeSet::new();
        walk(&sdk.join("../../wit/v0.1"), "", &mut contract);
        assert_eq!(CONTRACT.iter().map(|(place, _)| (*place).to_owned()).collect::<BTreeSet<_>>(), contract);
    }

    #[test]
    fn the_library_for_push_providers_is_embedded_whole_and_finds_the_sdk_beside_it() {
        let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/push-kit");
        let mut source = BTreeSet::from(["README.md".to_owned()]);
        walk(&kit.join("src"), "src/", &mut source);
        assert_eq!(PUSH_KIT.iter().map(|(place, _)| (*place).to_owned()).collect::<BTreeSet<_>>(), source);
        let files = push_kit("vendor").unwrap();
        let (_, text) = files.iter().find(|(place, _)| place.ends_with("push-kit/Cargo.toml")).unwrap();
        assert!(!text.contains("workspace"), "{text}");
        let manifest: Table = text.parse().unwrap();
        assert_eq!(manifest["dependencies"]["warbler-sdk"]["path"].as_str(), Some("../../sdk/rust"));
        assert_eq!(manifest["dependencies"]["p256"]["optional"].as_bool(), Some(true));
    }

    #[test]
    fn the_vendored_manifest_inherits_nothing_and_keeps_optional_dependencies() {
        let files = vendored("vendor").unwrap();
        let (_, text) = files.iter().find(|(place, _)| place == "vendor/sdk/rust/Cargo.toml").unwrap();
        assert!(!text.contains("workspace"), "{text}");
        let manifest: Table = text.parse().unwrap();
        assert_eq!(manifest["dependencies"]["serde"]["optional"].as_bool(), Some(true));
        assert_eq!(manifest["dependencies"]["serde"]["version"].as_str(), Some("1"));
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
    }
}
