//! What is kept for a plugin: secrets and storage, and that nothing is left of it.

use super::*;

#[tokio::test]
async fn a_plugin_gets_its_secrets_and_nobody_reads_them_back() {
    let world = World::new().await;
    let permissions = json!({"permissions": {"secrets": ["token"]}});
    let signed = sign(&world.key, "keeper", "1.0.0", &permissions, &["secrets"]);
    let request = || InstallRequest {
        grants: Some(granted(json!({"secrets": ["token"]}))),
        ..signed.request(json!({"init": "needs-secret", "do": "hold"}))
    };
    assert_eq!(refused(&world, request()).await, (Step::Init, "configuration-refused"));
    let with = |name: &str| InstallRequest {
        secrets: [(name.to_owned(), Zeroizing::new("s3cret".to_owned()))].into(),
        ..request()
    };
    assert!(matches!(world.try_install(with("other")).await, Err(ServiceError::Invalid { field: "secret", .. })));
    let plugin = world.try_install(with("token")).await.unwrap().plugin;
    assert_eq!(plugin.secrets, [("token".to_owned(), true)].into());
    let shown = serde_json::to_string(&plugin).unwrap() + &format!("{plugin:?}");
    assert!(!shown.contains("s3cret"));
    let plugins = &world.ext.plugins;
    let gone = plugins.delete_secret(&world.admin, plugin.id, "token".into()).await.unwrap();
    assert_eq!((gone.secrets["token"], gone.status), (false, Status::Active), "what ran goes on");
    let log = plugins.log(&world.admin, plugin.id, LogLevel::Error, 10).unwrap();
    assert!(log[0].text.contains("does not start"), "{log:?}");
    let missing = plugins.delete_secret(&world.admin, plugin.id, "token".into()).await;
    assert!(matches!(missing, Err(ServiceError::NotFound { what: "secret" })));
    let value = || Zeroizing::new("s3cret".to_owned());
    let set = plugins.set_secret(&world.admin, plugin.id, "token".into(), value()).await.unwrap();
    assert!(set.secrets["token"]);
    let unasked = plugins.set_secret(&world.admin, plugin.id, "other".into(), value()).await;
    assert!(matches!(unasked, Err(ServiceError::Invalid { field: "secret", .. })));
    for entry in ["plugin.set-secret", "plugin.delete-secret"] {
        assert!(world.actions().await.contains(&entry.to_owned()));
    }
}

#[tokio::test]
async fn a_failed_installation_leaves_no_secret_behind() {
    let world = World::new().await;
    let permissions = json!({"permissions": {"secrets": ["token"]}});
    let signed = sign(&world.key, "keeper", "1.0.0", &permissions, &[]);
    let request = InstallRequest {
        grants: Some(granted(json!({"secrets": ["token"]}))),
        secrets: [("token".to_owned(), Zeroizing::new("s3cret".to_owned()))].into(),
        ..signed.request(json!({"init": "refuse"}))
    };
    assert_eq!(refused(&world, request).await, (Step::Init, "configuration-refused"));
    assert_eq!(kept(&world, "plugin").await, 0);
}

/// How many records there are whose family begins with `family`.
async fn kept(world: &World, family: &str) -> usize {
    let prefix = StateKey::from_text(family.to_owned());
    world.store.state().scan(&world.scope(), &prefix, None, 100).await.unwrap().len()
}

fn storage(world: &World, installation: InstallationId) -> Storage {
    Storage { state: world.store.state(), scope: world.scope(), installation }
}

#[tokio::test]
async fn a_plugins_storage_keeps_to_its_quota_and_lists_in_order() {
    let world = World::new().await;
    let id = InstallationId::from_uuid(uuid::Uuid::now_v7());
    let (mine, other) = (storage(&world, id), storage(&world, InstallationId::from_uuid(uuid::Uuid::now_v7())));
    // Two bytes of length, one of key, seven of value: ten each.
    for key in ["c", "a", "b"] {
        mine.set(key, Bytes::from_static(b"1234567"), 30).await.unwrap();
    }
    let full = mine.set("d", Bytes::from_static(b"x"), 30).await;
    assert_eq!(full, Err(StorageError::OverQuota { limit: 30 }));
    assert_eq!(mine.get("d").await.unwrap(), None);
    mine.set("a", Bytes::from_static(b"7654321"), 30).await.unwrap();
    mine.delete("b").await.unwrap();
    mine.delete("b").await.unwrap();
    mine.set("d", Bytes::from_static(b"7654321"), 30).await.unwrap();
    assert_eq!(mine.keys("", None, 10).await.unwrap(), ["a", "c", "d"]);
    assert_eq!(mine.keys("", Some("a"), 1).await.unwrap(), ["c"]);
    assert_eq!(mine.get("a").await.unwrap().unwrap(), "7654321");
    assert_eq!((other.get("a").await.unwrap(), other.keys("", None, 9).await.unwrap().len()), (None, 0));
    let long = mine.set(&"k".repeat(257), Bytes::new(), 9_999).await;
    assert!(matches!(long, Err(StorageError::TooLong { limit: 256, .. })));
    let state: Arc<dyn State> = world.store.state();
    clear(&state, &world.scope(), id).await.unwrap();
    assert_eq!(kept(&world, "plugin-store").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_cannot_pass_the_quota_together() {
    let world = Arc::new(World::new().await);
    let id = InstallationId::from_uuid(uuid::Uuid::now_v7());
    let write = |number: usize| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let storage = storage(&world, id);
            storage.set(&number.to_string(), Bytes::from_static(b"1234567"), 50).await.is_ok()
        })
    };
    let writers: Vec<_> = (0..9).map(write).collect();
    let mut written = 0;
    for writer in writers {
        written += usize::from(writer.await.unwrap());
    }
    assert_eq!((written, storage(&world, id).keys("", None, 99).await.unwrap().len()), (5, 5));
}

#[tokio::test]
async fn an_installation_that_is_removed_leaves_nothing_but_its_audit_entries() {
    let world = World::new().await;
    let id = world.install("holder", json!({"do": "hold"})).await.plugin.id;
    let next = world.signed("holder", "1.1.0").request(json!({"do": "hold"}));
    let kept_blob = packages::put(&world.store.blobs(), &world.scope(), &next.package).await.unwrap();
    world.try_install(next).await.unwrap();
    storage(&world, id).set("a", Bytes::from_static(b"1"), 99).await.unwrap();
    world.ext.plugins.deactivate(&world.admin, id).await.unwrap();
    assert_eq!((verdict(&world, "bad").await, view(&world, id).await.status), (Strength::Pass, Status::Inactive));
    world.ext.plugins.remove(&world.admin, id).await.unwrap();
    assert!(matches!(world.ext.plugins.get(&world.admin, id).await, Err(ServiceError::NotFound { .. })));
    assert_eq!(kept(&world, "plugin").await, 0);
    assert!(packages::get(&world.store.blobs(), &world.scope(), kept_blob).await.is_err());
    assert_eq!(world.actions().await.last().unwrap(), "plugin.remove");
}
