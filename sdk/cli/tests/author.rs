//! The tool as its users run it: the whole way of an author, with Debian's minisign as the counterpart.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The tool, in `folder`. Guests share one build folder, so that the standard library is built once.
fn tool(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warbler-plugin"));
    command.args(arguments).current_dir(folder);
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"));
    command.env_remove("WARBLER_PLUGIN_KEY_PASSWORD").output().unwrap()
}

/// What the tool printed; it must have succeeded.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = tool(folder, arguments);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// What the tool printed and complained of; it must have failed.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = tool(folder, arguments);
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    assert!(!output.status.success(), "{arguments:?} should have failed\n{printed}");
    printed
}

fn minisign(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("minisign").args(arguments).current_dir(folder).output().unwrap()
}

/// A new project in a scratch folder.
fn project() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    done(scratch.path(), &["new", "demo-filter"]);
    let folder = scratch.path().join("demo-filter");
    (scratch, folder)
}

const PACKAGE: &str = "target/warbler/demo-filter-0.1.0.wasm";

#[test]
fn an_author_goes_from_an_empty_folder_to_a_signed_package_that_minisign_accepts() {
    let (_scratch, folder) = project();
    done(&folder, &["build"]);
    let first = fs::read(folder.join(PACKAGE)).unwrap();
    done(&folder, &["build"]);
    assert!(first == fs::read(folder.join(PACKAGE)).unwrap(), "the same source gave other bytes");
    let paths = [env!("CARGO_TARGET_TMPDIR"), folder.to_str().unwrap(), env!("HOME")];
    let text = String::from_utf8_lossy(&first);
    for path in paths {
        assert!(!text.contains(path), "the component names {path}");
    }

    inspects(&folder);
    runs_cases(&folder);

    done(&folder, &["keygen", "--no-password"]);
    done(&folder, &["sign"]);
    assert!(done(&folder, &["verify"]).contains("signed by"));
    assert!(minisign(&folder, &["-V", "-p", "plugin.pub", "-m", PACKAGE]).status.success());

    works_with_keys_and_signatures_of_minisign(&folder);
    refuses_what_was_changed(&folder);
}

/// A component imports only what its code calls, although the SDK wraps every import.
fn inspects(folder: &Path) {
    let shown: Value = serde_json::from_str(&done(folder, &["inspect", "--json"])).unwrap();
    assert_eq!(shown.pointer("/manifest/name").unwrap(), "demo-filter");
    assert_eq!(shown.pointer("/manifest/description").unwrap(), "Warns of words that are on a list");
    let imports: Vec<&str> =
        shown.get("imports").unwrap().as_array().unwrap().iter().map(|i| i.as_str().unwrap()).collect();
    assert_eq!(imports, ["warbler:plugin/types@0.1.0", "warbler:plugin/log@0.1.0"]);
    assert!(done(folder, &["inspect"]).contains("content-filter"));
}

fn runs_cases(folder: &Path) {
    let printed = done(folder, &["test"]);
    assert!(printed.contains(" 0 failed"), "{printed}");
    let case = r#"{"name": "a wrong hope", "text": "a scam", "expect": {"verdict": "reject"}}"#;
    fs::write(folder.join("cases/wrong.json"), case).unwrap();
    let printed = refused(folder, &["test"]);
    assert!(printed.contains("FAIL  a wrong hope"), "{printed}");
    assert!(printed.contains("expected the verdict reject, got warn (listed-word"), "{printed}");
    assert!(printed.contains("1 of "), "{printed}");
    fs::remove_file(folder.join("cases/wrong.json")).unwrap();
}

fn works_with_keys_and_signatures_of_minisign(folder: &Path) {
    assert!(minisign(folder, &["-G", "-W", "-s", "theirs.key", "-p", "theirs.pub"]).status.success());
    // Another key's signature takes a place of its own, so that both stand beside the package.
    let place = done(folder, &["sign", "--key", "theirs.key"]);
    assert_ne!(place.trim(), format!("{PACKAGE}.minisig"));
    done(folder, &["verify", "--key", "theirs.pub"]);
    done(folder, &["verify", "--key", "plugin.pub", "--key", "theirs.pub", "--all"]);

    // And minisign signs with a key of ours.
    let comment = ["-t", "by minisign", "-x", "ours.minisig"];
    let sign = [&["-S", "-s", "plugin.key", "-m", PACKAGE], comment.as_slice()].concat();
    let signed = minisign(folder, &sign);
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));

    let shown: Value = serde_json::from_str(&done(folder, &["inspect", "--json"])).unwrap();
    assert_eq!(shown.get("signatures").unwrap().as_array().unwrap().len(), 2);
    let comment = format!("name=demo-filter version=0.1.0 sha256={}", shown.get("sha256").unwrap().as_str().unwrap());
    let sign = ["-S", "-s", "theirs.key", "-m", PACKAGE, "-t", &comment, "-x", "theirs.minisig"];
    assert!(minisign(folder, &sign).status.success());
    done(folder, &["verify", "--key", "theirs.pub", "--signature", "theirs.minisig"]);
}

fn refuses_what_was_changed(folder: &Path) {
    let mut bytes = fs::read(folder.join(PACKAGE)).unwrap();
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).unwrap() ^= 1;
    fs::write(folder.join(PACKAGE), bytes).unwrap();
    let printed = refused(folder, &["verify"]);
    assert!(printed.contains("is refused"), "{printed}");
}

/// The template of each hook is a plugin that works. Its unit tests are run with those of the SDK.
#[test]
fn every_hook_has_a_template_that_builds_and_passes_its_own_tests() {
    for (hook, import) in [("agent", "models"), ("push", "http"), ("backup-sink", "storage")] {
        let scratch = tempfile::tempdir().unwrap();
        done(scratch.path(), &["new", "demo", "--hook", hook]);
        let folder = scratch.path().join("demo");
        done(&folder, &["build"]);
        let shown = done(&folder, &["inspect", "--json"]);
        assert!(shown.contains(&format!("warbler:plugin/{import}@0.1.0")), "{shown}");
        let printed = done(&folder, &["test"]);
        assert!(printed.contains(" 0 failed"), "{printed}");
    }
}

/// Making components of these languages takes their registries. What can be run without them is.
#[test]
fn templates_of_other_languages_pass_their_own_unit_tests() {
    let python: &[&str] = &["python3", "-m", "unittest", "discover", "tests"];
    for (hook, language, tests) in [
        ("content-filter", "js", &["node", "--test"][..]),
        ("content-filter", "python", python),
        ("push", "js", &["node", "--test"]),
        ("push", "python", python),
        ("agent", "python", python),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        done(scratch.path(), &["new", "demo", "--hook", hook, "--lang", language]);
        let (program, arguments) = tests.split_first().unwrap();
        match Command::new(program).args(arguments).current_dir(scratch.path().join("demo")).output() {
            Ok(output) => {
                let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                assert!(output.status.success(), "{hook} in {language}: {printed}");
            }
            Err(error) => println!("SKIPPED: the template of {hook} in {language} needs {program}: {error}"),
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let refusal = refused(scratch.path(), &["new", "demo", "--hook", "agent", "--lang", "js"]);
    assert!(refusal.contains("cannot be written in JavaScript yet"), "{refusal}");
}

#[test]
fn a_secret_key_is_for_its_owner_alone_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["keygen", "--no-password"]);
    let key = folder.path().join("plugin.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let printed = refused(folder.path(), &["keygen", "--no-password"]);
    assert!(printed.contains("plugin.key is there already"), "{printed}");
    assert_eq!(fs::read(&key).unwrap(), before);
}

#[test]
fn new_refuses_a_folder_that_is_not_empty_and_a_name_that_is_none() {
    let (scratch, _) = project();
    assert!(refused(scratch.path(), &["new", "demo-filter"]).contains("not empty"));
    assert!(refused(scratch.path(), &["new", "Demo_Filter"]).contains("plugin name"));
}

#[test]
fn a_manifest_that_does_not_fit_the_project_is_refused_before_anything_is_compiled() {
    let (_scratch, folder) = project();
    let manifest = folder.join("manifest.json");
    for (text, complaint) in [
        (r#"{"name": "other", "hooks": ["content-filter"]}"#, r#"`name` is "other""#),
        (r#"{"version": "9.9.9", "hooks": ["content-filter"]}"#, r#"`version` is "9.9.9""#),
        (r#"{"hooks": ["content-filtre"]}"#, "content-filtre"),
        (r#"{"hooks": [], "colour": 1}"#, "colour"),
        ("[]", "no JSON object"),
    ] {
        fs::write(&manifest, text).unwrap();
        let printed = refused(&folder, &["build"]);
        assert!(printed.contains(complaint), "{text}: {printed}");
        assert!(!printed.contains("Compiling"), "{printed}");
    }
}

#[test]
fn a_folder_without_a_project_is_named_and_so_is_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let printed = refused(folder.path(), &["build"]);
    assert!(printed.contains("holds no plugin") && printed.contains("warbler-plugin new"), "{printed}");
}
