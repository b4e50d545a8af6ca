//! Installing, upgrading and going back.

use super::*;

#[tokio::test]
async fn a_plugin_is_installed_in_steps_and_checks_messages_from_then_on() {
    let world = World::new().await;
    assert_eq!(verdict(&world, "bad").await, Strength::Pass);
    let installed = world.install("holder", json!({"do": "hold"})).await;
    let words: Vec<_> = installed.steps.iter().map(|step| step.as_str()).collect();
    let expected = "verify probe configuration grants compile instantiate init self-test switch";
    assert_eq!(words.join(" "), expected);
    assert_eq!(installed.plugin.status, Status::Active);
    assert_eq!((installed.plugin.stats.calls, installed.plugin.signers[0].publisher.as_str()), (7, "acme"));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    let judgement = world.judge("bad").await;
    assert_eq!(*judgement.receipts[0].config_digest, *installed.plugin.config_digest);
    assert_eq!(*judgement.receipts[0].digest, *installed.plugin.digest.to_string());
    assert_eq!(world.actions().await, ["plugin.install"]);
}

#[tokio::test]
async fn whatever_is_refused_names_its_step_and_leaves_live_traffic_alone() {
    let world = World::new().await;
    world.install("holder", json!({"do": "hold"})).await;
    let next = world.signed("holder", "1.1.0");
    let pass = || next.request(json!({"do": "pass"}));
    let unsigned = InstallRequest { signatures: vec![], ..pass() };
    assert_eq!(refused(&world, unsigned).await, (Step::Verify, "unsigned"));
    let mut bytes = next.bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let tampered = InstallRequest { package: Bytes::from(bytes), ..pass() };
    assert_eq!(refused(&world, tampered).await, (Step::Verify, "tampered"));
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let unknown = sign(&stranger, "holder", "1.1.0", &json!({}), &[]).request(json!({}));
    assert_eq!(refused(&world, unknown).await, (Step::Verify, "unknown-publisher"));
    let older = world.signed("holder", "0.9.0").request(json!({}));
    assert_eq!(refused(&world, older).await, (Step::Verify, "downgrade"));
    assert_eq!(refused(&world, next.request(json!({"do": 7}))).await, (Step::Configuration, "configuration-invalid"));
    assert_eq!(refused(&world, next.request(json!({"init": "refuse"}))).await, (Step::Init, "configuration-refused"));
    let deaf = next.request(json!({"do": "trap", "word": "Hello"}));
    assert_eq!(refused(&world, deaf).await, (Step::SelfTest, "trapped"));
    world.runtime.broken.lock().insert(*next.package().digest().as_bytes());
    assert_eq!(refused(&world, pass()).await, (Step::Compile, "does-not-compile"));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
    let list = world.ext.plugins.list(&world.admin).await.unwrap();
    assert_eq!((list.plugins.len(), list.plugins[0].version.as_str()), (1, "1.0.0"));
    assert_eq!(world.actions().await, ["plugin.install"]);
}

#[tokio::test]
async fn a_version_number_means_the_same_bytes_for_ever() {
    let world = World::new().await;
    world.install("holder", json!({})).await;
    let other = sign(&world.key, "holder", "1.0.0", &json!({"title": "Other"}), &[]);
    assert_eq!(refused(&world, other.request(json!({}))).await, (Step::Verify, "version-reused"));
    let again = world.install("holder", json!({"do": "hold"})).await;
    assert_eq!((again.plugin.previous, verdict(&world, "bad").await), (None, Strength::Hold));
}

#[tokio::test]
async fn an_upgrade_can_be_rolled_back_in_one_step_and_forth_again() {
    let mut world = World::new().await;
    let id = world.install("speaker", json!({"do": "version"})).await.plugin.id;
    let next = world.signed("speaker", "1.1.0").request(json!({"do": "version"}));
    let installed = world.try_install(next).await.unwrap();
    assert_eq!(installed.plugin.id, id);
    assert_eq!(installed.plugin.previous.unwrap().version, "1.0.0");
    assert_eq!(spoken(&world).await, "1.1.0");
    let loads = world.runtime.loads.load(Ordering::Relaxed);
    let back = world.ext.plugins.rollback(&world.admin, id).await.unwrap();
    assert_eq!((back.plugin.version.as_str(), spoken(&world).await.as_str()), ("1.0.0", "1.0.0"));
    world.ext.plugins.rollback(&world.admin, id).await.unwrap();
    assert_eq!(spoken(&world).await, "1.1.0");
    assert_eq!(world.runtime.loads.load(Ordering::Relaxed), loads, "the version before was not warm");
    world.restart().await;
    assert_eq!(spoken(&world).await, "1.1.0");
    world.ext.plugins.activate(&world.admin, id, Some("1.0.0".into())).await.unwrap();
    assert_eq!(spoken(&world).await, "1.0.0");
    let third = world.signed("speaker", "1.2.0").request(json!({"do": "version"}));
    let third = world.try_install(third).await.unwrap().plugin;
    assert_eq!(third.previous.unwrap().version, "1.0.0");
    let expected = ["install", "install", "rollback", "rollback", "rollback", "install"];
    assert_eq!(world.actions().await, expected.map(|action| format!("plugin.{action}")));
}

#[tokio::test]
async fn without_a_version_before_there_is_nothing_to_go_back_to() {
    let world = World::new().await;
    let id = world.install("holder", json!({})).await.plugin.id;
    let plugins = &world.ext.plugins;
    assert!(matches!(plugins.rollback(&world.admin, id).await, Err(ServiceError::NotFound { what: "version" })));
    let missing = plugins.activate(&world.admin, id, Some("9.9.9".into())).await;
    assert!(matches!(missing, Err(ServiceError::NotFound { what: "version" })));
}

#[tokio::test]
async fn a_plugin_is_installed_more_than_once_under_labels_and_each_lives_by_itself() {
    let mut world = World::new().await;
    let signed = world.signed("words", "1.0.0");
    let labelled = |label: &str, config| InstallRequest { label: Some(label.to_owned()), ..signed.request(config) };
    let first = world.try_install(signed.request(json!({"do": "pass"}))).await.unwrap().plugin;
    let second = world.try_install(labelled("strict", json!({"do": "hold"}))).await.unwrap().plugin;
    assert_ne!(first.id, second.id);
    assert_eq!((first.label.as_deref(), second.label.as_deref()), (None, Some("strict")));
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);

    // The next version of one leaves the other, and what goes with one the other keeps.
    let next = InstallRequest { label: second.label.clone(), ..world.signed("words", "1.1.0").request(json!({})) };
    assert_eq!(world.try_install(next).await.unwrap().plugin.id, second.id);
    assert_eq!(
        (view(&world, first.id).await.version, view(&world, second.id).await.version),
        ("1.0.0".into(), "1.1.0".into())
    );
    world.try_install(labelled("third", json!({"do": "hold"}))).await.unwrap();
    world.ext.plugins.remove(&world.admin, first.id).await.unwrap();
    world.restart().await;
    assert_eq!(view(&world, second.id).await.status, Status::Active);
    let list = world.ext.plugins.list(&world.admin).await.unwrap().plugins;
    let labels: Vec<_> = list.iter().map(|plugin| (plugin.label.as_deref(), &plugin.status)).collect();
    assert_eq!(labels, [(Some("strict"), &Status::Active), (Some("third"), &Status::Active)]);
    assert_eq!(verdict(&world, "bad").await, Strength::Hold);
}

#[tokio::test]
async fn a_label_that_cannot_be_kept_is_refused() {
    let world = World::new().await;
    let signed = world.signed("words", "1.0.0");
    let too_long = "a".repeat(33);
    for label in ["", "Upper", "with space", "../up", &too_long] {
        let request = InstallRequest { label: Some(label.to_owned()), ..signed.request(json!({})) };
        let refused = world.try_install(request).await;
        assert!(matches!(refused, Err(ServiceError::Invalid { field: "label", .. })), "{label:?}");
    }
    // Whoever is looked up by the plugin's name is there once.
    let agent = json!({"hooks": ["agent"], "permissions": {}});
    let agent = sign(&world.key, "helper", "1.0.0", &agent, &[]);
    let request = InstallRequest { label: Some("other".into()), ..agent.request(json!({})) };
    assert!(matches!(world.try_install(request).await, Err(ServiceError::Invalid { field: "label", .. })));
}
