//! Vendors' push services, as stand-ins on the loopback. A client that others wrote, the vendor's own where there is
//! one, shows that a stand-in answers as the vendor does; then our provider meets the very same one, in a real host.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use warbler_tests::client::{Client, text};
use warbler_tests::host::Host;
use warbler_tests::script::{self, Script};
use warbler_tests::tenant::{self, PAIR, Tenant};

const TEXT: &str = "你好，世界 🎉";

/// A host with a tenant in which Bob is away.
struct Acme {
    tenant: Tenant,
    conversation: String,
    host: Host,
    _folder: TempDir,
}

impl Acme {
    /// One whose plugins may reach `services`, and trust certificates in the file `roots`.
    async fn start(services: &[&str], roots: Option<&Path>) -> Self {
        let ports = services.iter().map(|url| url.rsplit(':').next().unwrap());
        let allowed: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        let trusted = roots.map(|file| format!("trust_file = \"{}\"\n", file.display())).unwrap_or_default();
        let folder = tempfile::tempdir().unwrap();
        let extra = format!("[plugins]\nallow_private_http = {allowed:?}\n{trusted}");
        let host = Host::start(folder.path(), &extra).unwrap();
        tenant::trust(&host).await.unwrap();
        let tenant = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
        let conversation = tenant.direct(0, 1).await.unwrap();
        Self { tenant, conversation, host, _folder: folder }
    }

    fn bob(&self) -> &Client {
        &self.tenant.person(1).unwrap().client
    }

    /// Installs a provider, and gives the path of its settings.
    async fn install(&self, plugin: &str, config: Value, secrets: Value) -> String {
        let made = self.tenant.install_bundled(plugin, json!({"config": config, "secrets": secrets})).await.unwrap();
        format!("/v1/admin/plugins/{}", made["plugin"]["id"].as_str().unwrap())
    }

    async fn register(&self, kind: &str, address: Value) -> String {
        let device = json!({"kind": kind, "address": address});
        let made = self.bob().post("/v1/push-endpoints", device).await.unwrap().with(201).unwrap();
        text(&made, "id").unwrap().to_owned()
    }

    async fn forget(&self, device: &str) {
        self.bob().delete(&format!("/v1/push-endpoints/{device}")).await.unwrap().with(204).unwrap();
    }

    /// What the provider says of a notification to this address, which is forgotten afterwards if it is not yet.
    async fn attempt(&self, kind: &str, address: Value) -> Value {
        let device = self.register(kind, address).await;
        let path = format!("/v1/push-endpoints/{device}/test");
        let tested = self.bob().post(&path, json!({})).await.unwrap().with(200).unwrap();
        let note = tested["notes"][0].clone();
        let kept = self.bob().get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
        assert_eq!(kept["endpoints"].as_array().unwrap().is_empty(), note["step"] == "gone", "{note}");
        if note["step"] != "gone" {
            self.forget(&device).await;
        }
        note
    }

    /// The steps that the provider's answers come to, for one address after the other.
    async fn attempts(&self, kind: &str, addresses: &[Value]) -> Vec<String> {
        let mut steps = Vec::new();
        for address in addresses {
            let note = self.attempt(kind, address.clone()).await;
            let reason = note["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            steps.push(note["step"].as_str().unwrap().to_owned() + &reason);
        }
        steps
    }

    /// Has Alice write to Bob.
    async fn write(&self, said: &str) {
        let alice = &self.tenant.person(0).unwrap().client;
        alice.send(&self.conversation, said, said).await.unwrap().with(201).unwrap();
    }
}

/// A key of `push-kit`'s tests: nobody's.
fn key(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("plugins/push-kit/tests/keys").join(name)
}

fn secret(name: &str) -> String {
    fs::read_to_string(key(name)).unwrap()
}

/// Lets others' clients try a stand-in; each is given what the stand-in says of itself, and `more`.
fn checked_by(stand_in: &Script, clients: &[&str], more: &[&Path], roots: Option<&Path>) {
    let about = stand_in.about.to_string();
    for client in clients {
        let arguments: Vec<&OsStr> =
            [OsStr::new(&about)].into_iter().chain(more.iter().map(|p| p.as_os_str())).collect();
        script::run(&format!("clients/{client}"), &arguments, roots).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn push_apns_meets_a_stand_in_that_apns2_and_aioapns_take_for_apple() {
    if !script::has_node(&["jose", "apns2"]) || !script::has_python(&["aioapns"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (certificate, certificate_key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&certificate_key, made.signing_key.serialize_pem()).unwrap();
    let signing = key("ec.pem");
    let apple = Script::start("apns.mjs", &[&certificate, &certificate_key, &signing]).unwrap();
    checked_by(&apple, &["apns2.mjs", "aioapns_client.py"], &[&signing, &certificate], Some(&certificate));

    let base = apple.text("base").unwrap();
    let acme = Acme::start(&[base], Some(&certificate)).await;
    let config = json!({"team_id": "TEAM123456", "key_id": "ABC1234567", "topic": "com.example.chat",
        "base_url": base, "sandbox_url": base});
    let settings = acme.install("push-apns", config, json!({"key": secret("ec.pem")})).await;
    let phone = "a".repeat(64);
    let device = acme.register("apns", json!({"token": phone})).await;
    acme.write(TEXT).await;
    let took = apple.says("took", |took| took["payload"]["conversation"] == acme.conversation).await.unwrap();
    assert_eq!(took["payload"]["aps"]["alert"], json!({"title": "Alice", "body": TEXT}));
    assert_eq!((&took["device"], &took["payload"]["aps"]["badge"]), (&json!(phone), &json!(1)));
    acme.forget(&device).await;

    let tokens = ["01d", "dead", "f0e", "b5"].map(|begin| json!({"token": format!("{begin:0<64}")}));
    let steps = acme.attempts("apns", &[&tokens[..], &[json!({"token": "abcd"})]].concat()).await;
    let again = "retry: the provider asks to try again";
    assert_eq!(steps, ["accepted", "gone", "refused: HTTP 400: DeviceTokenNotForTopic", again, "gone"]);
    // A key that is another's: a person has to act, and no device is forgotten for it.
    let another = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let path = format!("{settings}/secrets/key");
    acme.tenant.owner.put(&path, json!({"value": another})).await.unwrap().with(200).unwrap();
    let note = acme.attempt("apns", json!({"token": phone})).await;
    assert_eq!(note["step"], "retry");
    assert!(note["reason"].as_str().unwrap().contains("InvalidProviderToken"), "{note}");
    acme.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_fcm_meets_a_stand_in_that_firebase_admin_takes_for_google() {
    if !script::has_node(&["jose"]) || !script::has_python(&["firebase-admin"]) {
        return;
    }
    let google = Script::start("fcm.mjs", &[&key("rsa.pem")]).unwrap();
    checked_by(&google, &["firebase_client.py"], &[], None);

    let base = google.text("base").unwrap();
    let acme = Acme::start(&[base], None).await;
    let config = json!({"base_url": base, "token_url": format!("{base}/token")});
    let account = google.about["account"].to_string();
    acme.install("push-fcm", config, json!({"service_account": account})).await;
    let device = acme.register("fcm", json!("phone")).await;
    acme.write(TEXT).await;
    let ours = |took: &Value| took["message"]["data"]["conversation"] == acme.conversation;
    let took = google.says("took", ours).await.unwrap();
    assert_eq!(took["message"]["notification"], json!({"title": "Alice", "body": TEXT}));
    acme.forget(&device).await;

    // After the last one its access token is good no more; the next gets another.
    let tokens = ["gone", "bad", "foreign", "last", "phone"].map(|token| json!({"token": token}));
    let steps = acme.attempts("fcm", &tokens).await;
    let bad = "refused: INVALID_ARGUMENT: The registration token is not a valid FCM registration token";
    let foreign = "refused: SENDER_ID_MISMATCH: SenderId mismatch";
    assert_eq!(steps, ["gone", bad, foreign, "accepted", "accepted"]);
    acme.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_jpush_and_push_xiaomi_meet_stand_ins_that_the_vendors_clients_check() {
    if !script::has_node(&["jpush-sdk", "push-xiaomi"]) || !script::has_python(&["jpush"]) {
        return;
    }
    let (jpush, xiaomi) = (Script::start("jpush.mjs", &[]).unwrap(), Script::start("xiaomi.mjs", &[]).unwrap());
    checked_by(&jpush, &["jpush_sdk.mjs", "jpush_client.py"], &[], None);
    checked_by(&xiaomi, &["push_xiaomi.mjs"], &[], None);

    let acme = Acme::start(&[jpush.text("base").unwrap(), xiaomi.text("base").unwrap()], None).await;
    let config = json!({"app_key": jpush.about["key"], "base_url": jpush.about["base"]});
    acme.install("push-jpush", config, json!({"master_secret": jpush.about["secret"]})).await;
    let config = json!({"package": xiaomi.about["package"], "base_url": xiaomi.about["base"]});
    acme.install("push-xiaomi", config, json!({"app_secret": xiaomi.about["secret"]})).await;
    // One after the other: a session is told on the one that was registered last.
    let device = acme.register("jpush", json!("phone")).await;
    acme.write(TEXT).await;
    let took =
        jpush.says("took", |took| took["notification"]["alert"] == TEXT && took["cid"].is_string()).await.unwrap();
    assert_eq!(took["notification"]["ios"]["alert"], json!({"title": "Alice", "body": TEXT}));
    acme.forget(&device).await;
    let device = acme.register("xiaomi", json!("phone")).await;
    acme.write("另一部手机").await;
    let took = xiaomi.says("took", |took| took["description"] == "另一部手机").await.unwrap();
    assert_eq!(took["title"], "Alice");
    acme.forget(&device).await;

    let addresses = ["dead", "busy", "phone"].map(|id| json!({"registration_id": id}));
    let again = "retry: the provider asks to try again";
    assert_eq!(acme.attempts("jpush", &addresses).await, ["gone", again, "accepted"]);
    assert_eq!(acme.attempts("xiaomi", &addresses).await, ["gone", again, "accepted"]);
    acme.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_huawei_meets_a_stand_in_that_push_huawei_of_npm_checks() {
    if !script::has_node(&["jose", "push-huawei"]) {
        return;
    }
    let huawei = Script::start("huawei.mjs", &[&key("rsa.pem")]).unwrap();
    checked_by(&huawei, &["push_huawei.mjs"], &[], None);

    let base = huawei.text("base").unwrap();
    let acme = Acme::start(&[base], None).await;
    let token_url = format!("{base}/oauth2/v3/token");
    let config = json!({"hms": {"app_id": huawei.about["app"]}, "base_url": base, "token_url": token_url});
    let account = huawei.about["account"].to_string();
    acme.install("push-huawei", config, json!({"app_secret": huawei.about["secret"], "service_account": account}))
        .await;
    for kind in ["huawei", "harmony"] {
        let device = acme.register(kind, json!("phone")).await;
        acme.write(kind).await;
        let took = huawei.says("took", |took| took["body"] == kind).await.unwrap();
        assert_eq!(took["title"], "Alice");
        acme.forget(&device).await;
    }

    let again = "retry: the provider asks to try again";
    let tokens = ["dead", "busy", "last", "phone"].map(|token| json!({"token": token}));
    assert_eq!(acme.attempts("huawei", &tokens).await, ["gone", again, "accepted", "accepted"]);
    let tokens = ["dead", "busy", "foreign"].map(|token| json!({"token": token}));
    let foreign = "refused: 80100000: no right to send to this token";
    assert_eq!(acme.attempts("harmony", &tokens).await, ["gone", again, foreign]);
    acme.host.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_sms_meets_stand_ins_of_two_clouds_that_their_own_sdks_check() {
    let python = script::has_python(&["alibabacloud-dysmsapi20170525"]);
    if !script::has_node(&["tencentcloud-sdk-nodejs-sms"]) || !python {
        return;
    }
    let clouds = Script::start("sms_clouds.mjs", &[]).unwrap();
    checked_by(&clouds, &["aliyun_sms.py", "tencent_sms.mjs"], &[], None);

    let acme = Acme::start(&[clouds.text("aliyun").unwrap(), clouds.text("tencent").unwrap()], None).await;
    let (id, secret) = (&clouds.about["id"], &clouds.about["secret"]);
    let parameters = json!({"who": "{title}", "text": "{body}"});
    let aliyun =
        json!({"access_key_id": id, "sign_name": "示例", "template_code": "SMS_123456789", "parameters": parameters});
    let config = json!({"base_url": clouds.about["aliyun"], "aliyun": aliyun});
    let settings = acme.install("push-sms", config, json!({"access_key_secret": secret, "secret_key": secret})).await;
    let device = acme.register("sms", json!({"number": "+8613800000001"})).await;
    acme.write(TEXT).await;
    let took = clouds.says("took", |took| took["parameters"].as_str().is_some_and(|p| p.contains(TEXT))).await.unwrap();
    let parameters: Value = serde_json::from_str(took["parameters"].as_str().unwrap()).unwrap();
    assert_eq!((&took["number"], parameters), (&json!("13800000001"), json!({"who": "Alice", "text": TEXT})));
    acme.forget(&device).await;
    let numbers = ["+8613800000001", "+8613800000000"].map(|number| json!({"number": number}));
    let again = "retry: the provider asks to try again";
    assert_eq!(acme.attempts("sms", &numbers).await, ["accepted", again]);

    let tencent = json!({"secret_id": id, "app_id": "1400006666", "template_id": "1110", "parameters": ["{body}"]});
    let config = json!({"config": {"base_url": clouds.about["tencent"], "tencent": tencent}});
    acme.tenant.owner.put(&format!("{settings}/config"), config).await.unwrap().with(200).unwrap();
    let device = acme.register("sms", json!({"number": "+8613800000001"})).await;
    acme.write("再说一次").await;
    let took = clouds.says("took", |took| took["parameters"] == json!(["再说一次"])).await.unwrap();
    assert_eq!(took["number"], "+8613800000001");
    acme.forget(&device).await;
    assert_eq!(acme.attempts("sms", &numbers).await, ["accepted", again]);
    acme.host.stop().unwrap();
}
