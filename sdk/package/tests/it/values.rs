//! Small values that are written as text.

use proptest::prelude::*;
use warbler_package::{Digest, Expiry, KeyId, NamePattern, PublicKey, TrustedComment};

use crate::fixture::Author;

#[test]
fn a_digest_is_that_of_sha256() {
    // FIPS 180-4, the message "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Digest::of(b"abc").to_string(), expected);
    assert_eq!(expected.parse::<Digest>().unwrap(), Digest::of(b"abc"));
    assert_eq!(serde_json::to_string(&Digest::of(b"abc")).unwrap(), format!("\"{expected}\""));
    for text in ["", "ba78", &expected.to_uppercase(), &format!("{expected}00")] {
        assert!(text.parse::<Digest>().is_err(), "{text}");
    }
}

#[test]
fn an_expiry_is_read_from_three_forms_and_written_in_one() {
    for text in ["2027-01-02T00:00:00Z", "2027-01-02", "1798848000", "2027-01-02T08:00:00+08:00"] {
        let expiry: Expiry = text.parse().unwrap();
        assert_eq!(expiry.unix_ms(), 1_798_848_000_000, "{text}");
        assert_eq!(expiry.to_string(), "2027-01-02T00:00:00Z");
        assert!(expiry.has_come(1_798_848_000_000) && !expiry.has_come(1_798_847_999_999));
    }
    for text in ["", "tomorrow", "-1", "2027-13-01", "1960-01-01", "99999999999999999999"] {
        assert!(text.parse::<Expiry>().is_err(), "{text}");
    }
}

#[test]
fn a_public_key_is_read_from_its_file_and_from_its_line() {
    let author = Author::new();
    let file: PublicKey = author.public_file().parse().unwrap();
    assert_eq!(file, author.key());
    let line = author.key().to_string();
    let crlf = author.public_file().replace('\n', "\r\n");
    assert_eq!(crlf.parse::<PublicKey>().unwrap(), file);
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), file);
    for text in ["", "RW", &line[..40], &format!("{line}\n{line}"), &format!("{line}A")] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
    // The point of order 1 would let anybody sign.
    let weak = "RWQBAgMEBQYHCAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let error = weak.parse::<PublicKey>().unwrap_err().to_string();
    assert!(error.contains("usable"), "{error}");
}

#[test]
fn a_pattern_means_one_name_a_beginning_or_all() {
    let matches = |pattern: &str, name| pattern.parse::<NamePattern>().unwrap().matches(name);
    assert!(matches("tiny", "tiny") && !matches("tiny", "tiny-two"));
    assert!(matches("acme-*", "acme-filter") && !matches("acme-*", "acme"));
    assert!(matches("*", "anything"));
    for text in ["", "*a", "a*b", "A*", "**", "a b"] {
        assert!(text.parse::<NamePattern>().is_err(), "{text}");
    }
}

#[test]
fn a_trusted_comment_must_be_complete_and_unambiguous() {
    let digest = Digest::of(b"");
    let good = format!("name=tiny version=1.0.0 sha256={digest}");
    let extended = format!("note=x {good}\tticket=7");
    assert_eq!(extended.parse::<TrustedComment>().unwrap().to_string(), good);
    for text in [
        String::new(),
        "timestamp:1 file:x hashed".to_owned(),
        "name=tiny version=1.0.0".to_owned(),
        format!("{good} name=other"),
        format!("{good} word"),
        format!("{good} expires=soon"),
        format!("name=tiny version=1 sha256={digest}"),
    ] {
        assert!(text.parse::<TrustedComment>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_trusted_comment_survives_writing_and_reading(
        name in "[a-z][a-z0-9-]{1,63}",
        version in (any::<u32>(), any::<u32>(), any::<u32>()),
        digest in any::<[u8; 32]>(),
        expires in proptest::option::of(0_u64..253_402_300_799_999),
    ) {
        let comment = TrustedComment {
            name: name.parse().unwrap(),
            version: format!("{}.{}.{}", version.0, version.1, version.2).parse().unwrap(),
            digest: digest.into(),
            expires: expires.map(Expiry::at_unix_ms),
        };
        prop_assert_eq!(comment.to_string().parse::<TrustedComment>().unwrap(), comment);
    }

    #[test]
    fn a_key_id_survives_writing_and_reading(text in "[0-9A-F]{16}") {
        prop_assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
    }
}
