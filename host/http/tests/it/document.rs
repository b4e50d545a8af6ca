//! The committed `OpenAPI` document.

use std::path::Path;

use crate::world::World;

#[test]
fn the_committed_openapi_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let generated = warbler_http::openapi();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "host/http/openapi.json is out of date: run `UPDATE=1 cargo test -p warbler-http`");
}

#[test]
fn the_document_is_openapi_3_1_and_every_operation_names_its_problems() {
    let document: serde_json::Value = serde_json::from_str(&warbler_http::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            assert!(operation["security"].is_array(), "{method} {path}");
        }
    }
    assert!(operations > 50, "{operations}");
}

#[test]
fn every_schema_that_is_referred_to_is_there() {
    let text = warbler_http::openapi();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_document_is_served() {
    let world = World::new().await;
    let answer = world.call("GET", "/v1/openapi.json", None, None).await;
    assert_eq!(String::from_utf8(answer.bytes).unwrap(), warbler_http::openapi());
}
