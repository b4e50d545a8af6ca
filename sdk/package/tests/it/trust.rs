//! Trust: policies of any and all, narrowing, revocation, expiry, development keys, upgrades.

use serde_json::json;
use warbler_package::{
    Digest, Expiry, Narrowing, Publisher, Release, Requirement, RevocationList, TrustPolicy, check_upgrade,
};

use crate::fixture::{Author, NOW, check, check_at, read, refusal, tiny, trusting};

fn all_of<'a>(authors: impl IntoIterator<Item = &'a Author>) -> Requirement {
    Requirement::AllOf(authors.into_iter().map(|author| author.key().id()).collect())
}

fn revoking(author: &Author) -> RevocationList {
    RevocationList { keys: [(author.key().id(), "stolen".to_owned())].into(), ..RevocationList::default() }
}

#[test]
fn nobody_is_trusted_by_default() {
    let (author, package) = (Author::new(), tiny());
    let code = refusal(check(&package, &[&author.sign(&package)], &TrustPolicy::default()));
    assert_eq!(code, "unknown-publisher");
}

#[test]
fn one_trusted_signature_among_strangers_is_enough_for_any_of() {
    let (trusted, stranger, package) = (Author::new(), Author::new(), tiny());
    let signatures = [stranger.sign(&package), trusted.sign(&package)];
    let texts: Vec<&str> = signatures.iter().map(String::as_str).collect();
    let verified = check(&package, &texts, &trusting([trusted.publisher()])).unwrap();
    assert_eq!(verified.signers().len(), 1);
    assert_eq!(verified.signers()[0].key, trusted.key().id());
}

#[test]
fn all_required_keys_have_to_sign() {
    let (first, second, package) = (Author::new(), Author::new(), tiny());
    let policy =
        TrustPolicy { require: all_of([&first, &second]), ..trusting([first.publisher(), second.publisher()]) };
    let (by_first, by_second) = (first.sign(&package), second.sign(&package));
    let error = check(&package, &[&by_first], &policy).unwrap_err();
    assert_eq!(error.code(), "signer-missing");
    assert!(error.to_string().contains(&second.key().id().to_string()), "{error}");
    // The same signature twice is still one signer.
    assert_eq!(refusal(check(&package, &[&by_first, &by_first], &policy)), "signer-missing");
    let verified = check(&package, &[&by_first, &by_second], &policy).unwrap();
    assert_eq!(verified.signers().len(), 2);
}

#[test]
fn requiring_all_of_no_keys_does_not_accept_strangers() {
    let (author, package) = (Author::new(), tiny());
    let policy = TrustPolicy { require: Requirement::AllOf([].into()), ..trusting([Author::new().publisher()]) };
    assert_eq!(refusal(check(&package, &[], &policy)), "unsigned");
    assert_eq!(refusal(check(&package, &[&author.sign(&package)], &policy)), "unknown-publisher");
}

#[test]
fn a_genuine_signature_of_other_bytes_refuses_even_beside_a_good_one() {
    let (first, second, package) = (Author::new(), Author::new(), tiny());
    let policy = trusting([first.publisher(), second.publisher()]);
    let stale = second.sign_with(b"other bytes", "name=tiny");
    assert_eq!(refusal(check(&package, &[&first.sign(&package), &stale], &policy)), "tampered");
}

#[test]
fn a_revoked_key_is_refused_whether_or_not_its_publisher_is_still_listed() {
    let (author, package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    for publishers in [vec![author.publisher()], vec![]] {
        let policy = TrustPolicy { revoked: revoking(&author), ..trusting(publishers) };
        let error = check(&package, &[&signature], &policy).unwrap_err();
        assert_eq!(error.code(), "revoked-key");
        assert!(error.to_string().ends_with("is revoked: stolen"), "{error}");
    }
}

#[test]
fn a_package_signed_again_by_a_good_key_outlives_the_revoked_one() {
    let (bad, good, package) = (Author::new(), Author::new(), tiny());
    let policy = TrustPolicy { revoked: revoking(&bad), ..trusting([bad.publisher(), good.publisher()]) };
    let verified = check(&package, &[&bad.sign(&package), &good.sign(&package)], &policy).unwrap();
    assert_eq!(verified.signers().len(), 1);
    // Where the revoked key is required, it is the revocation that is named.
    let both = TrustPolicy { require: all_of([&bad, &good]), ..policy };
    let signatures = [bad.sign(&package), good.sign(&package)];
    let texts: Vec<&str> = signatures.iter().map(String::as_str).collect();
    assert_eq!(refusal(check(&package, &texts, &both)), "revoked-key");
}

#[test]
fn a_revoked_package_is_refused_with_the_reason() {
    let (author, package) = (Author::new(), tiny());
    let mut policy = trusting([author.publisher()]);
    let reason = "leaks messages".to_owned();
    policy.revoked.digests.insert(Digest::of(&package), reason);
    let error = check(&package, &[&author.sign(&package)], &policy).unwrap_err();
    assert_eq!(error.code(), "revoked-digest");
    assert!(error.to_string().contains("leaks messages"), "{error}");
}

#[test]
fn a_key_ends_when_the_policy_says_so() {
    let (author, package) = (Author::new(), tiny());
    let publisher = Publisher { expires: Some(Expiry::at_unix_ms(NOW)), ..author.publisher() };
    let policy = trusting([publisher]);
    let signature = author.sign(&package);
    assert!(check_at(&package, &[&signature], &policy, NOW - 1).is_ok());
    let error = check_at(&package, &[&signature], &policy, NOW).unwrap_err();
    assert_eq!(error.code(), "expired");
    assert!(error.to_string().starts_with("the key of"), "{error}");
}

#[test]
fn a_publisher_may_sign_only_the_plugins_it_is_trusted_for() {
    let (author, package) = (Author::new(), tiny());
    let signature = author.sign(&package);
    let publisher = |patterns: &[&str]| Publisher {
        plugins: Some(patterns.iter().map(|text| text.parse().unwrap()).collect()),
        ..author.publisher()
    };
    assert!(check(&package, &[&signature], &trusting([publisher(&["acme-*", "ti*"])])).is_ok());
    for patterns in [&["acme-*"][..], &[]] {
        let code = refusal(check(&package, &[&signature], &trusting([publisher(patterns)])));
        assert_eq!(code, "publisher-not-allowed", "{patterns:?}");
    }
}

#[test]
fn a_tenant_can_take_trust_away() {
    let (first, second, package) = (Author::new(), Author::new(), tiny());
    let operator = trusting([first.publisher(), second.publisher()]);
    let by_first = first.sign(&package);
    let accepted_under = |tenant: &Narrowing| refusal(check(&package, &[&by_first], &operator.narrowed_by(tenant)));
    assert_eq!(accepted_under(&Narrowing::default()), "accepted");
    let only_second = Narrowing { publishers: Some([second.key().id()].into()), ..Narrowing::default() };
    assert_eq!(accepted_under(&only_second), "unknown-publisher");
    let both = Narrowing { require: all_of([&first, &second]), ..Narrowing::default() };
    assert_eq!(accepted_under(&both), "signer-missing");
    let revoked = Narrowing { revoked: revoking(&first), ..Narrowing::default() };
    assert_eq!(accepted_under(&revoked), "revoked-key");
}

#[test]
fn a_tenant_cannot_add_trust() {
    let (trusted, stranger, package) = (Author::new(), Author::new(), tiny());
    let operator =
        TrustPolicy { require: all_of([&trusted]), revoked: revoking(&stranger), ..trusting([trusted.publisher()]) };
    let tenant = Narrowing {
        publishers: Some([stranger.key().id(), trusted.key().id()].into()),
        require: all_of([&stranger]),
        revoked: RevocationList::default(),
    };
    let policy = operator.narrowed_by(&tenant);
    assert_eq!(policy.publishers, operator.publishers);
    assert_eq!(policy.require, all_of([&trusted, &stranger]));
    assert_eq!(policy.revoked, operator.revoked);
    let signature = stranger.sign(&package);
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "revoked-key");
    let any = operator.narrowed_by(&Narrowing::default());
    assert_eq!(any.require, all_of([&trusted]));
}

#[test]
fn a_development_key_is_accepted_where_it_was_added_and_said_to_be_one() {
    let (trusted, developer, package) = (Author::new(), Author::new(), tiny());
    let operator = trusting([trusted.publisher()]);
    let tenant = operator.clone().with_development_key("laptop", developer.key());
    let (by_developer, by_trusted) = (developer.sign(&package), trusted.sign(&package));
    let verified = check(&package, &[&by_developer], &tenant).unwrap();
    assert!(verified.is_development() && verified.signers()[0].development);
    assert_eq!(refusal(check(&package, &[&by_developer], &operator)), "unknown-publisher");
    let both = check(&package, &[&by_developer, &by_trusted], &tenant).unwrap();
    assert!(!both.is_development());
}

#[test]
fn a_development_key_counts_for_no_required_key() {
    let (developer, package) = (Author::new(), tiny());
    let policy = TrustPolicy { require: all_of([&developer]), ..TrustPolicy::default() }
        .with_development_key("laptop", developer.key());
    let signature = developer.sign(&package);
    assert_eq!(refusal(check(&package, &[&signature], &policy)), "signer-missing");
}

#[test]
fn a_policy_survives_writing_and_reading_and_refuses_unknown_keys() {
    let author = Author::new();
    let policy = TrustPolicy {
        publishers: vec![Publisher {
            expires: Some("2027-01-01".parse().unwrap()),
            plugins: Some(["acme-*".parse().unwrap()].into()),
            ..author.publisher()
        }],
        require: all_of([&author]),
        revoked: revoking(&Author::new()),
    };
    let json = serde_json::to_value(&policy).unwrap();
    assert_eq!(json["publishers"][0]["key"], author.key().to_string());
    assert_eq!(serde_json::from_value::<TrustPolicy>(json).unwrap(), policy);
    let unknown = json!({"publishers": [], "trust": "everyone"});
    assert!(serde_json::from_value::<TrustPolicy>(unknown).is_err());
}

#[test]
fn revocations_add_up_and_are_never_taken_back() {
    let (first, second) = (Author::new(), Author::new());
    let mut list = revoking(&first);
    list.add(&revoking(&second));
    list.add(&RevocationList::default());
    assert!(list.check_key(first.key().id()).is_err() && list.check_key(second.key().id()).is_err());
    let json = serde_json::to_vec(&list).unwrap();
    assert_eq!(RevocationList::parse(&json).unwrap(), list);
    for text in ["", "[]", "{\"keys\": {\"x\": \"y\"}}", "{\"revoked\": {}}"] {
        assert_eq!(refusal(RevocationList::parse(text.as_bytes())), "revocations-invalid", "{text}");
    }
}

#[test]
fn a_signed_revocation_list_is_read_only_if_the_signature_holds() {
    let (operator, other) = (Author::new(), Author::new());
    let json = serde_json::to_vec(&revoking(&other)).unwrap();
    let signature = operator.sign_with(&json, "revocations of november");
    let keys = [operator.key()];
    let list = RevocationList::parse_signed(&json, &signature, &keys).unwrap();
    assert_eq!(list, revoking(&other));
    let changed = RevocationList::parse_signed(b"{}", &signature, &keys);
    assert_eq!(refusal(changed), "tampered");
    let foreign = other.sign_with(&json, "revocations of november");
    let foreign = RevocationList::parse_signed(&json, &foreign, &keys);
    assert_eq!(refusal(foreign), "unknown-publisher");
}

fn release(name: &str, version: &str, bytes: &[u8]) -> Release {
    Release { name: name.parse().unwrap(), version: version.parse().unwrap(), digest: Digest::of(bytes) }
}

#[test]
fn a_downgrade_has_to_be_asked_for() {
    let installed = release("tiny", "1.10.0", b"a");
    assert!(check_upgrade(&installed, &release("tiny", "1.11.0", b"b"), false).is_ok());
    for older in ["1.9.0", "1.10.0-rc.1"] {
        let candidate = release("tiny", older, b"b");
        assert_eq!(refusal(check_upgrade(&installed, &candidate, false)), "downgrade", "{older}");
        assert!(check_upgrade(&installed, &candidate, true).is_ok());
    }
}

#[test]
fn a_version_never_changes_its_bytes() {
    let installed = read(&tiny()).unwrap().release();
    assert!(check_upgrade(&installed, &installed, false).is_ok());
    let candidate = release("tiny", "1.2.3", b"other");
    for allow_downgrade in [false, true] {
        let code = refusal(check_upgrade(&installed, &candidate, allow_downgrade));
        assert_eq!(code, "version-reused");
    }
}

#[test]
fn another_plugin_is_no_upgrade() {
    let (installed, candidate) = (release("tiny", "1.0.0", b"a"), release("other", "2.0.0", b"b"));
    assert_eq!(refusal(check_upgrade(&installed, &candidate, true)), "other-plugin");
}
