//! Plugins, word lists, trust and the audit log, over the API.

use axum::body::Body;
use axum::http::{Request, header};
use minisign::KeyPair;
use serde_json::{Value, json};

use crate::world::{OPERATOR, World, package};

async fn trusted(world: &World) -> KeyPair {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let trust = json!({ "name": "acme", "key": key.pk.to_base64() });
    world.operator("POST", "/v1/operator/publishers", trust).await.expect(201);
    key
}

#[tokio::test]
async fn a_plugin_is_installed_upgraded_rolled_back_and_removed() {
    let world = World::new().await;
    let key = trusted(&world).await;
    let installed = world.post(&world.olivia, "/v1/admin/plugins", package(&key, "1.0.0")).await.expect(201);
    assert_eq!((&installed["plugin"]["status"], &installed["plugin"]["version"]), (&json!("active"), &json!("1.0.0")));
    let path = format!("/v1/admin/plugins/{}", installed["plugin"]["id"].as_str().unwrap());
    world.post(&world.olivia, "/v1/admin/plugins", package(&key, "1.1.0")).await.expect(201);
    assert_eq!(world.get(&world.olivia, &path).await.expect(200)["version"], "1.1.0");
    world.post(&world.olivia, &format!("{path}/rollback"), json!({})).await.expect(200);
    assert_eq!(world.get(&world.olivia, &path).await.expect(200)["version"], "1.0.0");
    let adjust = json!({ "fail_policy": "open", "order": 7 });
    let adjusted = world.call("PATCH", &path, Some(&world.olivia.token), Some(adjust)).await.expect(200);
    assert_eq!((&adjusted["plugin"]["fail_policy"], &adjusted["plugin"]["order"]), (&json!("open"), &json!(7)));
    let report = world.post(&world.olivia, &format!("{path}/self-test"), json!({})).await.expect(200);
    assert_eq!(report["held"], true, "{report}");
    world.post(&world.olivia, &format!("{path}/deactivate"), json!({})).await.expect(200);
    world.say("1", "reject this").await.expect(201);
    world.post(&world.olivia, &format!("{path}/activate"), json!({})).await.expect(200);
    assert_eq!(world.say("2", "reject this").await.code(), "message-rejected");
    world.call("DELETE", &path, Some(&world.olivia.token), None).await.expect(204);
    assert_eq!(world.get(&world.olivia, &path).await.code(), "not-found");
}

#[tokio::test]
async fn a_package_of_several_megabytes_gets_through_and_is_judged_by_its_content() {
    let world = World::new().await;
    let mut large = package(&trusted(&world).await, "1.0.0");
    // Five megabytes of nothing behind the component: what is wrong with it is no longer its size.
    let text = format!("{}{}", large["package"].as_str().unwrap().trim_end_matches('='), "AAAA".repeat(5 << 18));
    large["package"] = Value::from(&text[..text.len() / 4 * 4]);
    let answer = world.post(&world.olivia, "/v1/admin/plugins", large).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "tampered"), "{}", answer.body);
}

#[tokio::test]
async fn a_package_that_is_not_what_it_says_is_refused_at_its_step() {
    let world = World::new().await;
    let key = trusted(&world).await;
    let good = package(&key, "1.0.0");
    let stranger = package(&KeyPair::generate_unencrypted_keypair().unwrap(), "1.0.0");
    let unsigned = json!({ "package": good["package"] });
    for (what, body, code) in [("unsigned", unsigned, "unsigned"), ("stranger", stranger, "unknown-publisher")] {
        let answer = world.post(&world.olivia, "/v1/admin/plugins", body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (422, code), "{what}: {}", answer.body);
        assert_eq!(answer.body["step"], "verify", "{what}");
    }
    let not_base64 = world.post(&world.olivia, "/v1/admin/plugins", json!({ "package": "%%%" })).await;
    assert_eq!((not_base64.code(), &not_base64.body["field"]), ("invalid", &json!("package")));
    let mut cut = good.clone();
    let text = cut["package"].as_str().unwrap();
    cut["package"] = Value::from(&text[..text.len() / 8 * 4]);
    assert_eq!(world.post(&world.olivia, "/v1/admin/plugins", cut).await.status.as_u16(), 422);
    let mut grown = good;
    grown["mystery"] = json!(1);
    assert_eq!(world.post(&world.olivia, "/v1/admin/plugins", grown).await.body["field"], "mystery");
    let list = world.get(&world.olivia, "/v1/admin/plugins").await.expect(200);
    assert_eq!(list["plugins"], json!([]));
}

#[tokio::test]
async fn revoking_a_key_unloads_what_it_signed() {
    let world = World::new().await;
    let key = trusted(&world).await;
    world.post(&world.olivia, "/v1/admin/plugins", package(&key, "1.0.0")).await.expect(201);
    let publishers = world.call("GET", "/v1/operator/publishers", Some(OPERATOR), None).await.expect(200);
    let id = publishers["publishers"][0]["key_id"].clone();
    let revoke = json!({ "key_id": id, "reason": "it leaked" });
    let enforced = world.operator("POST", "/v1/operator/publishers/revoke", revoke).await.expect(200);
    assert_eq!(enforced["unloaded"].as_array().unwrap().len(), 1);
    // Its failure policy is closed.
    world.say("1", "plain").await.expect(202);
    let both = json!({ "key_id": id, "digest": "00".repeat(32) });
    assert_eq!(world.operator("POST", "/v1/operator/publishers/revoke", both).await.code(), "invalid");
    let bad = json!({ "key_id": "xyz" });
    assert_eq!(world.operator("POST", "/v1/operator/publishers/revoke", bad).await.body["field"], "key_id");
}

#[tokio::test]
async fn word_lists_come_as_json_and_as_text_and_change_word_by_word() {
    let world = World::new().await;
    let path = "/v1/admin/lexicons/house";
    let put = |content_type: &str, body: &str| {
        let request = Request::put(path).header(header::AUTHORIZATION, format!("Bearer {}", world.mia.token));
        world.raw(request.header(header::CONTENT_TYPE, content_type).body(Body::from(body.to_owned())).unwrap())
    };
    assert_eq!(put("text/plain", "# house words\nfoo\nbar\n").await.expect(200)["words"], 2);
    let change = json!({ "add": [{ "word": "baz", "category": "pets", "mode": "exact" }], "remove": ["foo"] });
    world.call("PATCH", path, Some(&world.mia.token), Some(change)).await.expect(200);
    let words = world.get(&world.mia, path).await.expect(200);
    let spelled: Vec<_> =
        words["words"].as_array().unwrap().iter().map(|word| word["word"].as_str().unwrap()).collect();
    assert_eq!(spelled, ["bar", "baz"]);
    let lines = world.get(&world.mia, &format!("{path}?format=lines")).await;
    assert_eq!(put("application/jsonl", std::str::from_utf8(&lines.bytes).unwrap()).await.expect(200)["words"], 2);
    assert_eq!(put("application/json", &words.to_string()).await.expect(200)["words"], 2);
    let refused = put("application/xml", "<foo/>").await;
    assert_eq!(refused.code(), "unsupported-media-type");
    let refused = put("application/json", r#"{"words":[{"word":"a","mode":"loud"}]}"#).await;
    assert_eq!(refused.body["field"], "words[0].mode");
    let lists = world.get(&world.mia, "/v1/admin/lexicons").await.expect(200);
    assert_eq!((&lists["lexicons"][0]["name"], &lists["lexicons"][0]["words"]), (&json!("house"), &json!(2)));
    world.call("DELETE", path, Some(&world.mia.token), None).await.expect(204);
    assert_eq!(world.get(&world.mia, path).await.code(), "not-found");
}

#[tokio::test]
async fn the_audit_log_tells_what_was_done_and_is_intact() {
    let world = World::filtered().await;
    world.say("1", "hold this").await.expect(202);
    let page = world.get(&world.olivia, "/v1/admin/audit?action=plugin&limit=1").await.expect(200);
    let entry = &page["entries"][0];
    assert!(entry["action"].as_str().unwrap().starts_with("plugin."), "{entry}");
    assert_eq!((&entry["actor"], &entry["user"]), (&json!("user"), &json!(world.olivia.id)));
    let report = world.get(&world.olivia, "/v1/admin/audit/verify").await.expect(200);
    assert_eq!((&report["intact"], &report["broken"]), (&json!(true), &Value::Null));
    let report = world.call("GET", "/v1/operator/audit/verify", Some(OPERATOR), None).await.expect(200);
    assert_eq!(report["intact"], true);
}
