//! Keys: the master key, its rotation, and what a destroyed key leaves.

use std::fs;

use warbler_domain::{Sequence, StoreError};
use warbler_store::{MasterKey, OpenError};

use crate::{ONE, conversation, open, open_with, refusal, title, titled};

async fn filled(folder: &std::path::Path) {
    let store = open(folder);
    store.create_tenant(ONE.tenant()).await.unwrap();
    store.log().append(&ONE, titled(1, "kept")).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn another_master_key_opens_nothing_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    assert!(matches!(refusal(folder.path(), 1), OpenError::WrongMasterKey));
    let store = open(folder.path());
    assert_eq!(title(&store.log().read_after(&ONE, conversation(1), Sequence(0), 9).await.unwrap()[0]), "kept");
}

#[tokio::test]
async fn after_a_rotation_the_new_master_key_alone_opens_the_store() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let store = open(folder.path());
    store.rotate_master(MasterKey::from_bytes([43; 32])).await.unwrap();
    // Tenants made after it are under the new one too.
    store.create_tenant(warbler_domain::TenantId::from_uuid(uuid::Uuid::from_u128(5))).await.unwrap();
    store.log().append(&ONE, titled(1, "after")).await.unwrap();
    store.close().await;
    assert!(matches!(refusal(folder.path(), 42), OpenError::WrongMasterKey));
    let store = open_with(folder.path(), 43).unwrap();
    let events = store.log().read_after(&ONE, conversation(1), Sequence(0), 9).await.unwrap();
    assert_eq!(events.iter().map(|event| title(event)).collect::<Vec<_>>(), ["kept", "after"]);
}

#[tokio::test]
async fn data_without_its_keys_is_an_error_and_not_a_new_beginning() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let keys = folder.path().join("keys");
    let bytes = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    assert!(matches!(refusal(folder.path(), 42), OpenError::KeysMissing));
    assert!(!keys.exists());
    for damaged in [&bytes[..bytes.len() - 1], &bytes[..10], b"", b"something else entirely"] {
        fs::write(&keys, damaged).unwrap();
        assert!(matches!(refusal(folder.path(), 42), OpenError::BadKeyFile), "{damaged:?}");
    }
    fs::write(&keys, &bytes).unwrap();
    open(folder.path()).close().await;
}

#[tokio::test]
async fn a_destroyed_key_is_gone_from_the_file_and_from_the_file_before_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let keys = folder.path().join("keys");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    // A second name keeps the old file within reach.
    let old = folder.path().join("old");
    fs::hard_link(&keys, &old).unwrap();
    let before = fs::read(&keys).unwrap();
    let store = open(folder.path());
    store.destroy_tenant(ONE.tenant()).await.unwrap();
    store.close().await;
    assert_eq!(fs::read(&old).unwrap(), vec![0; before.len()]);
    assert!(fs::read(&keys).unwrap().len() < before.len());
    let store = open(folder.path());
    assert!(!store.has_tenant(ONE.tenant()));
    let read = store.log().read_after(&ONE, conversation(1), Sequence(0), 9).await;
    assert!(matches!(read, Err(StoreError::NoKey)), "{read:?}");
}
