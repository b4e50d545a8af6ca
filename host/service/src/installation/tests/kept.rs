//! Installations that come back from a backup.

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde_json::json;

use super::super::*;
use crate::plugin_world::World;

/// An installation as a backup of now has it, and its package.
async fn backed_up(world: &World) -> (serde_json::Value, Bytes) {
    let (state, blobs, scope) = (world.store.state(), world.store.blobs(), world.scope());
    let packages = kept_packages(&*state, &*blobs, &scope).await.unwrap();
    assert_eq!(packages.len(), 1);
    let bytes = packages[0].open(&*blobs, &scope).await.unwrap().try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!((bytes.len() as u64, packages[0].sha256.len()), (packages[0].size, 64));
    let kept = state.scan(&scope, &crate::records::under(record::FAMILY, &[]), None, 9).await.unwrap();
    (serde_json::from_slice(&kept[0].1.value).unwrap(), bytes.into())
}

async fn put(world: &World, record: &serde_json::Value, package: Option<Bytes>) -> Option<InstallationId> {
    let kept = KeptInstallation::read(record.clone()).unwrap();
    let (state, blobs) = (world.store.state(), world.store.blobs());
    kept.put(&*state, &blobs, &world.ext.audit, &world.scope(), package).await.unwrap()
}

#[tokio::test]
async fn an_installation_comes_back_with_its_package_and_runs_as_it_did() {
    let mut world = World::new().await;
    let view = world.install("words", json!({"do": "flag"})).await.plugin;
    let (record, package) = backed_up(&world).await;
    assert_eq!(put(&world, &record, Some(package.clone())).await, None, "it is there");
    world.ext.plugins.remove(&world.admin, view.id).await.unwrap();
    assert!(world.judge("bad").await.receipts.is_empty());
    let id = put(&world, &record, Some(package)).await.unwrap();
    assert_eq!(id, view.id);
    world.ext.plugins.take_up(&world.scope(), id, true).await.unwrap();
    assert_eq!(world.judge("bad").await.receipts.len(), 1);
    world.restart().await;
    assert_eq!(world.judge("bad").await.receipts.len(), 1);
    assert!(world.actions().await.contains(&"plugin.restore".to_owned()));
}

#[tokio::test]
async fn without_its_package_it_waits_inactive_and_takes_its_configuration_from_what_came_back() {
    let world = World::new().await;
    let view = world.install("words", json!({"do": "flag"})).await.plugin;
    let (record, _) = backed_up(&world).await;
    world.ext.plugins.remove(&world.admin, view.id).await.unwrap();
    let id = put(&world, &record, None).await.unwrap();
    world.ext.plugins.take_up(&world.scope(), id, false).await.unwrap();
    assert!(world.judge("bad").await.receipts.is_empty(), "it stands in nobody's way");
    // Asked to run all the same, it says why it does not, and stays out of the way.
    assert!(world.ext.plugins.take_up(&world.scope(), id, true).await.is_err());
    assert!(world.judge("bad").await.receipts.is_empty());
    let request = InstallRequest { config: None, ..world.signed("words", "1.0.0").request(json!({})) };
    let again = world.try_install(request).await.unwrap().plugin;
    assert_eq!((again.id, again.status), (view.id, Status::Active));
    assert_eq!(world.judge("bad").await.receipts.len(), 1);
}
