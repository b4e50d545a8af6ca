//! State: compare-and-swap, scans, watching, blinded names.

use futures::StreamExt as _;
use warbler_domain::{Expect, StateKey, StoreError, Versioned};

use crate::host::{Host, key, put, remove};
use crate::on_every_backend;

async fn version(host: &Host, at: &str) -> u64 {
    host.state.get(&host.one, &key(at)).await.unwrap().unwrap().version
}

async fn names(host: &Host, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(key);
    let found = host.state.scan(&host.one, &key(prefix), after.as_ref(), limit).await.unwrap();
    found.iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

on_every_backend! {
    a_write_reads_back_and_its_version_changes_with_every_write,
    a_write_that_expects_something_else_conflicts_and_changes_nothing,
    a_record_deleted_and_made_again_is_not_taken_for_the_first,
    versions_go_on_when_the_store_is_opened_again,
    later_writes_of_one_commit_see_the_earlier,
    counting_with_compare_and_swap_loses_no_count,
    a_scan_keeps_to_its_prefix_and_goes_on_after_a_key,
    long_values_read_back_whole_also_after_they_changed_length,
    values_and_keys_past_their_limits_are_refused,
    a_watcher_sees_every_change_under_its_prefix_in_order,
    a_blinded_name_is_the_same_for_one_tenant_family_and_value_alone,
}

async fn a_write_reads_back_and_its_version_changes_with_every_write(host: Host) {
    assert!(host.state.get(&host.one, &key("a/b")).await.unwrap().is_none());
    let mut versions = Vec::new();
    for value in [b"one".as_slice(), b"", b"one"] {
        host.state.commit(&host.one, vec![put("a/b", value, Expect::Any)]).await.unwrap();
        assert_eq!(host.value(&key("a/b")).await.unwrap(), value);
        versions.push(version(&host, "a/b").await);
    }
    assert!(versions[0] >= 1);
    assert!(versions.is_sorted_by(|left, right| left < right), "{versions:?}");
}

async fn a_write_that_expects_something_else_conflicts_and_changes_nothing(host: Host) {
    host.state.commit(&host.one, vec![put("a/b", b"1", Expect::Absent)]).await.unwrap();
    let present = version(&host, "a/b").await;
    for refused in [
        put("a/b", b"2", Expect::Absent),
        put("a/b", b"2", Expect::Version(present + 1)),
        put("a/c", b"2", Expect::Version(present)),
        remove("a/b", Expect::Version(present + 1)),
        remove("a/b", Expect::Absent),
    ] {
        let at = refused.key.clone();
        let also = put("a/also", b"x", Expect::Any);
        match host.state.commit(&host.one, vec![also, refused]).await {
            Err(StoreError::Conflict { key }) => assert_eq!(key, at),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(&host, "a", None, 9).await, ["a/b"]);
    host.state.commit(&host.one, vec![put("a/b", b"2", Expect::Version(present))]).await.unwrap();
    assert_eq!(host.value(&key("a/b")).await.unwrap(), b"2");
}

async fn a_record_deleted_and_made_again_is_not_taken_for_the_first(host: Host) {
    host.state.commit(&host.one, vec![put("a/b", b"1", Expect::Absent)]).await.unwrap();
    let first = version(&host, "a/b").await;
    host.state.commit(&host.one, vec![remove("a/b", Expect::Version(first))]).await.unwrap();
    host.state.commit(&host.one, vec![put("a/b", b"1", Expect::Absent)]).await.unwrap();
    let stale = host.state.commit(&host.one, vec![put("a/b", b"2", Expect::Version(first))]).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
}

async fn versions_go_on_when_the_store_is_opened_again(host: Host) {
    host.state.commit(&host.one, vec![put("a/b", b"1", Expect::Absent)]).await.unwrap();
    let first = version(&host, "a/b").await;
    host.state.commit(&host.one, vec![remove("a/b", Expect::Any)]).await.unwrap();
    let Some(host) = host.reopened().await else { return };
    host.state.commit(&host.one, vec![put("a/b", b"1", Expect::Absent)]).await.unwrap();
    assert!(version(&host, "a/b").await > first);
}

async fn later_writes_of_one_commit_see_the_earlier(host: Host) {
    let writes = vec![
        put("a/b", b"1", Expect::Absent),
        put("a/b", b"2", Expect::Any),
        put("a/c", b"3", Expect::Absent),
        remove("a/c", Expect::Any),
    ];
    host.state.commit(&host.one, writes).await.unwrap();
    assert_eq!(host.value(&key("a/b")).await.unwrap(), b"2");
    assert_eq!(names(&host, "a", None, 9).await, ["a/b"]);
    let twice = vec![put("a/d", b"1", Expect::Absent), put("a/d", b"2", Expect::Absent)];
    assert!(matches!(host.state.commit(&host.one, twice).await, Err(StoreError::Conflict { .. })));
    assert_eq!(host.value(&key("a/d")).await, None);
}

async fn counting_with_compare_and_swap_loses_no_count(host: Host) {
    let counters: Vec<_> = (0..8)
        .map(|_| {
            let (state, one) = (host.state.clone(), host.one);
            tokio::spawn(async move {
                for _ in 0..10 {
                    loop {
                        let present = state.get(&one, &key("count/er")).await.unwrap();
                        let count: u32 =
                            present.as_ref().map_or(0, |found| String::from_utf8_lossy(&found.value).parse().unwrap());
                        let expect = present.map_or(Expect::Absent, |found| Expect::Version(found.version));
                        let write = put("count/er", (count + 1).to_string().as_bytes(), expect);
                        match state.commit(&one, vec![write]).await {
                            Ok(()) => break,
                            Err(error) => assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}"),
                        }
                    }
                }
            })
        })
        .collect();
    for counter in counters {
        counter.await.unwrap();
    }
    assert_eq!(host.value(&key("count/er")).await.unwrap(), b"80");
}

async fn a_scan_keeps_to_its_prefix_and_goes_on_after_a_key(host: Host) {
    let all = ["a", "a!", "a-b/1", "a/1", "a/10", "a/10/x", "a/2", "a/\u{7f}", "a0", "ab/1", "b"];
    let writes = all.iter().map(|at| put(at, at.as_bytes(), Expect::Absent)).collect();
    host.state.commit(&host.one, writes).await.unwrap();
    host.state.commit(&host.other, vec![put("a/other", b"", Expect::Any)]).await.unwrap();
    assert_eq!(names(&host, "a", None, 99).await, ["a", "a/1", "a/10", "a/10/x", "a/2", "a/\u{7f}"]);
    assert_eq!(names(&host, "a/", None, 99).await, ["a/1", "a/10", "a/10/x", "a/2", "a/\u{7f}"]);
    assert_eq!(names(&host, "a/1", None, 99).await, ["a/1"]);
    assert_eq!(names(&host, "a/10", None, 99).await, ["a/10", "a/10/x"]);
    assert_eq!(names(&host, "a", None, 2).await, ["a", "a/1"]);
    assert_eq!(names(&host, "a", Some("a/1"), 2).await, ["a/10", "a/10/x"]);
    assert_eq!(names(&host, "a", Some("a/\u{7f}"), 2).await, [""; 0]);
    assert_eq!(names(&host, "a", Some("a/11"), 1).await, ["a/2"]);
    assert_eq!(names(&host, "a", Some("0"), 1).await, ["a"]);
    assert_eq!(names(&host, "a", Some("z"), 9).await, [""; 0]);
    assert_eq!(names(&host, "a", None, 0).await, [""; 0]);
    let found = host.state.scan(&host.one, &key("a"), None, 99).await.unwrap();
    assert!(found.iter().all(|(key, found)| key.as_str().as_bytes() == found.value));
}

async fn long_values_read_back_whole_also_after_they_changed_length(host: Host) {
    for length in [0, 1, 4095, 4096, 4097, 8192, 3_000_000, 5000, 10] {
        let value: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        host.state
            .commit(&host.one, vec![put("long/1", &value, Expect::Any), put("long/2", b"x", Expect::Any)])
            .await
            .unwrap();
        assert_eq!(host.value(&key("long/1")).await.unwrap(), value);
        assert_eq!(names(&host, "long", None, 9).await, ["long/1", "long/2"]);
    }
    host.state.commit(&host.one, vec![remove("long/1", Expect::Any)]).await.unwrap();
    assert_eq!(names(&host, "long", None, 9).await, ["long/2"]);
}

async fn values_and_keys_past_their_limits_are_refused(host: Host) {
    let long = put("a/b", &vec![0; 4 * 1024 * 1024 + 1], Expect::Any);
    assert!(matches!(host.state.commit(&host.one, vec![long]).await, Err(StoreError::TooLarge { limit: 4_194_304 })));
    let name = put(&"k".repeat(513), b"", Expect::Any);
    assert!(matches!(host.state.commit(&host.one, vec![name]).await, Err(StoreError::TooLarge { limit: 512 })));
}

async fn a_watcher_sees_every_change_under_its_prefix_in_order(host: Host) {
    let mut watch = host.state.watch(&StateKey::new("a", &[&1]));
    for write in [
        put("a/1", b"1", Expect::Any),
        put("a/11", b"not", Expect::Any),
        put("a/1/x", b"2", Expect::Any),
        put("b/1", b"not", Expect::Any),
        remove("a/none", Expect::Any),
        remove("a/1", Expect::Any),
    ] {
        host.state.commit(&host.one, vec![write]).await.unwrap();
    }
    host.state.commit(&host.other, vec![put("a/1", b"3", Expect::Any)]).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let change = watch.next().await.unwrap();
        let value = change.value.map(|Versioned { value, .. }| String::from_utf8(value.to_vec()).unwrap());
        seen.push((change.tenant, change.key.as_str().to_owned(), value));
    }
    let (one, other) = (host.one.tenant(), host.other.tenant());
    let value = |text: &str| Some(text.to_owned());
    assert_eq!(
        seen,
        [
            (one, "a/1".to_owned(), value("1")),
            (one, "a/1/x".to_owned(), value("2")),
            (one, "a/1".to_owned(), None),
            (other, "a/1".to_owned(), value("3"))
        ]
    );
    host.store.close().await;
    assert!(watch.next().await.is_none());
}

async fn a_blinded_name_is_the_same_for_one_tenant_family_and_value_alone(host: Host) {
    let blind = |scope, family, value: &[u8]| host.state.blind(scope, family, value).unwrap();
    let name = blind(&host.one, "login", b"ann@example.org");
    assert_eq!(name, blind(&host.one, "login", b"ann@example.org"));
    assert!(name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_ne!(name, blind(&host.other, "login", b"ann@example.org"));
    assert_ne!(name, blind(&host.one, "phone", b"ann@example.org"));
    assert_ne!(name, blind(&host.one, "login", b"ann@example.orh"));
}
