//! Two tenants with their people behind the router, a runtime that plays a filter natively, and a client.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt as _, StreamExt as _};
use minisign::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt as _;
use warbler_backup::ResticRepositories;
use warbler_domain::{
    Body as MessageBody, ByteSize, ContentFilter, Decision, HookContext, HookError, HookKind, LoadError, LoadRequest,
    LoadedPlugin, PluginRuntime, PluginStats, RandomIds, Reason, Submission, Verdict,
};
use warbler_http::{Api, ApiOptions, Peer, router};
use warbler_package::{Limits, Manifest, Package, embed_manifest};
use warbler_service::{Options, PasswordCost, PluginOptions, Ports, Rate, RateLimits, Service};
use warbler_store::{Location, MasterKey, Store, StoreOptions, TemporaryStores};
use zeroize::Zeroizing;

pub(crate) const OPERATOR: &str = "the operator's token of the tests, long enough";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Greatest file in these tests.
pub(crate) const FILE: u64 = 1024;

/// A host without a listener.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) router: Router,
    pub(crate) alice: Person,
    pub(crate) bob: Person,
    pub(crate) mia: Person,
    pub(crate) olivia: Person,
    /// Of the other tenant.
    pub(crate) zoe: Person,
    /// Alice's and Bob's conversation.
    pub(crate) conversation: String,
}

/// Someone, signed in.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// What the host answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The stable code of a problem.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Panics unless the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let service = service().await;
        let options = ApiOptions {
            attachment: ByteSize(FILE),
            metrics: Arc::new(|| "a_metric 1\n".to_owned()),
            ..ApiOptions::default()
        };
        let api = Api::new(service, Arc::new(RandomIds), options);
        let router = router(api.clone());
        let mut world = Self {
            api,
            router,
            alice: Person::nobody(),
            bob: Person::nobody(),
            mia: Person::nobody(),
            olivia: Person::nobody(),
            zoe: Person::nobody(),
            conversation: String::new(),
        };
        for (slug, owner) in [("acme", "olivia"), ("other", "zoe")] {
            let owner = json!({ "login": owner, "name": owner, "password": PASSWORD });
            world
                .operator("POST", "/v1/operator/tenants", json!({ "slug": slug, "name": slug, "owner": owner }))
                .await
                .expect(201);
        }
        world.olivia = world.sign_in("acme", "olivia").await;
        world.zoe = world.sign_in("other", "zoe").await;
        for (login, role) in [("alice", "member"), ("bob", "member"), ("mia", "moderator")] {
            let member = json!({ "login": login, "name": login, "role": role, "password": PASSWORD });
            world.post(&world.olivia, "/v1/admin/members", member).await.expect(201);
        }
        world.alice = world.sign_in("acme", "alice").await;
        world.bob = world.sign_in("acme", "bob").await;
        world.mia = world.sign_in("acme", "mia").await;
        let direct = json!({ "kind": "direct", "members": [world.bob.id] });
        let conversation = world.post(&world.alice, "/v1/conversations", direct).await.expect(201);
        conversation["id"].as_str().unwrap().clone_into(&mut world.conversation);
        world
    }

    /// The same with a filter that does what the first word of a text says.
    pub(crate) async fn filtered() -> Self {
        let world = Self::new().await;
        let key = KeyPair::generate_unencrypted_keypair().unwrap();
        let trust = json!({ "name": "acme", "key": key.pk.to_base64() });
        world.operator("POST", "/v1/operator/publishers", trust).await.expect(201);
        world.post(&world.olivia, "/v1/admin/plugins", package(&key, "1.0.0")).await.expect(201);
        world
    }

    /// Signs someone in.
    pub(crate) async fn sign_in(&self, tenant: &str, user: &str) -> Person {
        let body = json!({ "tenant": tenant, "user": user, "password": PASSWORD, "device": "test" });
        let body = self.call("POST", "/v1/sign-in", None, Some(body)).await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person { id: text(&body["user"]["id"]), token: text(&body["token"]) }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.raw(request.body(body).unwrap()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, body, bytes }
    }

    pub(crate) async fn get(&self, person: &Person, path: &str) -> Answer {
        self.call("GET", path, Some(&person.token), None).await
    }

    pub(crate) async fn post(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(&person.token), Some(body)).await
    }

    pub(crate) async fn operator(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call(method, path, Some(OPERATOR), Some(body)).await
    }

    /// Where messages of Alice's and Bob's conversation are sent and read.
    pub(crate) fn messages(&self) -> String {
        format!("/v1/conversations/{}/messages", self.conversation)
    }

    /// Alice says something to Bob.
    pub(crate) async fn say(&self, key: &str, text: &str) -> Answer {
        self.post(&self.alice, &self.messages(), json!({ "key": key, "body": { "type": "text", "text": text } })).await
    }

    /// What Bob can read.
    pub(crate) async fn texts(&self) -> Vec<String> {
        let page = self.get(&self.bob, &self.messages()).await.expect(200);
        let text = |message: &Value| message["body"]["text"].as_str().unwrap_or_default().to_owned();
        page["messages"].as_array().unwrap().iter().map(text).collect()
    }

    /// Listens on a free port until the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }

    /// A greeted socket of `person`.
    pub(crate) async fn connect(&self, address: SocketAddr, person: &Person, cursors: Value) -> Socket {
        let mut socket = Socket::open(address, Some(&person.token)).await;
        socket.say(json!({ "op": "hello", "cursors": cursors })).await;
        assert_eq!(socket.next().await["op"], "ready");
        socket
    }
}

impl Person {
    fn nobody() -> Self {
        Self { id: String::new(), token: String::new() }
    }
}

/// A WebSocket, from the client's end.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/v1/connect").into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next frame, or the close code as `{"closed": CODE}`.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Close(Some(close)))) => return json!({ "closed": u16::from(close.code) }),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame: {other:?}"),
            }
        }
    }

    /// The next frame with this `op`.
    pub(crate) async fn until(&mut self, op: &str) -> Value {
        loop {
            let frame = self.next().await;
            assert!(frame.get("closed").is_none(), "closed while waiting for {op}: {frame}");
            if frame["op"] == op {
                return frame;
            }
        }
    }
}

async fn service() -> Service {
    let plenty = Rate { burst: 1_000_000, per_second: 1_000_000 };
    let options = Options {
        operator_token: Some(Zeroizing::new(OPERATOR.to_owned())),
        password_cost: PasswordCost { memory_kib: 8, passes: 1, lanes: 1 },
        attachment: ByteSize(FILE),
        rates: RateLimits {
            messages: plenty,
            typing: plenty,
            frames: plenty,
            sign_ins: plenty,
            ..RateLimits::default()
        },
        ..Options::default()
    };
    let store = Store::open(&StoreOptions::new(Location::Memory, MasterKey::generate().unwrap())).unwrap();
    let (backups, scratch) = (Arc::new(ResticRepositories::default()), Arc::new(TemporaryStores::in_memory()));
    let ports = Ports::over(&store, Arc::new(Native), backups, scratch);
    Service::start(ports, options, PluginOptions::new("0.1.0".parse().unwrap())).await.unwrap()
}

/// A runtime without WebAssembly, whose filter does what the first word of a text says.
struct Native;

#[async_trait]
impl PluginRuntime for Native {
    async fn load(&self, _request: LoadRequest) -> Result<Arc<dyn LoadedPlugin>, LoadError> {
        Ok(Arc::new(Native))
    }
}

impl LoadedPlugin for Native {
    fn hooks(&self) -> &[HookKind] {
        &[HookKind::ContentFilter]
    }

    fn content_filter(&self) -> Option<Arc<dyn ContentFilter>> {
        Some(Arc::new(Native))
    }

    fn stats(&self) -> PluginStats {
        PluginStats::default()
    }
}

#[async_trait]
impl ContentFilter for Native {
    async fn check(&self, message: &Submission, _context: &HookContext) -> Result<Decision, HookError> {
        let text = message.body.text().unwrap_or_default();
        let word = text.split_whitespace().next().unwrap_or_default();
        let reason = Reason { code: word.into(), text: format!("because of {word}") };
        let verdict = match word {
            "warn" => Verdict::Warn { reason },
            "mask" => Verdict::Rewrite { body: MessageBody::Text { text: text.replace("mask", "****") } },
            "hold" => Verdict::Hold { reason },
            "discard" => Verdict::Discard { reason },
            "reject" => Verdict::Reject { reason, can_edit: true },
            _ => Verdict::Pass,
        };
        Ok(Decision { verdict, findings: Vec::new() })
    }
}

/// An install request for a package that is signed with `key`.
pub(crate) fn package(key: &KeyPair, version: &str) -> Value {
    let manifest = json!({ "name": "obedient", "version": version, "hooks": ["content-filter"] });
    let manifest = Manifest::parse(&serde_json::to_vec(&manifest).unwrap(), &Limits::default()).unwrap();
    let component = wat::parse_str(
        r#"(component
            (instance $none)
            (export "warbler:plugin/lifecycle@0.1.0" (instance $none))
            (export "warbler:plugin/content-filter@0.1.0" (instance $none)))"#,
    );
    let bytes = embed_manifest(&component.unwrap(), &manifest).unwrap();
    let comment = Package::read(&bytes, &Limits::default()).unwrap().trusted_comment(None).to_string();
    let signature = minisign::sign(Some(&key.pk), &key.sk, &bytes[..], Some(&comment), None).unwrap();
    json!({ "package": STANDARD.encode(&bytes), "signatures": [signature.into_string()] })
}

/// A peer elsewhere, as a listener would add it.
pub(crate) fn far_away() -> Peer {
    Peer(SocketAddr::from(([203, 0, 113, 9], 4711)))
}
