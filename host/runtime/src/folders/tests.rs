//! Folders on a real disk. What all sinks promise is checked by the suite in `warbler-plugin test`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;
use warbler_domain::{FolderError, FolderStore, Folders, TenantId};

use super::DiskFolders;

fn open(path: &Path, tenant: u128) -> Arc<dyn FolderStore> {
    let folders = DiskFolders::new(BTreeMap::from([("nas".to_owned(), path.to_owned())]));
    assert!(folders.open(TenantId::from_uuid(Uuid::from_u128(tenant)), "other").is_none());
    folders.open(TenantId::from_uuid(Uuid::from_u128(tenant)), "nas").unwrap()
}

#[tokio::test]
async fn a_name_that_leads_outside_is_refused() {
    let disk = tempfile::tempdir().unwrap();
    fs::write(disk.path().join("outside"), "secret").unwrap();
    let folder = open(disk.path(), 1);
    for name in
        ["../outside", "/etc/passwd", "a/../../outside", "a//b", "", ".", "a/", "ä", "a\\b", "a\0b", ".uploads/x"]
    {
        assert!(matches!(folder.get(name, 0, 9).await, Err(FolderError::Name { .. })), "{name:?}");
        assert!(matches!(folder.put(name, Bytes::new()).await, Err(FolderError::Name { .. })), "{name:?}");
        assert!(matches!(folder.delete(name).await, Err(FolderError::Name { .. })), "{name:?}");
    }
    assert!(folder.list("../", None, 9).await.unwrap().is_empty());
    assert_eq!(fs::read(disk.path().join("outside")).unwrap(), b"secret");
}

#[tokio::test]
async fn a_tenant_never_meets_anothers_blobs() {
    let disk = tempfile::tempdir().unwrap();
    let (one, other) = (open(disk.path(), 1), open(disk.path(), 2));
    one.put("a/b", Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(other.get("a/b", 0, 9).await.unwrap(), None);
    assert!(other.list("", None, 9).await.unwrap().is_empty());
    other.delete("a/b").await.unwrap();
    assert_eq!(one.get("a/b", 0, 9).await.unwrap(), Some(Bytes::from_static(b"one")));
}

#[tokio::test]
async fn an_upload_that_was_left_behind_is_no_blob() {
    let disk = tempfile::tempdir().unwrap();
    let folder = open(disk.path(), 1);
    folder.put("kept", Bytes::from_static(b"whole")).await.unwrap();
    let root = disk.path().join(TenantId::from_uuid(Uuid::from_u128(1)).to_string());
    let uploads = root.join(".uploads");
    assert_eq!(fs::read_dir(&uploads).unwrap().count(), 0, "an upload stays after it was moved");
    // As another process with the same number would leave it.
    fs::write(uploads.join(format!("{}-0", std::process::id())), "torn").unwrap();
    fs::write(uploads.join(format!("{}-1", std::process::id())), "torn").unwrap();
    open(disk.path(), 1).put("kept", Bytes::from_static(b"again")).await.unwrap();
    let listed = folder.list("", None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|entry| (entry.name.as_str(), entry.size)).collect::<Vec<_>>(), [("kept", 5)]);
    assert_eq!(folder.get("kept", 0, 9).await.unwrap(), Some(Bytes::from_static(b"again")));
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_is_a_failure_and_no_empty_folder() {
    let disk = tempfile::tempdir().unwrap();
    let folder = open(&disk.path().join("not-there"), 1);
    assert!(matches!(folder.list("", None, 9).await, Err(FolderError::Io { .. })));
    assert!(matches!(folder.get("a", 0, 9).await, Err(FolderError::Io { .. })));
    assert!(matches!(folder.put("a", Bytes::new()).await, Err(FolderError::Io { .. })));
    assert!(!disk.path().join("not-there").exists());
}

#[tokio::test]
async fn a_folder_is_no_blob_and_is_not_replaced() {
    let disk = tempfile::tempdir().unwrap();
    let folder = open(disk.path(), 1);
    folder.put("a/b", Bytes::from_static(b"x")).await.unwrap();
    assert!(matches!(folder.put("a", Bytes::new()).await, Err(FolderError::Name { .. })));
    assert!(folder.put("a/b/c", Bytes::new()).await.is_err());
    folder.delete("a").await.unwrap();
    assert_eq!(folder.get("a", 0, 9).await.unwrap(), None);
    assert_eq!(folder.get("a/b/c", 0, 9).await.unwrap(), None);
    assert_eq!(folder.get("a/b", 0, 9).await.unwrap(), Some(Bytes::from_static(b"x")));
}

#[tokio::test]
async fn a_tenant_keeps_no_more_than_the_operator_lets_it() {
    let disk = tempfile::tempdir().unwrap();
    open(disk.path(), 1).put("before", Bytes::from_static(b"12345")).await.unwrap();
    let folders = DiskFolders::new(BTreeMap::from([("nas".to_owned(), disk.path().to_owned())])).with_limit(10);
    let folder = |tenant| folders.open(TenantId::from_uuid(Uuid::from_u128(tenant)), "nas").unwrap();
    let put = async |tenant, name: &'static str, text: &'static str| {
        let folder = folder(tenant);
        folder.put(name, Bytes::from_static(text.as_bytes())).await
    };
    put(1, "a/b", "12345").await.unwrap();
    let refused = put(1, "c", "1").await.unwrap_err();
    assert!(matches!(refused, FolderError::Quota { limit: 10 }), "{refused}");
    assert!(refused.to_string().contains("10 bytes"), "{refused}");
    assert!(folder(1).get("c", 0, 9).await.unwrap().is_none());
    // In the place of another it is no more; other tenants have their own limit.
    put(1, "a/b", "54321").await.unwrap();
    put(2, "c", "1234567890").await.unwrap();
    folder(1).delete("a/b").await.unwrap();
    put(1, "c", "12").await.unwrap();
    // What another host deleted counts no more.
    open(disk.path(), 1).delete("before").await.unwrap();
    put(1, "d", "12345678").await.unwrap();
    assert!(put(1, "e", "1").await.is_err());
}
