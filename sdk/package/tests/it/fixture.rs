//! What the tests share: tiny components built from text, keys, signatures and a policy.

use std::{fmt::Write, io::Cursor, path::Path};

use minisign::KeyPair;
use serde_json::{Value, json};
use warbler_package::{
    HostVersion, Limits, Manifest, Package, PackageError, PublicKey, Publisher, TrustPolicy, Verified, embed_manifest,
    verify,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The moment at which the tests verify: 2026-11-22, in Unix milliseconds.
pub(crate) const NOW: u64 = 1_795_305_600_000;

/// Interfaces outside the contract that fixtures may import.
const OUTSIDE: [&str; 3] = [
    "package wasi:clocks@0.2.6; interface monotonic-clock { now: func() -> u64; }",
    "package acme:thing@1.0.0; interface door { open: func(); }",
    "package warbler:plugin@0.2.0; interface content-filter { check: func(); }",
];

/// The core functions of an interface: name, parameters and results in the canonical ABI.
fn functions(interface: &str) -> &'static [(&'static str, &'static str)] {
    match interface {
        "warbler:plugin/lifecycle@0.1.0" => &[("init", "(param i32 i32) (result i32)")],
        "warbler:plugin/content-filter@0.1.0" => &[("check", "(param i32) (result i32)")],
        "warbler:plugin/agent@0.1.0" => &[("reply", "(param i32) (result i32)")],
        "warbler:plugin/push@0.1.0" => &[("deliver", "(param i32 i32) (result i32)")],
        "warbler:plugin/backup-sink@0.1.0" => &[
            ("put", "(param i32 i32 i32 i32) (result i32)"),
            ("get", "(param i32 i32 i64 i64) (result i32)"),
            ("list", "(param i32 i32 i32 i32 i32) (result i32)"),
            ("delete", "(param i32 i32) (result i32)"),
        ],
        "warbler:plugin/log@0.1.0" => &[("write", "(param i32 i32 i32)")],
        "warbler:plugin/storage@0.1.0" => &[("delete", "(param i32 i32)")],
        "warbler:plugin/secrets@0.1.0" => &[("get", "(param i32 i32 i32)")],
        "wasi:clocks/monotonic-clock@0.2.6" => &[("now", "(result i64)")],
        "acme:thing/door@1.0.0" => &[("open", "")],
        "warbler:plugin/content-filter@0.2.0" => &[("check", "")],
        other => panic!("the fixture has no functions for {other}"),
    }
}

/// A component without a manifest that imports and exports these interfaces.
pub(crate) fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let mut text = String::from("(module\n");
    for interface in imports {
        for (name, signature) in functions(interface) {
            writeln!(text, "(import \"{interface}\" \"{name}\" (func {signature}))").unwrap();
        }
    }
    text += "(memory (export \"memory\") 1)\n";
    text += "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)\n";
    for interface in exports {
        for (name, signature) in functions(interface) {
            writeln!(text, "(func (export \"{interface}#{name}\") {signature} unreachable)").unwrap();
        }
    }
    let mut module = wat::parse_str(text + ")").unwrap();

    let mut world = String::from("package test:fixture; world fixture {\n");
    for (word, interfaces) in [("import", imports), ("export", exports)] {
        for interface in interfaces {
            writeln!(world, "{word} {interface};").unwrap();
        }
    }
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1");
    resolve.push_dir(&contract).unwrap();
    for outside in OUTSIDE {
        resolve.push_str("outside.wit", outside).unwrap();
    }
    let package = resolve.push_str("fixture.wit", &(world + "}")).unwrap();
    let world = resolve.select_world(&[package], Some("fixture")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap().validate(true);
    encoder.encode().unwrap()
}

/// A component that exports one hook and imports only the log.
pub(crate) fn filter() -> Vec<u8> {
    component(&["warbler:plugin/log@0.1.0"], &["warbler:plugin/lifecycle@0.1.0", "warbler:plugin/content-filter@0.1.0"])
}

/// The manifest of a filter called `tiny`, with `changes` laid over it; `null` takes a field away.
pub(crate) fn manifest_json(changes: &Value) -> Value {
    let mut manifest = json!({"name": "tiny", "version": "1.2.3", "hooks": ["content-filter"]});
    let fields = manifest.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
    manifest
}

/// The parsed manifest of [`manifest_json`].
pub(crate) fn manifest(changes: &Value) -> Manifest {
    let json = serde_json::to_vec(&manifest_json(changes)).unwrap();
    Manifest::parse(&json, &Limits::default()).unwrap()
}

/// `component` with the manifest of [`manifest`].
pub(crate) fn packaged(component: &[u8], changes: &Value) -> Vec<u8> {
    embed_manifest(component, &manifest(changes)).unwrap()
}

/// The package of a filter called `tiny`.
pub(crate) fn tiny() -> Vec<u8> {
    packaged(&filter(), &json!({}))
}

/// Reads a package under the default limits.
pub(crate) fn read(bytes: &[u8]) -> Result<Package, PackageError> {
    Package::read(bytes, &Limits::default())
}

/// Someone who signs.
pub(crate) struct Author(KeyPair);

impl Author {
    /// An author with a new key.
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    /// The author's public key, as this library reads it.
    pub(crate) fn key(&self) -> PublicKey {
        self.0.pk.to_base64().parse().unwrap()
    }

    /// The author as a trusted publisher.
    pub(crate) fn publisher(&self) -> Publisher {
        Publisher::new("acme", self.key())
    }

    /// The `.pub` file's text.
    pub(crate) fn public_file(&self) -> String {
        self.0.pk.to_box().unwrap().into_string()
    }

    /// A signature over `bytes` with this trusted comment.
    pub(crate) fn sign_with(&self, bytes: &[u8], comment: &str) -> String {
        let KeyPair { pk, sk } = &self.0;
        minisign::sign(Some(pk), sk, Cursor::new(bytes), Some(comment), None).unwrap().into_string()
    }

    /// The proper signature over a package.
    pub(crate) fn sign(&self, package: &[u8]) -> String {
        let comment = read(package).unwrap().trusted_comment(None).to_string();
        self.sign_with(package, &comment)
    }
}

/// A policy that trusts these publishers.
pub(crate) fn trusting(publishers: impl IntoIterator<Item = Publisher>) -> TrustPolicy {
    TrustPolicy { publishers: publishers.into_iter().collect(), ..TrustPolicy::default() }
}

/// Verifies under the default limits, on host 1.0.0, at [`NOW`].
pub(crate) fn check(bytes: &[u8], signatures: &[&str], policy: &TrustPolicy) -> Result<Verified, PackageError> {
    check_at(bytes, signatures, policy, NOW)
}

/// Verifies under the default limits, on host 1.0.0.
pub(crate) fn check_at(
    bytes: &[u8],
    signatures: &[&str],
    policy: &TrustPolicy,
    now: u64,
) -> Result<Verified, PackageError> {
    let host: HostVersion = "1.0.0".parse().unwrap();
    verify(bytes, signatures, policy, &Limits::default(), &host, now)
}

/// The code of a refusal.
pub(crate) fn refusal<T>(result: Result<T, PackageError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}
