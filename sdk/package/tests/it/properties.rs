//! Properties over bytes and texts that nobody meant to be packages or signatures.

use std::sync::LazyLock;

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};
use warbler_package::{Limits, Manifest, PublicKey, Signature, TrustPolicy, TrustedComment};

use crate::fixture::{Author, check, filter, manifest_json, read, tiny, trusting};

/// A good package, its signature and a policy that trusts it, made once.
static GOOD: LazyLock<(Vec<u8>, String, TrustPolicy)> = LazyLock::new(|| {
    let (author, package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    let policy = trusting([author.publisher()]);
    assert!(check(&package, &[&signature], &policy).is_ok());
    (package, signature, policy)
});

/// A component without a manifest, made once.
static BARE: LazyLock<Vec<u8>> = LazyLock::new(filter);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_are_neither_read_nor_verified(bytes in vec(any::<u8>(), 0..600)) {
        let (_, signature, policy) = &*GOOD;
        prop_assert!(read(&bytes).is_err());
        prop_assert!(check(&bytes, &[signature], policy).is_err());
    }

    #[test]
    fn arbitrary_bytes_after_a_component_header_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        let header: &[u8] = b"\0asm\x0d\0\x01\0";
        prop_assert!(read(&[header, &bytes].concat()).is_err());
    }

    #[test]
    fn arbitrary_sections_after_a_component_never_panic(id in 0_u8..14, body in vec(any::<u8>(), 0..100)) {
        let length = u8::try_from(body.len()).unwrap();
        let section = [&[id, length][..], &body].concat();
        prop_assert!(read(&[&BARE[..], &section].concat()).is_err());
    }

    #[test]
    fn a_truncated_package_never_verifies(cut in any::<Index>()) {
        let (package, signature, policy) = &*GOOD;
        let piece = &package[..cut.index(package.len())];
        prop_assert!(read(piece).is_err());
        prop_assert!(check(piece, &[signature], policy).is_err());
    }

    #[test]
    fn a_package_with_one_bit_flipped_never_verifies(at in any::<Index>(), bit in 0_u8..8) {
        let (package, signature, policy) = &*GOOD;
        let mut changed = package.clone();
        changed[at.index(package.len())] ^= 1_u8 << bit;
        // It may still read, if the bit was in a function body or a text; it must not panic.
        let _ = read(&changed);
        prop_assert!(check(&changed, &[signature], policy).is_err());
    }

    #[test]
    fn a_signature_with_one_bit_flipped_never_verifies(at in any::<Index>(), bit in 0_u8..7) {
        let (package, signature, policy) = &*GOOD;
        // The first line is a comment that nobody signed.
        let signed_from = signature.find('\n').unwrap() + 1;
        let mut changed = signature.clone().into_bytes();
        // Neither is the line end after the last line.
        let at = signed_from + at.index(changed.len() - 1 - signed_from);
        changed[at] ^= 1_u8 << bit;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(check(package, &[&changed], policy).is_err(), "byte {at} of\n{changed}");
    }

    #[test]
    fn arbitrary_texts_never_panic_nor_verify(text in any::<String>()) {
        let (package, _, policy) = &*GOOD;
        prop_assert!(text.parse::<Signature>().is_err());
        prop_assert!(check(package, &[&text], policy).is_err());
        let _ = text.parse::<PublicKey>();
        let _ = text.parse::<TrustedComment>();
    }

    #[test]
    fn texts_in_the_form_of_a_signature_never_panic_nor_verify(
        raw in vec(any::<u8>(), 0..90),
        comment in "[ -~\t]{0,80}",
        global in vec(any::<u8>(), 60..68),
    ) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let (package, _, policy) = &*GOOD;
        for start in [&b""[..], b"ED", b"Ed"] {
            let line = STANDARD.encode([start, &raw].concat());
            let global = STANDARD.encode(&global);
            let text = format!("untrusted comment: x\n{line}\ntrusted comment: {comment}\n{global}\n");
            prop_assert!(check(package, &[&text], policy).is_err());
        }
    }

    #[test]
    fn an_accepted_manifest_satisfies_the_schema(changes in changes()) {
        static SCHEMA: LazyLock<jsonschema::Validator> =
            LazyLock::new(|| jsonschema::validator_for(Manifest::schema().as_value()).unwrap());
        let manifest = manifest_json(&changes);
        let bytes = serde_json::to_vec(&manifest).unwrap();
        if let Ok(parsed) = Manifest::parse(&bytes, &Limits::default()) {
            prop_assert!(SCHEMA.is_valid(&manifest), "{manifest}");
            prop_assert_eq!(Manifest::parse(&parsed.to_json().unwrap(), &Limits::default()).unwrap(), parsed);
        }
    }
}

/// Changes to a good manifest, some of them proper.
fn changes() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "[a-zA-Z0-9.:*_+-]{0,12}".prop_map(|text| json!(text)),
        Just(json!("1.0.0-rc.1")),
        Just(json!("api.example.com:443")),
    ];
    let key = prop_oneof![
        "name|version|hooks|permissions|config|push_kinds|min_host|title|description|homepage",
        "storage|secrets|http|lexicons|models|conversation|sender-profile|attachments|quota_bytes|type",
        "[a-z]{1,6}",
    ];
    let value = scalar.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![vec(inner.clone(), 0..3).prop_map(Value::from), vec((key.clone(), inner), 0..4).prop_map(object),]
    });
    let field = "name|version|hooks|permissions|config|push_kinds|min_host|title|description|homepage|other";
    vec((field, value), 0..3).prop_map(object)
}

fn object(fields: Vec<(String, Value)>) -> Value {
    Value::Object(fields.into_iter().collect())
}
