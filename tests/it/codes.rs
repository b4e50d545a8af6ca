//! One-time codes from the service to people's mailboxes and telephones, by the bundled plugins in the real runtime:
//! mail to a server that nobody here wrote, and a text message to a gateway as kannel is one.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use warbler_backup::ResticRepositories;
use warbler_domain::{Role, SystemClock};
use warbler_mail::{RelayOptions, Relays, Security};
use warbler_package::Publisher;
use warbler_runtime::{Runtime, RuntimeKey, RuntimeOptions};
use warbler_service::{
    Caller, CodeMessage, InstallRequest, NewMember, NewTenant, Options, PasswordCost, PluginOptions, Ports, Service,
    SignIn, SignInOutcome, TenantPolicy,
};
use warbler_store::{Location, MasterKey, Store, StoreOptions, TemporaryStores};
use warbler_tests::mail_server::MailServer;
use warbler_tests::packages;
use zeroize::Zeroizing;

const OPERATOR: &str = "the operator's token of this test";
const PASSWORD: &str = "sample-password-for-the-demo";
const CODE: &str = "482913";

/// A service with the real runtime, over a store in memory, and a tenant whose owner speaks Chinese.
struct Office {
    service: Service,
    owner: Caller,
}

impl Office {
    async fn open(server: &MailServer, gateway: SocketAddr) -> Self {
        let mut relays = Relays::new(Arc::new(SystemClock));
        let relay = RelayOptions {
            port: server.port().unwrap(),
            security: Security::Loopback,
            ..RelayOptions::new("127.0.0.1", "no-reply@example.org")
        };
        relays.add("office", relay).unwrap();
        let mut options = RuntimeOptions::new(RuntimeKey::new([7; 32]));
        options.mail = Arc::new(relays);
        options.http.private_addresses = [gateway].into();
        let store = Store::open(&StoreOptions::new(Location::Memory, MasterKey::generate().unwrap())).unwrap();
        let (backups, scratch) = (Arc::new(ResticRepositories::default()), Arc::new(TemporaryStores::in_memory()));
        let ports = Ports::over(&store, Runtime::new(options).unwrap(), backups, scratch);
        let options = Options {
            operator_token: Some(Zeroizing::new(OPERATOR.to_owned())),
            password_cost: PasswordCost { memory_kib: 8, passes: 1, lanes: 1 },
            ..Options::default()
        };
        let service = Service::start(ports, options, PluginOptions::new("0.1.0".parse().unwrap())).await.unwrap();
        let operator = service.authentication().operator(OPERATOR).unwrap();
        let owner = NewMember {
            login: "olivia".into(),
            name: "Olivia".into(),
            role: Role::Owner,
            locale: Some("zh-CN".into()),
            password: Zeroizing::new(PASSWORD.to_owned()),
        };
        let policy = TenantPolicy::default();
        let tenant = NewTenant { slug: "acme".into(), name: "Acme".into(), policy, owner };
        service.tenants().add(&operator, tenant).await.unwrap();
        let key = packages::development_key().unwrap().parse().unwrap();
        service.publishers().add(&operator, Publisher::new("development", key)).await.unwrap();
        let sign_in = SignIn {
            tenant: "acme".into(),
            user: "olivia".into(),
            password: Zeroizing::new(PASSWORD.to_owned()),
            device: "a test".into(),
            address: None,
        };
        let signed_in = service.authentication().sign_in(sign_in).await.unwrap();
        let SignInOutcome::SignedIn(signed_in) = signed_in else { panic!("a second factor is due") };
        let owner = service.authentication().authenticate(signed_in.token.reveal()).await.unwrap();
        Self { service, owner }
    }

    async fn install(&self, plugin: &str, config: Value, secrets: &[(&str, &str)]) {
        let package = packages::bundled(plugin).unwrap();
        let secret = |(name, value): &(&str, &str)| ((*name).to_owned(), Zeroizing::new((*value).to_owned()));
        let request = InstallRequest {
            grants: Some(serde_json::from_value(package.asks().unwrap()).unwrap()),
            package: package.bytes.into(),
            signatures: package.signatures,
            config: Some(config),
            secrets: secrets.iter().map(secret).collect(),
            ..InstallRequest::default()
        };
        self.service.plugins().install(&self.owner, request).await.unwrap();
    }

    async fn send(&self, channel: &str, address: &str) -> Result<(), warbler_service::ServiceError> {
        let message = CodeMessage {
            user: self.owner.user(),
            channel: channel.into(),
            address: format!("{address:?}"),
            code: Zeroizing::new(CODE.to_owned()),
            valid_for: Duration::from_mins(5),
        };
        self.service.push().send_code(self.owner.scope(), message).await
    }
}

/// A gateway for text messages: the numbers and texts that it took.
async fn gateway() -> (SocketAddr, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (keep, got) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let keep = keep.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                let keep = keep.clone();
                async move {
                    let to = request.headers().get("x-kannel-to").and_then(|to| to.to_str().ok()).unwrap_or_default();
                    let to = to.to_owned();
                    let text = request.into_body().collect().await.unwrap().to_bytes();
                    keep.send((to, String::from_utf8(text.to_vec()).unwrap())).unwrap();
                    let body = Full::new(Bytes::from_static(b"0: Accepted for delivery"));
                    Ok::<_, Infallible>(Response::builder().status(202).body(body).unwrap())
                }
            });
            tokio::spawn(
                auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), serve).into_owned(),
            );
        }
    });
    (address, got)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_reaches_a_mailbox_and_a_telephone_in_the_persons_language() {
    let Some(server) = MailServer::start(&json!({})).unwrap() else { return };
    let (at, mut texts) = gateway().await;
    let office = Office::open(&server, at).await;
    assert!(office.send("email", "olivia@example.com").await.is_err(), "no plugin serves the channel yet");
    office.install("push-email", json!({"smtp": {"relay": "office"}}), &[]).await;
    let kannel = json!({"base_url": format!("http://{at}/cgi-bin/sendsms"), "kannel": {"username": "warbler"}});
    office.install("push-sms", kannel, &[("password", "hunter2-hunter2")]).await;
    let push = office.service.push();
    assert!(["email", "sms"].iter().all(|channel| push.can_send_codes(office.owner.scope(), channel)));

    office.send("email", "olivia@example.com").await.unwrap();
    let letters = server.letters(1).await.unwrap();
    assert_eq!((letters.len(), letters[0]["subject"].as_str()), (1, Some("登录验证码")));
    let text = letters[0]["text"].as_str().unwrap();
    assert!(text.contains(CODE) && text.contains("5 分钟"), "{text}");

    office.send("sms", "+8613800000000").await.unwrap();
    let (to, text) = texts.recv().await.unwrap();
    assert_eq!(to, "+8613800000000");
    assert!(text.contains(CODE) && text.contains("分钟内有效"), "{text}");

    // An address that the relay does not know is the asker's to mend, and the code is in nobody's words.
    server.reply(json!({"rcpt": {"olive@example.com": format!("550 5.1.1 no {CODE}")}})).await.unwrap();
    let refused = office.send("email", "olive@example.com").await.unwrap_err();
    assert_eq!(refused.code(), "invalid");
    assert!(!format!("{refused} {refused:?}").contains(CODE), "{refused:?}");
    // Five to one address in a while, the refused ones included.
    for _ in 0..4 {
        office.send("email", "olive@example.com").await.unwrap_err();
    }
    assert_eq!(office.send("email", "olive@example.com").await.unwrap_err().code(), "rate-limited");
    assert_eq!(server.letters(1).await.unwrap().len(), 1);
    office.service.close().await;
}
