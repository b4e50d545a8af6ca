//! Mail by SMTP: the relays, a bundled plugin and a whole host against a mail server that nobody here wrote.

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use uuid::Uuid;
use warbler_domain::{Letter, MailError, MailRelay, MailRelays as _, SystemClock, TenantId};
use warbler_mail::{RelayOptions, Relays, Security, SignIn};
use warbler_tests::client::text;
use warbler_tests::host::Host;
use warbler_tests::mail_server::MailServer;
use warbler_tests::tenant::{self, PAIR, Tenant};

const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const PASSWORD: &str = "pass-word-of-the-relay";

fn letter(to: &str, id: &str) -> Letter {
    Letter {
        to: to.into(),
        subject: "来自 张三 的新消息".into(),
        text: "你好，世界 🎉\n.\n第二行".into(),
        html: None,
        id: id.into(),
    }
}

/// Where `server` is, in the clear.
fn at(server: &MailServer) -> RelayOptions {
    RelayOptions {
        port: server.port().unwrap(),
        security: Security::Loopback,
        ..RelayOptions::new("127.0.0.1", "信使 <no-reply@example.org>")
    }
}

/// The relay with these options, for one tenant.
fn relay(options: RelayOptions) -> Arc<dyn MailRelay> {
    let mut relays = Relays::new(Arc::new(SystemClock));
    relays.add("office", options).unwrap();
    relays.open(TENANT, "office").unwrap()
}

/// An authority, and a certificate of its for `localhost`, as files of `folder`.
struct Authority {
    folder: tempfile::TempDir,
    root: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
        fs::write(folder.path().join("certificate.pem"), leaf.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), own.serialize_pem()).unwrap();
        Self { folder, root }
    }

    /// The server's options, with `more`.
    fn options(&self, more: &Value) -> Value {
        let mut options = json!({
            "certificate": self.folder.path().join("certificate.pem"), "key": self.folder.path().join("key.pem"),
        });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    }

    /// How a relay at `server` is reached whose certificate this authority signed.
    fn relay(&self, server: &MailServer, security: Security) -> RelayOptions {
        let extra_roots = vec![self.root.der().clone()];
        RelayOptions { host: "localhost".into(), security, extra_roots, ..at(server) }
    }
}

fn sign_in(password: &str) -> SignIn {
    SignIn { user: "warbler".into(), password: password.to_owned().into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_in_chinese_arrives_once_as_it_was_written() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let relay = relay(at(&server));
    let posted = relay.send(letter("li@example.com", "n-1")).await.unwrap();
    assert_eq!((posted.message_id.as_str(), posted.answer.as_str()), ("<n-1@example.org>", "250 2.0.0 queued as 1"));
    let html = Some("<p>你好</p>".to_owned());
    relay.send(Letter { html, ..letter("an@example.com", "n-2") }).await.unwrap();
    let letters = server.letters(2).await.unwrap();
    assert_eq!(letters.len(), 2);
    let first = &letters[0];
    assert_eq!((&first["from"], &first["to"]), (&json!("no-reply@example.org"), &json!(["li@example.com"])));
    assert_eq!(first["subject"], "来自 张三 的新消息");
    assert_eq!(first["text"].as_str().unwrap().replace("\r\n", "\n").trim_end(), "你好，世界 🎉\n.\n第二行");
    let header = |name: &str| first["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (header("auto-submitted").as_str(), header("message-id").as_str()),
        ("auto-generated", "<n-1@example.org>")
    );
    assert_eq!(header("from"), "信使 <no-reply@example.org>");
    assert!(first["ascii"] == true && first["defects"] == json!([]) && first["html"].is_null(), "{first}");
    assert!(letters[1]["html"].as_str().unwrap().contains("你好"), "{}", letters[1]);
    // The second went over the connection of the first.
    assert_eq!((&letters[0]["connection"], &letters[1]["connection"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_talked_to_only_once_its_certificate_is_known_to_be_good() {
    let authority = Authority::new();
    for (security, implicit) in [(Security::StartTls, false), (Security::Implicit, true)] {
        let options = authority.options(&json!({"implicit": implicit}));
        let Some(server) = MailServer::start(&options).unwrap() else { return };
        let trusted = relay(authority.relay(&server, security));
        trusted.send(letter("li@example.com", "n-1")).await.unwrap();
        assert_eq!(server.letters(1).await.unwrap()[0]["encrypted"], true);
        // A stranger's authority, and a name that the certificate does not bear.
        let stranger = RelayOptions { extra_roots: Vec::new(), ..authority.relay(&server, security) };
        let renamed = RelayOptions { host: "127.0.0.1".into(), ..authority.relay(&server, security) };
        for options in [stranger, renamed] {
            let refused = relay(options).send(letter("li@example.com", "n-2")).await.unwrap_err();
            let MailError::Misconfigured { why } = &refused else { panic!("{refused:?}") };
            assert!(why.contains("certificate"), "{why}");
        }
        assert_eq!(server.letters(1).await.unwrap().len(), 1);
    }
    // One that does not encrypt is told nothing.
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let options = RelayOptions { sign_in: Some(sign_in(PASSWORD)), ..authority.relay(&server, Security::StartTls) };
    let refused = relay(options).send(letter("li@example.com", "n-3")).await.unwrap_err();
    assert!(matches!(&refused, MailError::Misconfigured { why } if why.contains("STARTTLS")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_the_operators_business_and_is_never_shown() {
    let authority = Authority::new();
    let options = authority.options(&json!({"user": "warbler", "password": PASSWORD}));
    let Some(server) = MailServer::start(&options).unwrap() else { return };
    let with =
        |password| RelayOptions { sign_in: Some(sign_in(password)), ..authority.relay(&server, Security::StartTls) };
    relay(with(PASSWORD)).send(letter("li@example.com", "n-1")).await.unwrap();
    assert_eq!(server.letters(1).await.unwrap()[0]["authenticated"], true);
    let wrong = "another-pass-word";
    let refused = relay(with(wrong)).send(letter("li@example.com", "n-2")).await.unwrap_err();
    assert!(matches!(&refused, MailError::Misconfigured { why } if why.contains("535")), "{refused:?}");
    // Nobody at all is refused when it says whom the letter is from.
    let nobody = RelayOptions { sign_in: None, ..with(PASSWORD) };
    let anonymous = relay(nobody).send(letter("li@example.com", "n-3")).await.unwrap_err();
    assert!(matches!(&anonymous, MailError::Misconfigured { why } if why.contains("530")), "{anonymous:?}");
    let said = format!("{refused} {refused:?} {:?}", with(wrong));
    assert!(!said.contains(wrong) && !said.contains("YW5vdGhlci1wYXNz"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_replies_decides_what_becomes_of_the_letter() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let relay = relay(at(&server));
    server
        .reply(json!({"rcpt": {
            "nobody@example.com": "550 5.1.1 User unknown",
            "far@example.com": "554 5.7.1 <far@example.com>: Relay access denied",
            "grey@example.com": ["451 4.7.1 Greylisted, come again"],
        }}))
        .await
        .unwrap();
    let refused = |to: &'static str| {
        let relay = Arc::clone(&relay);
        async move { relay.send(letter(to, "n-1")).await.unwrap_err() }
    };
    let unknown = refused("nobody@example.com").await;
    assert!(
        matches!(&unknown, MailError::UnknownMailbox { answer } if answer == "550 5.1.1 User unknown"),
        "{unknown:?}"
    );
    let MailError::Refused { answer } = refused("far@example.com").await else { panic!("taken for another refusal") };
    assert_eq!(answer, "554 5.7.1 <…>: Relay access denied");
    let grey = refused("grey@example.com").await;
    assert!(grey.is_transient(), "{grey:?}");
    assert!(matches!(grey, MailError::Unavailable { after, .. } if after >= Duration::from_secs(30)));
    relay.send(letter("grey@example.com", "n-1")).await.unwrap();
    server.reply(json!({"data": ["554 5.6.0 no such letters here", "452 4.3.1 full"]})).await.unwrap();
    assert!(matches!(refused("li@example.com").await, MailError::Refused { .. }));
    assert!(refused("li@example.com").await.is_transient());
    server.reply(json!({"mail": ["550 5.7.60 not from you"]})).await.unwrap();
    assert!(matches!(refused("li@example.com").await, MailError::Misconfigured { .. }));
    // After all that the same connection still carries letters.
    relay.send(letter("li@example.com", "n-2")).await.unwrap();
    let letters = server.letters(2).await.unwrap();
    assert_eq!((letters.len(), &letters[1]["connection"]), (2, &json!(1)));
    let invalid = refused("li@example.com\r\nRCPT TO:<x@example.com>").await;
    assert!(matches!(invalid, MailError::Invalid { field: "address", .. }), "{invalid:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_away_or_silent_is_asked_again_and_a_letter_given_up_midway_spoils_no_other() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let (port, options) = (server.port().unwrap(), at(&server));
    let sent = relay(RelayOptions { answer_timeout: Duration::from_millis(300), ..options });
    sent.send(letter("li@example.com", "n-1")).await.unwrap();
    server.reply(json!({"data": ["stall"]})).await.unwrap();
    let silent = sent.send(letter("li@example.com", "n-2")).await.unwrap_err();
    assert!(silent.is_transient(), "{silent:?}");
    // Given up by the caller, at the same point.
    server.reply(json!({"data": ["stall"]})).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(100), sent.send(letter("li@example.com", "n-3"))).await;
    assert!(given_up.is_err());
    sent.send(letter("li@example.com", "n-4")).await.unwrap();
    let letters = server.letters(2).await.unwrap();
    assert_eq!(letters[1]["headers"]["message-id"], "<n-4@example.org>");
    drop(server);
    let away = sent.send(letter("li@example.com", "n-5")).await.unwrap_err();
    assert!(away.is_transient(), "{away:?}");
    // It comes back: the connections from before are no good, and nobody notices.
    let server = MailServer::start(&json!({"port": port})).unwrap().unwrap();
    sent.send(letter("li@example.com", "n-5")).await.unwrap();
    assert_eq!(server.letters(1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sends_so_many_letters_in_a_minute_and_leaves_others_theirs() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let number = |number| NonZeroU32::new(number).unwrap();
    let (other, stranger) = (TenantId::from_uuid(Uuid::from_u128(2)), TenantId::from_uuid(Uuid::from_u128(3)));
    let mut relays = Relays::new(Arc::new(SystemClock));
    let options = RelayOptions {
        letters_per_minute: number(3),
        tenant_letters_per_minute: number(2),
        tenants: [TENANT, other].into(),
        ..at(&server)
    };
    relays.add("office", options).unwrap();
    let [own, others] = [TENANT, other].map(|tenant| relays.open(tenant, "office").unwrap());
    assert!(relays.open(stranger, "office").is_none() && relays.open(TENANT, "attic").is_none());
    for id in ["n-1", "n-2"] {
        own.send(letter("li@example.com", id)).await.unwrap();
    }
    for (relay, id) in [(&own, "n-3"), (&others, "n-4"), (&others, "n-5")] {
        let sent = relay.send(letter("li@example.com", id)).await;
        match id {
            "n-4" => assert!(sent.is_ok(), "{sent:?}"),
            // Its own share is used up, and then everybody's.
            _ => assert!(
                matches!(&sent, Err(MailError::Unavailable { why, .. }) if why.contains("too many")),
                "{sent:?}"
            ),
        }
    }
    assert_eq!(server.letters(3).await.unwrap().len(), 3);
}

/// The steps of a message's story, as somebody reads them, once there are so many.
async fn steps(of: &warbler_tests::client::Client, message: &str, count: usize) -> Vec<Value> {
    loop {
        let story = of.get(&format!("/v1/push/story?message={message}")).await.unwrap().with(200).unwrap();
        let notes = story["notes"].as_array().unwrap().clone();
        if notes.len() >= count {
            return notes;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_device_gets_a_letter_and_an_address_that_is_dead_is_forgotten() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let port = server.port().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &server.config().unwrap()).unwrap();
    tenant::trust(&host).await.unwrap();
    let acme = Tenant::make(&host, "acme", "Acme", &PAIR).await.unwrap();
    acme.install_bundled("push-email", json!({"config": {"smtp": {"relay": "office"}}})).await.unwrap();
    let (alice, bob) = (&acme.person(0).unwrap().client, &acme.person(1).unwrap().client);
    bob.patch("/v1/me", json!({"locale": "zh-CN"})).await.unwrap().with(200).unwrap();
    let address = json!({"kind": "email", "address": "bob@example.com"});
    bob.post("/v1/push-endpoints", address).await.unwrap().with(201).unwrap();
    let conversation = acme.direct(0, 1).await.unwrap();
    let say = |key: &'static str, said: &'static str| {
        let conversation = conversation.clone();
        async move {
            let sent = alice.send(&conversation, key, said).await.unwrap().with(201).unwrap();
            text(&sent["message"], "id").unwrap().to_owned()
        }
    };
    say("one", "你好，世界 🎉").await;
    let letters = server.letters(1).await.unwrap();
    assert_eq!(
        (letters[0]["subject"].as_str(), &letters[0]["to"]),
        (Some("来自 Alice 的新消息"), &json!(["bob@example.com"]))
    );
    assert_eq!(letters[0]["text"].as_str().unwrap().trim_end(), "你好，世界 🎉");

    // What waits for one person keeps nobody else waiting.
    let of_alice = json!({"kind": "email", "address": "alice@example.com"});
    alice.post("/v1/push-endpoints", of_alice).await.unwrap().with(201).unwrap();
    server.reply(json!({"rcpt": {"alice@example.com": "451 4.7.1 Greylisted"}})).await.unwrap();
    let answer = bob.send(&conversation, "two", "wait").await.unwrap().with(201).unwrap();
    let waits = steps(alice, text(&answer["message"], "id").unwrap(), 1).await;
    assert_eq!((waits[0]["step"].as_str(), waits[0]["provider"].as_str()), (Some("retry"), Some("push-email")));

    // The server goes away, and comes back where it was.
    drop(server);
    let missed = say("three", "while you were away").await;
    assert_eq!(steps(bob, &missed, 1).await[0]["step"], "retry");
    let server = MailServer::start(&json!({"port": port})).unwrap().unwrap();
    let letters = server.letters(1).await.unwrap();
    assert_eq!((letters.len(), letters[0]["text"].as_str().unwrap().trim_end()), (1, "while you were away"));

    server.reply(json!({"rcpt": {"bob@example.com": "550 5.1.1 User unknown"}})).await.unwrap();
    let last = say("four", "are you there?").await;
    assert_eq!(steps(bob, &last, 1).await[0]["step"], "gone");
    let devices = bob.get("/v1/push-endpoints").await.unwrap().with(200).unwrap();
    assert_eq!(devices["endpoints"], json!([]));
    assert!(!host.log().contains("bob@example.com"), "an address is in the log");
    host.stop().unwrap();
}
