//! Trust and its end: revocations reach what runs, development mode is one tenant's, narrowing only narrows.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use minisign::KeyPair;
use serde_json::json;
use warbler_domain::{Role, Strength};

use super::*;
use crate::plugin_world::{World, sign};
use crate::{PluginError, Status};

fn public(pair: &KeyPair) -> PublicKey {
    pair.pk.to_base64().parse().unwrap()
}

fn new_key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

async fn verdict(world: &World) -> Strength {
    world.judge("harmless").await.merged.verdict.strength()
}

async fn status_code(world: &World) -> String {
    let list = world.ext.plugins.list(&world.admin).await.unwrap();
    match &list.plugins[0].status {
        Status::Failed { code, .. } => code.clone(),
        other => format!("{other:?}"),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    match result.unwrap_err() {
        ServiceError::Plugin(error @ PluginError::Refused { .. }) => error.code(),
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn a_revoked_key_unloads_what_runs_at_once_and_for_good() {
    let mut world = World::new().await;
    world.install("holder", json!({})).await;
    assert_eq!(verdict(&world).await, Strength::Pass);
    let id = public(&world.key).id();
    let done = world.ext.publishers.revoke_key(&world.operator, id, "stolen".into()).await.unwrap();
    assert_eq!(done.unloaded.len(), 1);
    assert_eq!((verdict(&world).await, status_code(&world).await.as_str()), (Strength::Hold, "revoked-key"));
    world.restart().await;
    assert_eq!((verdict(&world).await, status_code(&world).await.as_str()), (Strength::Hold, "revoked-key"));
    let next = world.signed("holder", "1.1.0").request(json!({}));
    assert_eq!(code(world.try_install(next).await), "revoked-key");
    let again = Publisher::new("acme again", public(&world.key));
    let again = world.ext.publishers.add(&world.operator, again).await;
    assert!(matches!(again, Err(ServiceError::Invalid { field: "key", .. })));
    assert!(world.actions().await.contains(&"plugin.unloaded".to_owned()));
}

#[tokio::test]
async fn a_revoked_digest_takes_out_that_package_and_no_other_and_not_by_rollback() {
    let world = World::new().await;
    let first = world.install("holder", json!({})).await.plugin;
    let next = world.signed("holder", "1.1.0").request(json!({}));
    world.try_install(next).await.unwrap();
    let done = world.ext.publishers.revoke_digest(&world.operator, first.digest, "leaks".into()).await.unwrap();
    assert!(done.unloaded.is_empty());
    assert_eq!(verdict(&world).await, Strength::Pass);
    assert_eq!(code(world.ext.plugins.rollback(&world.admin, first.id).await), "revoked-digest");
    assert_eq!(verdict(&world).await, Strength::Pass);
}

#[tokio::test]
async fn a_publisher_who_is_removed_takes_its_plugins_along() {
    let world = World::new().await;
    world.install("holder", json!({})).await;
    let publishers = &world.ext.publishers;
    let id = public(&world.key).id();
    assert_eq!(publishers.remove(&world.operator, id).await.unwrap().unloaded.len(), 1);
    assert_eq!(status_code(&world).await, "unknown-publisher");
    assert!(matches!(publishers.remove(&world.operator, id).await, Err(ServiceError::NotFound { .. })));
    publishers.add(&world.operator, Publisher::new("acme", public(&world.key))).await.unwrap();
    let plugin = world.ext.plugins.list(&world.admin).await.unwrap().plugins.remove(0);
    world.ext.plugins.activate(&world.admin, plugin.id, None).await.unwrap();
    assert_eq!(verdict(&world).await, Strength::Pass);
}

#[tokio::test]
async fn development_mode_is_one_tenants_and_is_said_in_every_listing() {
    let mut world = World::new().await;
    let (local, publishers) = (new_key(), world.ext.publishers.clone());
    let package = || sign(&local, "draft", "1.0.0", &json!({}), &[]).request(json!({}));
    let key = Some(("Ann's laptop".to_owned(), public(&local)));
    publishers.set_development_key(&world.operator, TenantId::OPERATOR, key.clone()).await.unwrap();
    assert_eq!(code(world.try_install(package()).await), "unknown-publisher", "another tenant's key counts here");
    publishers.set_development_key(&world.operator, world.tenant, key).await.unwrap();
    let plugin = world.try_install(package()).await.unwrap().plugin;
    assert!(plugin.development && plugin.signers[0].development);
    world.restart().await;
    let list = world.ext.plugins.list(&world.admin).await.unwrap();
    assert!(list.development_mode && list.plugins[0].development);
    assert_eq!(world.ext.publishers.development(&world.admin).unwrap().unwrap().name, "Ann's laptop");
    let done = world.ext.publishers.set_development_key(&world.operator, world.tenant, None).await.unwrap();
    assert_eq!(done.unloaded.len(), 1);
    assert_eq!(verdict(&world).await, Strength::Hold);
}

#[tokio::test]
async fn a_tenant_narrows_whom_it_trusts_and_never_widens_it() {
    let world = World::new().await;
    world.install("holder", json!({})).await;
    let stranger = public(&new_key());
    let narrowing = Narrowing { publishers: Some([stranger.id()].into()), ..Narrowing::default() };
    let member = world.caller(Role::Moderator);
    let forbidden = world.ext.publishers.narrow(&member, narrowing.clone()).await;
    assert!(matches!(forbidden, Err(ServiceError::Forbidden { .. })));
    let done = world.ext.publishers.narrow(&world.admin, narrowing.clone()).await.unwrap();
    assert_eq!(done.unloaded.len(), 1);
    assert_eq!(world.ext.publishers.narrowing(&world.admin).await.unwrap(), narrowing);
    let next = world.signed("holder", "1.1.0").request(json!({}));
    assert_eq!(code(world.try_install(next).await), "unknown-publisher");
    assert_eq!(world.actions().await.iter().filter(|action| *action == "publisher.narrow").count(), 1);
}

#[tokio::test]
async fn all_of_a_set_of_keys_can_be_required() {
    let world = World::new().await;
    world.install("holder", json!({})).await;
    let second = new_key();
    let publishers = &world.ext.publishers;
    publishers.add(&world.operator, Publisher::new("second", public(&second))).await.unwrap();
    let both = [public(&world.key).id(), public(&second).id()];
    let done = publishers.require(&world.operator, Requirement::AllOf(both.into())).await.unwrap();
    assert_eq!((done.unloaded.len(), status_code(&world).await.as_str()), (1, "signer-missing"));
    let signed = world.signed("holder", "1.1.0");
    let mut request = signed.request(json!({}));
    assert_eq!(code(world.try_install(request.clone()).await), "signer-missing");
    request.signatures.push(sign(&second, "holder", "1.1.0", &json!({}), &[]).signature);
    assert_eq!(world.try_install(request).await.unwrap().plugin.signers.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_trusted() {
    let world = World::new().await;
    let publishers = &world.ext.publishers;
    let add = async |publisher| publishers.add(&world.operator, publisher).await;
    let taken = add(Publisher::new("acme", public(&new_key()))).await;
    assert!(matches!(taken, Err(ServiceError::Invalid { field: "name", .. })));
    let nameless = add(Publisher::new(" ", public(&new_key()))).await;
    assert!(matches!(nameless, Err(ServiceError::Invalid { field: "name", .. })));
    let local = Publisher { development: true, ..Publisher::new("dev", public(&new_key())) };
    assert!(matches!(add(local).await, Err(ServiceError::Invalid { field: "development", .. })));
    add(Publisher::new("acme renamed", public(&world.key))).await.unwrap();
    let names: Vec<_> =
        publishers.list(&world.operator).unwrap().publishers.into_iter().map(|known| known.name).collect();
    assert_eq!(names, ["acme renamed"]);
    let reasonless = publishers.revoke_key(&world.operator, public(&world.key).id(), String::new()).await;
    assert!(matches!(reasonless, Err(ServiceError::Invalid { field: "reason", .. })));
}
