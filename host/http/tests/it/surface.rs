//! What holds for every answer: problems for what is below the handlers, headers, health and metrics.

use axum::body::Body;
use axum::http::{Request, header};

use crate::world::{OPERATOR, World, far_away};

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    for (method, path, status, code) in [
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("GET", "/", 404, "not-found"),
        ("DELETE", "/v1/sign-in", 405, "method-not-allowed"),
        ("GET", "/v1/connect", 426, "upgrade-required"),
    ] {
        let answer = world.call(method, path, Some(&world.alice.token), None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{method} {path}: {}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        assert_eq!(answer.body["type"], format!("urn:warbler:problem:{code}"), "{method} {path}");
    }
}

#[tokio::test]
async fn every_answer_is_guarded_and_named() {
    let world = World::new().await;
    for path in ["/v1/me", "/v1/nowhere", "/healthz"] {
        let answer = world.get(&world.alice, path).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert!(
            answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(answer.headers["x-request-id"].len(), 36, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_for_the_same_machine_and_for_the_operator() {
    let world = World::new().await;
    let from = |peer: Option<warbler_http::Peer>, token: Option<&str>| {
        let mut request = Request::get("/metrics");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().extend(
            peer.map(|peer| {
                let mut extensions = axum::http::Extensions::new();
                extensions.insert(peer);
                extensions
            })
            .unwrap_or_default(),
        );
        world.raw(request)
    };
    let near = warbler_http::Peer("127.0.0.1:9".parse().unwrap());
    let mapped = warbler_http::Peer("[::ffff:127.0.0.1]:9".parse().unwrap());
    assert_eq!(from(Some(near), None).await.bytes, b"a_metric 1\n");
    assert_eq!(from(Some(mapped), None).await.bytes, b"a_metric 1\n");
    assert_eq!(from(Some(far_away()), None).await.status.as_u16(), 401);
    assert_eq!(from(None, None).await.status.as_u16(), 401);
    assert_eq!(from(Some(far_away()), Some(&world.olivia.token)).await.status.as_u16(), 401);
    assert_eq!(from(Some(far_away()), Some(OPERATOR)).await.bytes, b"a_metric 1\n");
}

#[tokio::test]
async fn a_host_that_is_closing_is_alive_but_not_ready() {
    let world = World::new().await;
    assert_eq!(world.call("GET", "/readyz", None, None).await.status.as_u16(), 200);
    world.api.close_sockets(std::time::Duration::from_secs(1)).await;
    assert_eq!(world.call("GET", "/readyz", None, None).await.status.as_u16(), 503);
    assert_eq!(world.call("GET", "/healthz", None, None).await.status.as_u16(), 200);
}
