//! Verification: what is accepted, and every refusal that signatures and the host's version cause.

use serde_json::json;
use warbler_package::{Digest, HostVersion, Limits, PackageError, verify};

use crate::fixture::{Author, NOW, check, check_at, filter, packaged, read, refusal, tiny, trusting};

#[test]
fn a_package_signed_by_a_trusted_publisher_is_verified() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([author.publisher()]);
    let verified = check(&package, &[&author.sign(&package)], &policy).unwrap();
    assert_eq!(verified.package(), &read(&package).unwrap());
    assert_eq!(verified.signers().len(), 1);
    assert_eq!(verified.signers()[0].publisher, "acme");
    assert!(!verified.is_development());
    assert!(verified.covers(&package) && !verified.covers(b"other"));
}

#[test]
fn a_package_without_signatures_is_unsigned() {
    let policy = trusting([Author::new().publisher()]);
    assert_eq!(refusal(check(&tiny(), &[], &policy)), "unsigned");
}

#[test]
fn a_signer_outside_the_policy_is_unknown_and_named() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([Author::new().publisher()]);
    let error = check(&package, &[&author.sign(&package)], &policy).unwrap_err();
    assert_eq!(error.code(), "unknown-publisher");
    assert!(error.to_string().contains(&author.key().id().to_string()), "{error}");
}

#[test]
fn a_changed_package_is_tampered_and_its_digest_named() {
    let (author, mut package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    let at = package.len() / 2;
    package[at] ^= 0x10;
    let error = check(&package, &[&signature], &trusting([author.publisher()])).unwrap_err();
    assert_eq!(error.code(), "tampered");
    assert!(error.to_string().contains(&Digest::of(&package).to_string()), "{error}");
}

#[test]
fn a_truncated_package_is_tampered_and_never_looked_into() {
    let (author, package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    let policy = trusting([author.publisher()]);
    for length in [0, 7, 100, package.len() - 1] {
        let code = refusal(check(&package[..length], &[&signature], &policy));
        assert_eq!(code, "tampered", "{length} bytes");
    }
}

#[test]
fn a_changed_comment_or_signature_is_a_bad_signature() {
    let (author, package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    let policy = trusting([author.publisher()]);
    let comment = signature.replace("version=1.2.3", "version=9.9.9");
    assert_ne!(comment, signature);
    assert_eq!(refusal(check(&package, &[&comment], &policy)), "bad-signature");
    // The genuine comment of another signature does not fit either.
    let other = author.sign_with(b"other", "name=other");
    let mut lines: Vec<&str> = signature.lines().collect();
    let others: Vec<&str> = other.lines().collect();
    lines[2..].copy_from_slice(&others[2..]);
    assert_eq!(refusal(check(&package, &[&lines.join("\n")], &policy)), "bad-signature");
}

#[test]
fn a_signature_by_another_key_under_a_trusted_key_id_is_a_bad_signature() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (trusted, stranger, package) = (Author::new(), Author::new(), tiny());
    let signature = stranger.sign(&package);
    let genuine = trusted.sign(&package);
    let line = |text: &str| STANDARD.decode(text.lines().nth(1).unwrap()).unwrap();
    let mut forged = line(&signature);
    forged[2..10].copy_from_slice(&line(&genuine)[2..10]);
    let forged = signature.replace(signature.lines().nth(1).unwrap(), &STANDARD.encode(forged));
    let policy = trusting([trusted.publisher()]);
    assert_eq!(refusal(check(&package, &[&forged], &policy)), "bad-signature");
}

#[test]
fn what_is_no_signature_is_a_bad_signature() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([author.publisher()]);
    let good = author.sign(&package);
    let long = good.replace("\ntrusted comment: ", &format!("\ntrusted comment: {}", "x".repeat(9000)));
    for text in [
        "",
        "\n\n\n",
        "untrusted comment: x\nRU\ntrusted comment: y\nAA",
        &good[..good.len() / 2],
        &format!("{good}more\n"),
        &good.replace("untrusted comment: ", "comment: "),
        &good.replace("name=", "\u{1b}[2Jname="),
        &long,
    ] {
        assert_eq!(refusal(check(&package, &[text], &policy)), "bad-signature", "{text:.60}");
    }
    assert!(check(&package, &[&good.replace('\n', "\r\n")], &policy).is_ok());
}

#[test]
fn a_comment_that_speaks_of_another_package_is_refused_by_field() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([author.publisher()]);
    let digest = Digest::of(&package);
    let other = Digest::of(b"other");
    for (comment, expected) in [
        (format!("name=other version=1.2.3 sha256={digest}"), "name"),
        (format!("name=tiny version=1.2.4 sha256={digest}"), "version"),
        (format!("name=tiny version=1.2.3 sha256={other}"), "sha256"),
    ] {
        let signature = author.sign_with(&package, &comment);
        match check(&package, &[&signature], &policy) {
            Err(PackageError::CommentMismatch { field, .. }) => assert_eq!(field, expected),
            other => panic!("{comment}: {other:?}"),
        }
    }
    let signature = author.sign_with(&package, "a fine package");
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "comment-mismatch");
}

#[test]
fn a_signature_ends_when_its_comment_says_so() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([author.publisher()]);
    let digest = Digest::of(&package);
    let comment = format!("name=tiny version=1.2.3 sha256={digest} expires={}", NOW / 1000);
    let signature = author.sign_with(&package, &comment);
    assert!(check_at(&package, &[&signature], &policy, NOW - 1).is_ok());
    let error = check_at(&package, &[&signature], &policy, NOW).unwrap_err();
    assert_eq!(error.code(), "expired");
    assert!(error.to_string().contains("signature"), "{error}");
    assert!(error.to_string().contains("2026-11-22T00:00:00Z"), "{error}");
}

#[test]
fn an_expiry_that_cannot_be_read_is_not_taken_for_none() {
    let (author, package) = (Author::new(), tiny());
    let digest = Digest::of(&package);
    let comment = format!("name=tiny version=1.2.3 sha256={digest} expires=never");
    let signature = author.sign_with(&package, &comment);
    let policy = trusting([author.publisher()]);
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "comment-mismatch");
}

#[test]
fn a_package_for_a_newer_host_is_refused_with_both_versions() {
    let author = Author::new();
    let package = packaged(&filter(), &json!({"min_host": "1.0.1"}));
    let signature = author.sign(&package);
    let policy = trusting([author.publisher()]);
    let error = check(&package, &[&signature], &policy).unwrap_err();
    assert_eq!(error.code(), "host-too-old");
    assert!(error.to_string().contains("1.0.1") && error.to_string().contains("1.0.0"));
    let host: HostVersion = "1.0.1".parse().unwrap();
    let limits = Limits::default();
    assert!(verify(&package, &[&signature], &policy, &limits, &host, NOW).is_ok());
}

#[test]
fn limits_hold_before_anything_is_computed() {
    let (author, package) = (Author::new(), tiny());
    let policy = trusting([author.publisher()]);
    let signature = author.sign(&package);
    let host: HostVersion = "1.0.0".parse().unwrap();
    let with = |limits: &Limits, texts: &[&str]| verify(&package, texts, &policy, limits, &host, NOW);
    let small = Limits { package_bytes: 10, ..Limits::default() };
    assert_eq!(refusal(with(&small, &[&signature])), "too-large");
    let short = Limits { signature_bytes: 10, ..Limits::default() };
    assert_eq!(refusal(with(&short, &[&signature])), "too-large");
    let many = vec![signature.as_str(); 17];
    assert_eq!(refusal(with(&Limits::default(), &many)), "too-many-signatures");
}

#[test]
fn a_signature_does_not_make_a_bad_package_good() {
    let author = Author::new();
    let policy = trusting([author.publisher()]);
    let core = wat::parse_str("(module)").unwrap();
    let unasked = {
        let exports = ["warbler:plugin/lifecycle@0.1.0", "warbler:plugin/content-filter@0.1.0"];
        crate::fixture::component(&["warbler:plugin/storage@0.1.0"], &exports)
    };
    for (bytes, expected) in [
        (core, "not-a-component"),
        (b"\0asm\x0d\0\x01\0\x07".to_vec(), "truncated"),
        (filter(), "manifest-missing"),
        (packaged(&unasked, &json!({})), "import-not-asked"),
    ] {
        let digest = Digest::of(&bytes);
        let comment = format!("name=tiny version=1.2.3 sha256={digest}");
        let signature = author.sign_with(&bytes, &comment);
        assert_eq!(refusal(check(&bytes, &[&signature], &policy)), expected);
    }
}

#[test]
fn no_refusal_is_worth_another_try() {
    let error = check(&tiny(), &[], &trusting([])).unwrap_err();
    assert!(!error.is_transient());
}
