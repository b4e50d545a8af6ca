//! The way of a plugin's author, as README.md tells it: from an empty folder into a running host.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use warbler_tests::host::{Host, printed, program};
use warbler_tests::tenant::{PAIR, PASSWORD, Tenant};

/// Runs a program of ours, and gives what it printed.
fn run(name: &str, folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(program(name).unwrap());
    printed(command.args(arguments).current_dir(folder).envs(environment.iter().copied())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_goes_from_nothing_to_a_plugin_in_a_running_host() {
    let scratch = tempfile::tempdir().unwrap();
    let host = Host::start(&scratch.path().join("host"), "").unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();

    let plugin = |folder: &Path, arguments: &[&str]| run("warbler-plugin", folder, arguments, &[]);
    plugin(scratch.path(), &["new", "my-filter", "--hook", "content-filter", "--lang", "rust"]);
    let folder = scratch.path().join("my-filter");
    plugin(&folder, &["build"]);
    plugin(&folder, &["test"]);
    plugin(&folder, &["keygen", "--no-password"]);
    plugin(&folder, &["sign"]);
    plugin(&folder, &["verify", "--key", "plugin.pub"]);
    let package = "target/warbler/my-filter-0.1.0.wasm";
    let checked =
        Command::new("minisign").args(["-V", "-p", "plugin.pub", "-m", package]).current_dir(&folder).output();
    assert!(checked.unwrap().status.success(), "minisign does not accept the signature");

    let server = host.base();
    let operator = fs::read_to_string(host.folder().join("operator.token")).unwrap();
    let at = |token: &str, arguments: &[&str]| {
        run("warbler", &folder, arguments, &[("WARBLER_SERVER", server.as_str()), ("WARBLER_TOKEN", token)])
    };
    at(&operator, &["publisher", "trust", "me", "plugin.pub"]);
    let signed_in = run(
        "warbler",
        &folder,
        &["sign-in", "acme", "olivia"],
        &[("WARBLER_SERVER", server.as_str()), ("WARBLER_PASSWORD", PASSWORD)],
    );
    let owner = signed_in.trim();
    at(owner, &["plugin", "install", package]);
    assert!(at(owner, &["plugin", "list"]).contains("my-filter"));
    at(owner, &["plugin", "self-test", "my-filter"]);

    let conversation = acme.direct(0, 1).await.unwrap();
    let mut bob = acme.person(1).unwrap().client.connect(json!({})).await.unwrap();
    acme.person(0).unwrap().client.send(&conversation, "k", "this is a scam").await.unwrap().with(201).unwrap();
    let got = bob.until("message").await.unwrap();
    assert!(got["message"]["caution"].is_object(), "the plugin's word raises no caution: {got}");
    assert!(at(owner, &["audit"]).to_lowercase().contains("intact"));
}
