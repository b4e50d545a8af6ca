//! Both ways between this library and Debian's `minisign`.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::fixture::{Author, check, read, refusal, tiny, trusting};
use warbler_package::{PublicKey, Publisher, Signature};

/// Runs `minisign` in `folder`, with nobody there to type a password.
fn minisign(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("minisign")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program `minisign` must be in PATH; `cargo xtask setup` installs it")
}

/// A folder with a key pair that `minisign` made, and the package of `tiny`.
fn signed_by_minisign(extra: &[&str]) -> (TempDir, Vec<u8>, String, PublicKey) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = minisign(path, &["-G", "-W", "-p", "key.pub", "-s", "key.sec"]);
    assert!(made.status.success(), "{made:?}");
    let package = tiny();
    fs::write(path.join("tiny.wasm"), &package).unwrap();
    let comment = read(&package).unwrap().trusted_comment(None).to_string();
    let mut arguments = vec!["-S", "-W", "-s", "key.sec", "-m", "tiny.wasm", "-t", &comment];
    arguments.extend(extra);
    let signed = minisign(path, &arguments);
    assert!(signed.status.success(), "{signed:?}");
    let signature = fs::read_to_string(path.join("tiny.wasm.minisig")).unwrap();
    let key = fs::read_to_string(path.join("key.pub")).unwrap().parse().unwrap();
    (folder, package, signature, key)
}

#[test]
fn a_signature_by_minisign_is_accepted() {
    let (folder, package, signature, key) = signed_by_minisign(&[]);
    let policy = trusting([Publisher::new("debian", key)]);
    let verified = check(&package, &[&signature], &policy).unwrap();
    assert_eq!(verified.signers()[0].key, key.id());
    assert_eq!(verified.signers()[0].publisher, "debian");
    // minisign prints the key's id into the comment of its public key.
    let public = fs::read_to_string(folder.path().join("key.pub")).unwrap();
    assert!(public.lines().next().unwrap().ends_with(&key.id().to_string()));
    assert!(public.contains(&key.to_string()));
}

#[test]
fn a_signature_with_our_comment_is_accepted_by_minisign() {
    let folder = tempfile::tempdir().unwrap();
    let author = Author::new();
    let package = tiny();
    let comment = read(&package).unwrap().trusted_comment(None).to_string();
    let file = folder.path().join("tiny.wasm");
    fs::write(&file, &package).unwrap();
    fs::write(folder.path().join("tiny.wasm.minisig"), author.sign(&package)).unwrap();
    fs::write(folder.path().join("key.pub"), author.public_file()).unwrap();
    let verify = ["-V", "-p", "key.pub", "-m", "tiny.wasm"];
    let accepted = minisign(folder.path(), &verify);
    assert!(accepted.status.success(), "{accepted:?}");
    assert!(String::from_utf8_lossy(&accepted.stdout).contains(&comment));

    let key = author.key().to_string();
    let by_line = minisign(folder.path(), &["-V", "-P", &key, "-m", "tiny.wasm"]);
    assert!(by_line.status.success(), "{by_line:?}");

    fs::write(&file, [&package[..], b"\0"].concat()).unwrap();
    assert!(!minisign(folder.path(), &verify).status.success());
}

#[test]
fn a_package_changed_after_minisign_signed_it_is_tampered() {
    let (_folder, mut package, signature, key) = signed_by_minisign(&[]);
    let policy = trusting([Publisher::new("debian", key)]);
    *package.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "tampered");
}

#[test]
fn a_legacy_signature_by_minisign_is_refused_as_such() {
    let (_folder, package, signature, key) = signed_by_minisign(&["-l"]);
    let policy = trusting([Publisher::new("debian", key)]);
    let refused = check(&package, &[&signature], &policy).unwrap_err();
    assert_eq!(refused.code(), "legacy-signature");
    assert!(refused.to_string().contains(&key.id().to_string()), "{refused}");
}

#[test]
fn the_comment_that_minisign_writes_by_itself_says_too_little() {
    let (folder, package, _, key) = signed_by_minisign(&[]);
    let again = ["-S", "-W", "-s", "key.sec", "-m", "tiny.wasm"];
    assert!(minisign(folder.path(), &again).status.success());
    let signature = fs::read_to_string(folder.path().join("tiny.wasm.minisig")).unwrap();
    let parsed: Signature = signature.parse().unwrap();
    assert!(parsed.verify(&package, &key).unwrap().starts_with("timestamp:"));
    let policy = trusting([Publisher::new("debian", key)]);
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "comment-mismatch");
}
