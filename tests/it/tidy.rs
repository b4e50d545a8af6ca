//! Rules about the code itself: rooms and their edges, the shape of files, the frozen contract.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// Which of our crates each crate may depend on. Arrows only go down.
const EDGES: &[(&str, &[&str])] = &[
    ("warbler-domain", &[]),
    ("warbler-text", &[]),
    ("warbler-package", &[]),
    ("warbler-sdk", &[]),
    ("warbler-store", &["warbler-domain"]),
    ("warbler-backup", &["warbler-domain"]),
    ("warbler-runtime", &["warbler-domain", "warbler-package"]),
    ("warbler-mail", &["warbler-domain"]),
    ("warbler-models", &["warbler-domain"]),
    ("warbler-knowledge", &["warbler-domain"]),
    ("warbler-service", &["warbler-domain", "warbler-package", "warbler-store", "warbler-text"]),
    ("warbler-http", &["warbler-domain", "warbler-package", "warbler-service"]),
    (
        "warbler",
        &[
            "warbler-backup",
            "warbler-domain",
            "warbler-http",
            "warbler-knowledge",
            "warbler-mail",
            "warbler-models",
            "warbler-package",
            "warbler-runtime",
            "warbler-service",
            "warbler-store",
            "warbler-text",
        ],
    ),
    ("warbler-plugin", &["warbler-domain", "warbler-mail", "warbler-package", "warbler-runtime", "warbler-text"]),
];

/// Libraries that only one crate may name.
const KEPT_IN: &[(&str, &str)] = &[
    ("wasmtime", "warbler-runtime"),
    ("sled", "warbler-store"),
    ("axum", "warbler-http"),
    ("argon2", "warbler-service"),
    ("lettre", "warbler-mail"),
    ("rmcp", "warbler-models"),
    ("tantivy", "warbler-knowledge"),
    ("rustic_core", "warbler-backup"),
];

/// Files that may make a tenant's scope, by what they are for.
const SCOPE_MAKERS: &[&str] = &["host/domain/", "host/service/", "host/store/", "tests/", "sdk/cli/"];

/// Longest file, in lines; tests are not counted.
const LONGEST: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every file that git would commit, relative to the root.
fn files() -> Vec<String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files failed");
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().filter(|file| root().join(file).is_file()).map(str::to_owned).collect()
}

fn rust_files() -> Vec<(String, String)> {
    let files = files().into_iter().filter(|file| file.ends_with(".rs"));
    files.map(|file| (fs::read_to_string(root().join(&file)).unwrap(), file)).map(|(text, file)| (file, text)).collect()
}

/// The part of a source file that is not its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap()
}

fn is_test(file: &str) -> bool {
    // A `world.rs` holds what unit tests of a crate live in.
    file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("tests.rs") || file.ends_with("world.rs")
}

fn none(what: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

/// The declared dependencies of each crate of the workspace, without those of tests.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(cargo).args(asked).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let normal = |value: &&serde_json::Value| value["kind"].is_null();
    packages
        .iter()
        .map(|package| {
            (name(package), package["dependencies"].as_array().unwrap().iter().filter(normal).map(name).collect())
        })
        .collect()
}

#[test]
fn crates_depend_only_downwards() {
    let dependencies = dependencies();
    let mut offenders = Vec::new();
    for (crate_name, allowed) in EDGES {
        let declared = dependencies.get(*crate_name).unwrap_or_else(|| panic!("there is no crate {crate_name}"));
        let ours = declared.iter().filter(|name| name.starts_with("warbler"));
        offenders
            .extend(ours.filter(|name| !allowed.contains(&name.as_str())).map(|name| format!("{crate_name} → {name}")));
    }
    none("edges that the architecture does not have", &offenders);
}

#[test]
fn heavy_libraries_stay_in_their_room() {
    let mut offenders = Vec::new();
    for (crate_name, declared) in dependencies() {
        let host = EDGES.iter().any(|(name, _)| *name == crate_name);
        for (library, room) in KEPT_IN {
            if host && crate_name != *room && declared.iter().any(|name| name == library) {
                // The binary builds the router's state, and so names axum.
                if !(crate_name == "warbler" && *library == "axum") {
                    offenders.push(format!("{crate_name} names {library}, which belongs to {room}"));
                }
            }
        }
    }
    none("libraries outside their room", &offenders);
}

#[test]
fn the_top_level_holds_only_its_rooms() {
    let rooms = ["host", "wit", "plugins", "sdk", "tests"];
    let mut offenders = Vec::new();
    for file in files() {
        let top = file.split('/').next().unwrap();
        let is_file = !file.contains('/');
        if !is_file && !rooms.contains(&top) && !top.starts_with('.') {
            offenders.push(top.to_owned());
        }
    }
    offenders.dedup();
    none("folders at the top that are no room", &offenders);
}

#[test]
fn every_file_says_first_what_lives_in_it() {
    let silent = rust_files().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(file, _)| file);
    none("files whose first line is not //!", &silent.collect::<Vec<_>>());
}

#[test]
fn no_file_is_called_mod() {
    let offenders = files().into_iter().filter(|file| file.ends_with("/mod.rs"));
    none("use name.rs beside name/", &offenders.collect::<Vec<_>>());
}

#[test]
fn no_file_grows_past_what_one_can_hold_in_the_head() {
    let sources = rust_files().into_iter().filter(|(file, _)| !is_test(file));
    let long =
        sources.map(|(file, text)| (without_tests(&text).lines().count(), file)).filter(|(lines, _)| *lines > LONGEST);
    none("longer than 500 lines", &long.map(|(lines, file)| format!("{file}: {lines}")).collect::<Vec<_>>());
}

#[test]
fn time_identifiers_and_environment_come_in_as_arguments() {
    let banned = ["SystemTime::now(", "now_v7(", "now_v4(", "env::var(", "env::var_os("];
    // Where the ports are implemented, and the borders where the environment is read.
    let borders = ["host/domain/src/time.rs", "host/domain/src/ids.rs", "host/server/", "sdk/cli/"];
    let mut offenders = Vec::new();
    for (file, text) in rust_files() {
        if is_test(&file) || borders.iter().any(|border| file.starts_with(border)) || file.starts_with("plugins/") {
            continue;
        }
        let code = without_tests(&text);
        offenders.extend(banned.iter().filter(|word| code.contains(**word)).map(|word| format!("{file}: {word}")));
    }
    none("read from the world instead of an argument", &offenders);
}

#[test]
fn a_tenant_scope_is_made_only_where_someone_was_authenticated_or_the_host_works_for_itself() {
    let made = ["TenantScope::authenticated(", "TenantScope::own_work(", "TenantScope::operator("];
    let mut offenders = Vec::new();
    for (file, text) in rust_files() {
        let allowed = SCOPE_MAKERS.iter().any(|prefix| file.starts_with(prefix)) || is_test(&file);
        if !allowed && made.iter().any(|word| without_tests(&text).contains(word)) {
            offenders.push(file);
        }
    }
    none("files that make a scope", &offenders);
    let authenticating = rust_files().into_iter().filter(|(file, text)| {
        file.starts_with("host/service/src") && without_tests(text).contains("TenantScope::authenticated(")
    });
    let authenticating: Vec<String> = authenticating.map(|(file, _)| file).collect();
    assert!(authenticating.len() <= 2, "authentication happens in too many places:\n  {}", authenticating.join("\n  "));
}

#[test]
fn released_contracts_are_frozen() {
    let list = fs::read_to_string(root().join("wit/frozen.sha256")).unwrap();
    let mut frozen = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let (digest, file) = line.split_once("  ").unwrap_or_else(|| panic!("not a line of sha256sum: {line}"));
        frozen.insert(format!("wit/{file}"), digest.to_owned());
    }
    let mut offenders = Vec::new();
    for file in files().into_iter().filter(|file| file.starts_with("wit/v") && file.ends_with(".wit")) {
        let digest = hex::encode(Sha256::digest(fs::read(root().join(&file)).unwrap()));
        if frozen.remove(&file).as_deref() != Some(digest.as_str()) {
            offenders.push(format!("{file} changed, or is not listed"));
        }
    }
    offenders.extend(frozen.into_keys().map(|file| format!("{file} is gone")));
    none("wit/frozen.sha256 does not match", &offenders);
}

#[test]
fn the_tree_names_no_machine_and_leaves_nothing_unfinished() {
    // Written in halves, so that this file does not offend itself.
    let banned = [["to", "do!("], ["unimpl", "emented!("], ["#[ig", "nore"], ["/ro", "ot/"], ["/wo", "rk/"]];
    let mut offenders = Vec::new();
    for file in files() {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        let found = banned.iter().map(|halves| halves.concat()).filter(|word| text.contains(word.as_str()));
        offenders.extend(found.map(|word| format!("{file}: {word}")));
    }
    none("unfinished, skipped, or tied to one machine", &offenders);
}
