//! Reading packages: what is one, and what its manifest and component must agree on.

use serde_json::json;
use warbler_package::{
    Digest, Granted, Hook, Limits, MANIFEST_SECTION, Package, PackageError, Permissions, check_grants, embed_manifest,
};
use wasm_encoder::{ComponentSection, CustomSection};

use crate::fixture::{component, filter, manifest, packaged, read, refusal, tiny};

const LIFECYCLE: &str = "warbler:plugin/lifecycle@0.1.0";
const FILTER: &str = "warbler:plugin/content-filter@0.1.0";
const STORAGE: &str = "warbler:plugin/storage@0.1.0";
const SECRETS: &str = "warbler:plugin/secrets@0.1.0";

fn section(name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    CustomSection { name: name.into(), data: data.into() }.append_to_component(&mut bytes);
    bytes
}

#[test]
fn a_package_tells_its_name_hooks_imports_and_digest() {
    let bytes = tiny();
    let package = read(&bytes).unwrap();
    assert_eq!(package.name().as_str(), "tiny");
    assert_eq!(package.version().to_string(), "1.2.3");
    assert_eq!(package.hooks(), [Hook::ContentFilter]);
    assert_eq!(package.digest(), Digest::of(&bytes));
    assert_eq!(package.size(), bytes.len() as u64);
    assert!(package.imports().contains(&"warbler:plugin/log@0.1.0".to_owned()));
    assert!(package.exports().contains(&FILTER.to_owned()));
}

#[test]
fn one_component_may_export_every_hook() {
    let bytes = component(
        &[],
        &[
            LIFECYCLE,
            FILTER,
            "warbler:plugin/agent@0.1.0",
            "warbler:plugin/push@0.1.0",
            "warbler:plugin/backup-sink@0.1.0",
        ],
    );
    let all = json!({
        "hooks": ["push", "agent", "backup-sink", "content-filter"], "push_kinds": ["sms"],
        "permissions": {"conversation": true},
    });
    assert_eq!(read(&packaged(&bytes, &all)).unwrap().hooks().len(), 4);
}

#[test]
fn embedding_again_replaces_the_manifest_and_keeps_other_sections() {
    let mut bytes = filter();
    bytes.extend(section("homepage", b"https://example.com"));
    let once = packaged(&bytes, &json!({}));
    let twice = packaged(&once, &json!({"version": "2.0.0"}));
    assert_eq!(read(&twice).unwrap().version().to_string(), "2.0.0");
    assert!(twice.starts_with(&bytes));
    assert_eq!(once, packaged(&twice, &json!({})));
}

#[test]
fn other_files_are_not_components() {
    let core = wat::parse_str("(module)").unwrap();
    let other_version = b"\0asm\x0e\0\x01\0";
    for bytes in [&b""[..], b"MZ", b"PK\x03\x04 a zip file", &core, other_version] {
        assert_eq!(refusal(read(bytes)), "not-a-component", "{bytes:?}");
        assert_eq!(refusal(embed_manifest(bytes, &manifest(&json!({})))), "not-a-component");
    }
    let message = read(&core).unwrap_err().to_string();
    assert!(message.contains("core module"), "{message}");
}

#[test]
fn every_piece_of_a_package_is_refused() {
    let bytes = tiny();
    let mut borders = 0;
    for length in 1..bytes.len() {
        match refusal(read(&bytes[..length])) {
            "truncated" => {}
            // Cut between two sections it is a component again; the manifest is the last of them.
            "manifest-missing" => borders += 1,
            other => panic!("{length} bytes: {other}"),
        }
    }
    assert!((1..100).contains(&borders), "{borders}");
}

#[test]
fn garbage_inside_a_component_is_malformed() {
    let mut bytes = filter();
    // Section 7 holds types; this one promises 200 of them in one byte.
    bytes.extend([7, 2, 0xC8, 0x01]);
    assert_eq!(refusal(read(&bytes)), "malformed-component");
}

#[test]
fn a_package_over_the_limit_is_refused_with_size_and_limit() {
    let bytes = tiny();
    let limits = Limits { package_bytes: 100, ..Limits::default() };
    let error = Package::read(&bytes, &limits).unwrap_err();
    assert_eq!(error.code(), "too-large");
    let size = bytes.len();
    assert_eq!(error.to_string(), format!("the package has {size} bytes, the limit is 100"));
}

#[test]
fn a_manifest_over_the_limit_is_refused() {
    let limits = Limits { manifest_bytes: 10, ..Limits::default() };
    assert_eq!(refusal(Package::read(&tiny(), &limits)), "too-large");
}

#[test]
fn exactly_one_manifest_is_needed_at_the_top_level() {
    assert_eq!(refusal(read(&filter())), "manifest-missing");
    let mut twice = tiny();
    twice.extend(section(MANIFEST_SECTION, b"{}"));
    let error = read(&twice).unwrap_err();
    assert!(matches!(error, PackageError::ManifestRepeated { count: 2 }), "{error:?}");
    // A manifest of a component within does not speak for the whole.
    let mut nested = filter();
    let inner = tiny();
    nested.push(4);
    nested.extend(leb128(inner.len()));
    nested.extend(&inner);
    assert_eq!(refusal(read(&nested)), "manifest-missing");
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[test]
fn a_manifest_that_names_other_hooks_than_the_exports_is_refused_with_both() {
    let more = packaged(&filter(), &json!({"hooks": ["content-filter", "agent"]}));
    let error = read(&more).unwrap_err();
    assert_eq!(error.code(), "manifest-mismatch");
    let text = error.to_string();
    assert!(text.contains("[content-filter, agent]") && text.contains("exports [content-filter]"));

    let both = component(&[], &[LIFECYCLE, FILTER, "warbler:plugin/backup-sink@0.1.0"]);
    assert_eq!(refusal(read(&packaged(&both, &json!({})))), "manifest-mismatch");
}

#[test]
fn a_component_without_lifecycle_is_refused() {
    let bytes = packaged(&component(&[], &[FILTER]), &json!({}));
    assert_eq!(refusal(read(&bytes)), "lifecycle-missing");
}

#[test]
fn a_hook_of_another_contract_version_is_an_unknown_export() {
    let later = "warbler:plugin/content-filter@0.2.0";
    let error = read(&packaged(&component(&[], &[LIFECYCLE, later]), &json!({}))).unwrap_err();
    assert_eq!(error.code(), "unknown-export");
    assert!(error.to_string().contains(later), "{error}");
}

#[test]
fn an_unknown_import_is_refused_by_name_and_wasi_is_known() {
    let door = component(&["acme:thing/door@1.0.0"], &[LIFECYCLE, FILTER]);
    let error = read(&packaged(&door, &json!({}))).unwrap_err();
    assert_eq!(error.code(), "unknown-import");
    assert!(error.to_string().contains("acme:thing/door@1.0.0"), "{error}");

    let clock = component(&["wasi:clocks/monotonic-clock@0.2.6"], &[LIFECYCLE, FILTER]);
    assert!(read(&packaged(&clock, &json!({}))).is_ok());
}

#[test]
fn an_import_that_the_manifest_does_not_ask_for_is_refused() {
    let bytes = component(&[STORAGE, SECRETS], &[LIFECYCLE, FILTER]);
    let storage = json!({"permissions": {"storage": {"quota_bytes": 1024}}});
    let error = read(&packaged(&bytes, &storage)).unwrap_err();
    assert_eq!(error.code(), "import-not-asked");
    assert!(error.to_string().contains("`secrets`"), "{error}");
}

#[test]
fn an_import_that_was_not_granted_is_refused_and_a_granted_one_is_not() {
    let bytes = component(&[STORAGE], &[LIFECYCLE, FILTER]);
    let asked = json!({"permissions": {"storage": {"quota_bytes": 1024}, "secrets": ["token"]}});
    let package = read(&packaged(&bytes, &asked)).unwrap();
    let error = check_grants(&package, &Granted::default()).unwrap_err();
    assert_eq!(error.code(), "import-not-granted");
    assert!(error.to_string().contains("`storage`"), "{error}");
    // What is asked for and not imported, such as the secret, does not have to be granted.
    let granted = Granted(Permissions { secrets: [].into(), ..package.manifest().permissions.clone() });
    assert!(check_grants(&package, &granted).is_ok());
}
