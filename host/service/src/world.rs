//! What the tests of people, conversations and messages share: a service over the store in memory, a clock
//! that moves only when it is asked to, and a filter that does what a message tells it to.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use uuid::{NoContext, Uuid};
use warbler_backup::ResticRepositories;
use warbler_domain::{
    Body, Clock, ContentFilter, Conversation, ConversationId, ConversationKind, Decision, Event, EventKind,
    HookContext, HookError, Ids, InstallationId, LoadError, LoadRequest, LoadedPlugin, Message, MessageId,
    PluginRuntime, Reason, Role, Sequence, Submission, Timestamp, UserId, Verdict,
};
use warbler_store::{Location, MasterKey, Store, StoreOptions, TemporaryStores};
use zeroize::Zeroizing;

use crate::filters::{Chain, Engine, Link, ListAccess};
use crate::{
    AgentPorts, AuditQuery, Caller, Connection, FailPolicy, HistoryQuery, Live, NewBody, NewConversation, NewMember,
    NewTenant, OperatorCaller, Options, PasswordCost, PluginOptions, Ports, Rate, RateLimits, Send, Sent, Service,
    ServiceError, Shown, SignIn, SignInOutcome, SignedIn, Tenant, TenantPolicy,
};

pub(crate) const OPERATOR: &str = "the operator's own token";
pub(crate) const PASSWORD: &str = "correct horse";

/// A clock that stands until it is moved. Each identifier made by it takes a millisecond, so that they sort.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Ids for TestClock {
    fn next(&self) -> Uuid {
        let ms = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let nanos = u32::try_from(ms % 1_000).unwrap() * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos))
    }
}

/// These tests put their filter into the chain by hand.
struct NoRuntime;

#[async_trait]
impl PluginRuntime for NoRuntime {
    async fn load(&self, _request: LoadRequest) -> Result<Arc<dyn LoadedPlugin>, LoadError> {
        Err(LoadError::NoHook)
    }
}

/// Does what the first word of a text says, and counts how often it was asked.
#[derive(Default)]
pub(crate) struct Obedient {
    pub(crate) asked: AtomicUsize,
}

pub(crate) fn reason(code: &str) -> Reason {
    Reason { code: code.into(), text: format!("because of {code}") }
}

#[async_trait]
impl ContentFilter for Obedient {
    async fn check(&self, message: &Submission, _context: &HookContext) -> Result<Decision, HookError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let text = message.body.text().unwrap_or_default();
        if text.contains("FORBIDDEN") {
            let verdict = Verdict::Reject { reason: reason("forbidden"), can_edit: true };
            return Ok(Decision { verdict, findings: Vec::new() });
        }
        if text.contains("secretword") {
            let verdict = Verdict::Rewrite { body: Body::Text { text: text.replace("secretword", "****") } };
            return Ok(Decision { verdict, findings: Vec::new() });
        }
        let verdict = match text.split_whitespace().next().unwrap_or_default() {
            "flag" => Verdict::Flag,
            "warn" => Verdict::Warn { reason: reason("warn") },
            "mask" => Verdict::Rewrite { body: Body::Text { text: text.replace("mask", "****") } },
            "hold" => Verdict::Hold { reason: reason("hold") },
            "discard" => Verdict::Discard { reason: reason("discard") },
            "reject" => Verdict::Reject { reason: reason("reject"), can_edit: true },
            "trap" => return Err(HookError::Trapped { text: "on purpose".into() }),
            _ => Verdict::Pass,
        };
        Ok(Decision { verdict, findings: Vec::new() })
    }
}

/// A service and its operator.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) operator: OperatorCaller,
    pub(crate) filter: Arc<Obedient>,
    options: Options,
    agents: AgentPorts,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::with_agents(change, AgentPorts::default()).await
    }

    pub(crate) async fn with_agents(change: impl FnOnce(&mut Options), agents: AgentPorts) -> Self {
        let plenty = Rate { burst: 1_000_000, per_second: 1_000_000 };
        let mut options = Options {
            operator_token: Some(Zeroizing::new(OPERATOR.to_owned())),
            password_cost: PasswordCost { memory_kib: 8, passes: 1, lanes: 1 },
            rates: RateLimits {
                messages: plenty,
                typing: plenty,
                frames: plenty,
                sign_ins: plenty,
                ..RateLimits::default()
            },
            // Tests sweep when they want to.
            session_sweep: Duration::from_hours(1),
            ..Options::default()
        };
        change(&mut options);
        let master = MasterKey::generate().unwrap();
        let store = Store::open(&StoreOptions::new(Location::Memory, master)).unwrap();
        let clock = Arc::new(TestClock(AtomicU64::new(1_795_000_000_000)));
        let service = start(&store, &clock, &options, &agents).await;
        let operator = service.authentication().operator(OPERATOR).unwrap();
        Self { service, store, clock, operator, filter: Arc::default(), options, agents }
    }

    /// Stops the service and starts another one over the same store.
    pub(crate) async fn restart(&mut self) {
        self.service.close().await;
        self.service = start(&self.store, &self.clock, &self.options, &self.agents).await;
    }

    /// A second node over the same store.
    pub(crate) async fn other_node(&self) -> Service {
        start(&self.store, &self.clock, &self.options, &self.agents).await
    }

    pub(crate) async fn tenant(&self, slug: &str) -> Office<'_> {
        self.tenant_with(slug, TenantPolicy::default()).await
    }

    pub(crate) async fn tenant_with(&self, slug: &str, policy: TenantPolicy) -> Office<'_> {
        let owner = new_member("owner", Role::Member);
        let new = NewTenant { slug: slug.into(), name: slug.into(), policy, owner };
        let (tenant, _) = self.service.tenants().add(&self.operator, new).await.unwrap();
        let link = Link {
            installation: InstallationId::from_uuid(Uuid::now_v7()),
            plugin: "obedient".into(),
            version: "1.0.0".into(),
            digest: "00".into(),
            config_digest: "11".into(),
            policy: FailPolicy::Closed,
            deadline: Duration::from_secs(10),
            lists: ListAccess::None,
            engine: Engine::Live(Arc::clone(&self.filter) as _),
            watch: None,
            timing: metrics::Histogram::noop(),
        };
        self.service.filters().put(tenant.id, Chain::new(vec![Arc::new(link)]));
        let signed_in = self.sign_in(slug, "owner", PASSWORD).await.unwrap();
        let owner = self.caller(&signed_in).await;
        Office { world: self, tenant, owner }
    }

    pub(crate) async fn sign_in(&self, tenant: &str, user: &str, password: &str) -> Result<SignedIn, ServiceError> {
        let request = SignIn {
            tenant: tenant.into(),
            user: user.into(),
            password: Zeroizing::new(password.into()),
            device: "a test".into(),
            address: None,
        };
        let SignInOutcome::SignedIn(signed_in) = self.service.authentication().sign_in(request).await?;
        Ok(*signed_in)
    }

    /// Another session of a tenant's owner.
    pub(crate) async fn tenant_owner(&self, slug: &str) -> Caller {
        let signed_in = self.sign_in(slug, "owner", PASSWORD).await.unwrap();
        self.caller(&signed_in).await
    }

    pub(crate) async fn caller(&self, signed_in: &SignedIn) -> Caller {
        self.service.authentication().authenticate(signed_in.token.reveal()).await.unwrap()
    }
}

async fn start(store: &Arc<Store>, clock: &Arc<TestClock>, options: &Options, agents: &AgentPorts) -> Service {
    let (backups, scratch) = (Arc::new(ResticRepositories::default()), Arc::new(TemporaryStores::in_memory()));
    let ports = Ports {
        clock: Arc::clone(clock) as _,
        ids: Arc::clone(clock) as _,
        agents: agents.clone(),
        ..Ports::over(store, Arc::new(NoRuntime), backups, scratch)
    };
    Service::start(ports, options.clone(), PluginOptions::new("0.1.0".parse().unwrap())).await.unwrap()
}

pub(crate) fn new_member(login: &str, role: Role) -> NewMember {
    NewMember {
        login: login.into(),
        name: format!("{login} of test"),
        role,
        locale: None,
        password: Zeroizing::new(PASSWORD.into()),
    }
}

/// A tenant with its owner, whose filter is obedient.
pub(crate) struct Office<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: Tenant,
    pub(crate) owner: Caller,
}

impl Office<'_> {
    pub(crate) fn service(&self) -> &Service {
        &self.world.service
    }

    /// A new account, signed in.
    pub(crate) async fn person(&self, login: &str, role: Role) -> Caller {
        self.service().members().add(&self.owner, new_member(login, role)).await.unwrap();
        self.again(login).await
    }

    /// Another session of an account.
    pub(crate) async fn again(&self, login: &str) -> Caller {
        let signed_in = self.world.sign_in(&self.tenant.slug, login, PASSWORD).await.unwrap();
        self.world.caller(&signed_in).await
    }

    pub(crate) async fn group(&self, by: &Caller, members: &[&Caller]) -> Arc<Conversation> {
        let members = members.iter().map(|member| member.user()).collect();
        let new = NewConversation { kind: ConversationKind::Group, title: "Test".into(), members };
        self.service().conversations().start(by, new).await.unwrap()
    }

    pub(crate) async fn say(&self, by: &Caller, to: ConversationId, text: &str) -> Result<Sent, ServiceError> {
        self.service().messages().send(by, send(to, &Uuid::now_v7().to_string(), text)).await
    }

    /// Sends a message that is committed.
    pub(crate) async fn post(&self, by: &Caller, to: ConversationId, text: &str) -> Arc<Event> {
        committed(self.say(by, to, text).await.unwrap())
    }

    /// Sends a message that is committed, and gives its identifier.
    pub(crate) async fn post_id(&self, by: &Caller, to: ConversationId, text: &str) -> MessageId {
        let event = self.post(by, to, text).await;
        posted(&event).id
    }

    /// All places of a conversation as one of its members sees them.
    pub(crate) async fn history(&self, of: &Caller, conversation: ConversationId) -> Vec<Shown> {
        let query = HistoryQuery { limit: 200, ..HistoryQuery::default() };
        self.service().messages().history(of, conversation, query).await.unwrap().entries
    }

    /// The texts that one of the members sees.
    pub(crate) async fn texts(&self, of: &Caller, conversation: ConversationId) -> Vec<String> {
        let history = self.history(of, conversation).await;
        history.iter().filter_map(text_of).collect()
    }

    /// The actions in the tenant's audit log, the oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let query = AuditQuery { after: Some(0), limit: 200, ..AuditQuery::default() };
        let page = self.service().audit().list(self.owner.scope(), &query).await.unwrap();
        page.entries.into_iter().map(|entry| entry.action).collect()
    }

    pub(crate) async fn connect(&self, caller: &Caller, cursors: &[(ConversationId, u64)]) -> Ear {
        let cursors: BTreeMap<_, _> = cursors.iter().map(|(id, sequence)| (*id, Sequence(*sequence))).collect();
        Ear { connection: self.service().live().connect(caller, cursors).await.unwrap(), heard: Vec::new() }
    }
}

/// A connection of `caller` to `service`.
pub(crate) async fn listen(service: &Service, caller: &Caller) -> Ear {
    Ear { connection: service.live().connect(caller, BTreeMap::new()).await.unwrap(), heard: Vec::new() }
}

/// A connection and what it got.
pub(crate) struct Ear {
    pub(crate) connection: Connection,
    heard: Vec<Live>,
}

impl Ear {
    /// The next thing that comes and that `wanted` takes.
    pub(crate) async fn next<T>(&mut self, wanted: impl Fn(&Live) -> Option<T>) -> T {
        loop {
            while !self.heard.is_empty() {
                if let Some(found) = wanted(&self.heard.remove(0)) {
                    return found;
                }
            }
            let mut batch = Vec::new();
            self.connection.next(&mut batch).await.unwrap();
            self.heard.extend(batch.iter().map(|delivery| delivery.live().clone()));
        }
    }

    /// The next place of `conversation`, with its text if there is one.
    pub(crate) async fn place(&mut self, conversation: ConversationId) -> (u64, Option<String>) {
        self.next(|live| match live {
            Live::Event(event) if event.conversation == conversation => {
                Some((event.sequence.0, text_of(&Shown::Event(Arc::clone(event)))))
            }
            Live::Taken { conversation: of, sequence } if *of == conversation => Some((sequence.0, None)),
            _ => None,
        })
        .await
    }

    /// How it ends.
    pub(crate) async fn end(&mut self) -> ServiceError {
        loop {
            if let Err(error) = self.connection.next(&mut Vec::new()).await {
                return error;
            }
        }
    }
}

pub(crate) fn text(text: &str) -> NewBody {
    NewBody::Text { text: text.into() }
}

pub(crate) fn send(conversation: ConversationId, key: &str, body: &str) -> Send {
    Send { conversation, key: key.into(), body: text(body), reply_to: None, mentions: Vec::new() }
}

pub(crate) fn committed(sent: Sent) -> Arc<Event> {
    match sent {
        Sent::Committed(event) => event,
        Sent::Held { .. } => panic!("it was held"),
    }
}

pub(crate) fn posted(event: &Event) -> &Message {
    match &event.kind {
        EventKind::Posted { message } => message,
        other => panic!("{other:?} posts nothing"),
    }
}

pub(crate) fn text_of(shown: &Shown) -> Option<String> {
    let Shown::Event(event) = shown else { return None };
    let body = match &event.kind {
        EventKind::Posted { message } => message.body.as_ref(),
        EventKind::Edited { body, .. } => Some(body),
        _ => None,
    };
    body.and_then(Body::text).map(str::to_owned)
}

pub(crate) fn code<T>(result: Result<T, ServiceError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

pub(crate) fn nobody() -> UserId {
    UserId::from_uuid(Uuid::now_v7())
}
