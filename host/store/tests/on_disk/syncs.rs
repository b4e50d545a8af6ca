//! Syncs per message: what the speed of a store comes down to, and what does not depend on the disk.

use warbler_store::{Durability, Location, MasterKey, Store, StoreOptions};

use crate::{ONE, open, titled};

#[tokio::test]
async fn one_writer_costs_one_sync_for_each_message() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.create_tenant(ONE.tenant()).await.unwrap();
    for number in 0..30 {
        store.log().append(&ONE, titled(1, &number.to_string())).await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.appends, stats.batches, stats.syncs), (30, 30, 30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.create_tenant(ONE.tenant()).await.unwrap();
    let writers: Vec<_> = (0..256_u128)
        .map(|writer| {
            let log = store.log();
            tokio::spawn(async move {
                for turn in 0..10 {
                    log.append(&ONE, titled(writer % 40, &turn.to_string())).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.appends, 2560);
    assert!(stats.syncs * 8 <= stats.appends, "{stats:?}");
}

#[tokio::test]
async fn relaxed_durability_syncs_nothing_until_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sled(folder.path().to_owned());
    let options = StoreOptions {
        durability: Durability::Relaxed,
        ..StoreOptions::new(location, MasterKey::from_bytes([42; 32]))
    };
    let store = Store::open(&options).unwrap();
    store.create_tenant(ONE.tenant()).await.unwrap();
    for number in 0..5 {
        store.log().append(&ONE, titled(1, &number.to_string())).await.unwrap();
    }
    assert_eq!((store.stats().appends, store.stats().syncs), (5, 0));
    store.close().await;
    let head = open(folder.path()).log().head(&ONE, crate::conversation(1)).await.unwrap();
    assert_eq!(head.0, 5);
}

#[tokio::test]
async fn a_repeat_and_a_refusal_cost_no_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.create_tenant(ONE.tenant()).await.unwrap();
    let idempotency = warbler_domain::Idempotency { key: [1; 16], content: [1; 16] };
    let append = warbler_domain::Append { idempotency: Some(idempotency), ..titled(1, "once") };
    for _ in 0..3 {
        store.log().append(&ONE, append.clone()).await.unwrap();
    }
    let writes =
        vec![warbler_domain::StateWrite { expect: warbler_domain::Expect::Version(9), ..crate::put("a/1", b"") }];
    store.state().commit(&ONE, writes).await.unwrap_err();
    assert_eq!(store.stats().syncs, 1);
}
