//! TLS: a client that trusts the certificate is served, plain HTTP on the same port is not.

use std::fs;

use warbler_tests::host::Host;

#[tokio::test(flavor = "multi_thread")]
async fn the_host_speaks_tls_and_nothing_else_where_it_has_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("host.pem"), made.cert.pem()).unwrap();
    let key = folder.path().join("host.key");
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let host = Host::start(folder.path(), "[tls]\ncertificate = \"host.pem\"\nkey = \"host.key\"\n").unwrap();
    let port = host.base().rsplit(':').next().unwrap().to_owned();

    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let answer = trusting.get(format!("https://localhost:{port}/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));

    let plain = reqwest::Client::new().get(format!("http://localhost:{port}/healthz")).send().await;
    assert!(plain.is_err(), "plain HTTP was answered: {plain:?}");
    let wary = reqwest::Client::new().get(format!("https://localhost:{port}/healthz")).send().await;
    assert!(wary.is_err(), "an unknown certificate was accepted");
}
