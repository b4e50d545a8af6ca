//! The bundled push providers, in the runtime of a host: their cases, the conformance suite, and a
//! receiver of Web Push whose cryptography is another's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, thread};

use serde_json::json;
use warbler_tests::host::program;
use warbler_tests::web_push::WebPushReceiver;
use warbler_tests::{packages, script, servers};

/// A key of nobody's: that of the example in RFC 8291.
const VAPID_KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";

fn providers() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.join("manifest.json").is_file())
        .filter(|path| name(path).starts_with("push-"))
        .collect();
    found.sort();
    found
}

fn name(plugin: &Path) -> String {
    plugin.file_name().unwrap().to_string_lossy().into_owned()
}

fn test(plugin: &Path, arguments: &[&str]) -> Output {
    let package = packages::bundled_file(&name(plugin)).unwrap();
    let mut command = Command::new(program("warbler-plugin").unwrap());
    command.current_dir(plugin).arg("test").arg(package).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_bundled_push_provider_passes_its_cases_and_the_conformance_suite() {
    let providers = providers();
    assert!(providers.len() >= 12, "{providers:?}");
    // Side by side, because each waits for a while for a provider that keeps silent.
    let outputs = thread::scope(|scope| {
        let running: Vec<_> = providers.iter().map(|plugin| scope.spawn(|| test(plugin, &[]))).collect();
        running.into_iter().map(|running| running.join().unwrap()).collect::<Vec<_>>()
    });
    for (plugin, output) in providers.iter().zip(outputs) {
        assert!(output.status.success(), "{}:\n{}", name(plugin), said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_with_another_cryptography_opens_what_push_webpush_sends() {
    let receiver = WebPushReceiver::start().await.unwrap();
    let given = json!({
        "config": {"subject": "mailto:push@example.com", "push_service": receiver.origin()},
        "secrets": {"vapid_key": VAPID_KEY},
    });
    let sent = json!({"address": receiver.subscription(), "title": "张三", "body": "你好，世界 🎉"});
    let case = json!({"given": given, "notifications": [sent], "expect": {"outcomes": ["accepted"]}});
    let output = try_on(&receiver, &case).await;
    assert!(output.status.success(), "{} {:?}", said(&output), receiver.refused());
    let opened = receiver.wait_for(1).await.unwrap();
    assert_eq!((&opened[0]["title"], &opened[0]["body"]), (&json!("张三"), &json!("你好，世界 🎉")));

    receiver.expire();
    let case = json!({"given": given, "notifications": [sent], "expect": {"outcomes": ["gone"]}});
    let output = try_on(&receiver, &case).await;
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(receiver.received().len(), 1);
}

/// Runs one case of `push-webpush` against `receiver`.
async fn try_on(receiver: &WebPushReceiver, case: &serde_json::Value) -> Output {
    let cases = tempfile::tempdir().unwrap();
    fs::write(cases.path().join("case.json"), case.to_string()).unwrap();
    let plugin = providers().into_iter().find(|plugin| name(plugin) == "push-webpush").unwrap();
    let (folder, allow) = (cases.path().to_string_lossy().into_owned(), receiver.origin().replace("http://", ""));
    let run = move || test(&plugin, &["--cases-only", "--cases", &folder, "--allow", &allow]);
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[test]
fn an_independent_push_service_takes_what_push_webpush_sends_and_refuses_what_is_spoiled_on_the_way() {
    if !script::has_node(&["web-push-testing"]) {
        return;
    }
    let preload = script::folder().with_file_name("loopback.cjs");
    play("web-push.mjs", "push-webpush", &[&preload]);
}

#[test]
fn a_text_in_chinese_goes_through_kannel_to_a_centre_as_it_was_written() {
    if !Path::new("/usr/sbin/bearerbox").is_file() {
        servers::skip("gateway for text messages (kannel)");
    } else if script::has_node(&["smpp"]) {
        play("sms.mjs", "push-sms", &[]);
    }
}

/// Runs a counterpart's script with the tool and the package of `plugin`.
fn play(script: &str, plugin: &str, more: &[&Path]) {
    let source = providers().into_iter().find(|path| name(path) == plugin).unwrap();
    let (tool, package) = (program("warbler-plugin").unwrap(), packages::bundled_file(plugin).unwrap());
    let arguments = [&[&*tool, &*package, &*source], more].concat();
    let arguments: Vec<&OsStr> = arguments.iter().map(|path| path.as_os_str()).collect();
    script::run(script, &arguments, None).unwrap();
}
