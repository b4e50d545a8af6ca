//! What the tests of plugins, trust, word lists and the audit log share: a tenant with an admin over the
//! store in memory, a runtime that plays plugins natively, and packages signed by a trusted key.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use minisign::KeyPair;
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;
use warbler_backup::ResticRepositories;
use warbler_domain::{
    Agent, AgentContext, BackupSink, BlobEntry, Body, Clock, ContentFilter, ConversationId, ConversationKind, Decision,
    Finding, HookContext, HookError, HookKind, LoadError, LoadRequest, LoadedPlugin, LogLevel, MessageId, Notification,
    Party, PluginPorts, PluginRuntime, PluginStats, PushOutcome, PushProvider, Reason, Role, Submission, TenantId,
    TenantScope, Timestamp, UserId, Verdict,
};
use warbler_package::{Hook, Limits, Manifest, Package, Publisher, embed_manifest};
use warbler_store::{Location, MasterKey, Store, StoreOptions, TemporaryStores};

use crate::{
    Caller, Extensions, InstallRequest, Installed, Judgement, OperatorCaller, PluginOptions, Ports, ServiceError, Tasks,
};

/// A clock that stands until it is moved.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A runtime without WebAssembly: a plugin does what its configuration says under `do`.
#[derive(Default)]
pub(crate) struct FakeRuntime {
    /// Packages that do not compile.
    pub(crate) broken: Mutex<BTreeSet<[u8; 32]>>,
    pub(crate) loads: AtomicUsize,
}

#[async_trait]
impl PluginRuntime for FakeRuntime {
    async fn load(&self, request: LoadRequest) -> Result<Arc<dyn LoadedPlugin>, LoadError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        if self.broken.lock().contains(&request.digest) {
            return Err(LoadError::Compile { text: "broken on purpose".into() });
        }
        let config: Value = serde_json::from_str(&request.config).unwrap();
        if config["init"] == "refuse" {
            return Err(LoadError::InitRefused { text: "not with me".into() });
        }
        if config["init"] == "needs-secret" && request.ports.secrets.get("token").await.is_none() {
            return Err(LoadError::InitRefused { text: "there is no token".into() });
        }
        let package = Package::read(&request.component, &Limits::default()).unwrap();
        let version = package.version().to_string();
        let filter = Arc::new(FakeFilter { config, version, ports: Some(request.ports) });
        let kind = |hook: &Hook| match hook {
            Hook::ContentFilter => HookKind::ContentFilter,
            Hook::Agent => HookKind::Agent,
            Hook::Push => HookKind::Push,
            Hook::BackupSink => HookKind::BackupSink,
        };
        Ok(Arc::new(FakePlugin { filter, hooks: package.hooks().iter().map(kind).collect() }))
    }
}

struct FakePlugin {
    filter: Arc<FakeFilter>,
    hooks: Vec<HookKind>,
}

impl LoadedPlugin for FakePlugin {
    fn hooks(&self) -> &[HookKind] {
        &self.hooks
    }

    fn content_filter(&self) -> Option<Arc<dyn ContentFilter>> {
        self.hooks.contains(&HookKind::ContentFilter).then(|| Arc::clone(&self.filter) as _)
    }

    fn agent(&self) -> Option<Arc<dyn Agent>> {
        self.hooks.contains(&HookKind::Agent).then(|| Arc::clone(&self.filter) as _)
    }

    fn push_provider(&self) -> Option<Arc<dyn PushProvider>> {
        self.hooks.contains(&HookKind::Push).then(|| Arc::clone(&self.filter) as _)
    }

    fn backup_sink(&self) -> Option<Arc<dyn BackupSink>> {
        self.hooks.contains(&HookKind::BackupSink).then(|| Arc::clone(&self.filter) as _)
    }

    fn stats(&self) -> PluginStats {
        PluginStats { calls: 7, ..PluginStats::default() }
    }
}

/// A filter that does what `config` says.
pub(crate) struct FakeFilter {
    pub(crate) config: Value,
    pub(crate) version: String,
    pub(crate) ports: Option<PluginPorts>,
}

impl FakeFilter {
    pub(crate) fn new(config: Value) -> Arc<Self> {
        Arc::new(Self { config, version: "0.0.0".into(), ports: None })
    }
}

pub(crate) fn reason(code: &str) -> Reason {
    Reason { code: code.into(), text: format!("because of {code}") }
}

#[async_trait]
impl ContentFilter for FakeFilter {
    async fn check(&self, message: &Submission, context: &HookContext) -> Result<Decision, HookError> {
        let text = message.body.text().unwrap_or_default();
        let word = self.config["word"].as_str().unwrap_or("bad");
        let found = text.find(word).map(|start| Finding {
            label: "word".into(),
            rule: word.into(),
            start: u32::try_from(start).unwrap(),
            end: u32::try_from(start + word.len()).unwrap(),
            score: 1.0,
        });
        let findings: Vec<_> = found.into_iter().collect();
        let is_hit = !findings.is_empty();
        let verdict = match self.config["do"].as_str().unwrap_or("pass") {
            "version" => Verdict::Warn { reason: reason(&self.version) },
            "hold" if is_hit => Verdict::Hold { reason: reason("word") },
            "flag" if is_hit => Verdict::Flag,
            "reject" if is_hit => Verdict::Reject { reason: reason("word"), can_edit: true },
            "warn" if is_hit => Verdict::Warn { reason: reason("word") },
            "mask" if is_hit => {
                let with = self.config["with"].as_str().unwrap_or("***");
                Verdict::Rewrite { body: Body::Text { text: text.replace(word, with) } }
            }
            "trap" if is_hit => return Err(HookError::Trapped { text: "unreachable".into() }),
            "hang" if is_hit => std::future::pending().await,
            "list" => {
                let lists = vec![self.config["list"].as_str().unwrap_or("own").to_owned()];
                let hits = context.lexicons.find(&lists, text);
                let hits = hits.map_err(|text| HookError::Trapped { text })?;
                if hits.is_empty() { Verdict::Pass } else { Verdict::Hold { reason: reason(&hits[0].word) } }
            }
            "log" => {
                self.ports.as_ref().unwrap().log.write(LogLevel::Info, "a line of mine");
                Verdict::Pass
            }
            _ => Verdict::Pass,
        };
        let findings = if verdict == Verdict::Pass { Vec::new() } else { findings };
        Ok(Decision { verdict, findings })
    }
}

/// An agent that says which version of it answers.
#[async_trait]
impl Agent for FakeFilter {
    async fn reply(&self, _: &Submission, context: &AgentContext) -> Result<(), HookError> {
        context.turn.say(&self.version).await.map_err(|text| HookError::Trapped { text })
    }
}

/// A provider that takes everything.
#[async_trait]
impl PushProvider for FakeFilter {
    async fn deliver(&self, batch: &[Notification]) -> Result<Vec<PushOutcome>, HookError> {
        Ok(vec![PushOutcome::Accepted(None); batch.len()])
    }
}

/// A sink that is empty, and stays so.
#[async_trait]
impl BackupSink for FakeFilter {
    async fn put(&self, _: &str, _: Bytes) -> Result<(), HookError> {
        Ok(())
    }

    async fn get(&self, _: &str, _: u64, _: u64) -> Result<Option<Bytes>, HookError> {
        Ok(None)
    }

    async fn list(&self, _: &str, _: Option<&str>) -> Result<Vec<BlobEntry>, HookError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> Result<(), HookError> {
        Ok(())
    }
}

/// A message that says `text`.
pub(crate) fn message(text: &str) -> Submission {
    Submission {
        id: MessageId::from_uuid(Uuid::now_v7()),
        conversation: ConversationId::from_uuid(Uuid::now_v7()),
        kind: ConversationKind::Group,
        sequence: None,
        sender: Party { id: UserId::from_uuid(Uuid::now_v7()), name: "Ann".into(), role: Role::Member },
        sent_at: Timestamp::from_millis(1),
        body: Body::Text { text: text.into() },
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

/// A package and its signature.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) bytes: Bytes,
    pub(crate) signature: String,
}

impl Signed {
    pub(crate) fn package(&self) -> Package {
        Package::read(&self.bytes, &Limits::default()).unwrap()
    }

    pub(crate) fn request(&self, config: Value) -> InstallRequest {
        InstallRequest {
            package: self.bytes.clone(),
            signatures: vec![self.signature.clone()],
            config: Some(config),
            ..InstallRequest::default()
        }
    }
}

/// Makes a package of a filter called `name`, signed with `key`; `manifest` is laid over its manifest.
pub(crate) fn sign(key: &KeyPair, name: &str, version: &str, manifest: &Value, imports: &[&str]) -> Signed {
    let mut json = json!({
        "name": name, "version": version, "hooks": ["content-filter"],
        "config": {"type": "object", "properties": {"do": {"type": "string"}}},
    });
    for (field, value) in manifest.as_object().unwrap() {
        json[field] = value.clone();
    }
    let manifest = Manifest::parse(&serde_json::to_vec(&json).unwrap(), &Limits::default()).unwrap();
    let mut text = String::from("(component\n");
    for import in imports {
        writeln!(text, "(import \"warbler:plugin/{import}@0.1.0\" (instance))").unwrap();
    }
    text += "(instance $none)\n";
    let hooks = manifest.hooks.iter().map(|hook| hook.as_str());
    for export in ["lifecycle"].into_iter().chain(hooks) {
        writeln!(text, "(export \"warbler:plugin/{export}@0.1.0\" (instance $none))").unwrap();
    }
    let component = wat::parse_str(text + ")").unwrap();
    let bytes = embed_manifest(&component, &manifest).unwrap();
    let package = Package::read(&bytes, &Limits::default()).unwrap();
    let comment = package.trusted_comment(None).to_string();
    let signature = minisign::sign(Some(&key.pk), &key.sk, &bytes[..], Some(&comment), None).unwrap();
    Signed { bytes: bytes.into(), signature: signature.into_string() }
}

/// One tenant on one host.
pub(crate) struct World {
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: Arc<FakeRuntime>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) tasks: Tasks,
    pub(crate) ext: Extensions,
    pub(crate) tenant: TenantId,
    pub(crate) admin: Caller,
    pub(crate) operator: OperatorCaller,
    pub(crate) key: KeyPair,
}

impl World {
    pub(crate) async fn new() -> Self {
        let options = StoreOptions::new(Location::Memory, MasterKey::from_bytes([7; 32]));
        let store = Store::open(&options).unwrap();
        let tenant = TenantId::from_uuid(Uuid::now_v7());
        store.create_tenant(tenant).await.unwrap();
        let runtime = Arc::new(FakeRuntime::default());
        let clock = Arc::new(TestClock(AtomicU64::new(1_795_305_600_000)));
        let tasks = Tasks::default();
        let ext = extensions(&store, &runtime, &clock, &tasks);
        ext.start(&[tenant]).await;
        let key = KeyPair::generate_unencrypted_keypair().unwrap();
        let operator = OperatorCaller::for_test();
        let publisher = Publisher::new("acme", key.pk.to_base64().parse().unwrap());
        ext.publishers.add(&operator, publisher).await.unwrap();
        let scope = TenantScope::own_work(tenant);
        let admin = Caller::for_test(scope, UserId::from_uuid(Uuid::now_v7()), Role::Admin);
        Self { store, runtime, clock, tasks, ext, tenant, admin, operator, key }
    }

    /// The host again, over what was kept.
    pub(crate) async fn restart(&mut self) {
        self.tasks.finish().await;
        self.tasks = Tasks::default();
        self.ext = extensions(&self.store, &self.runtime, &self.clock, &self.tasks);
        self.ext.start(&[self.tenant]).await;
    }

    pub(crate) fn scope(&self) -> TenantScope {
        TenantScope::own_work(self.tenant)
    }

    pub(crate) fn caller(&self, role: Role) -> Caller {
        Caller::for_test(self.scope(), UserId::from_uuid(Uuid::now_v7()), role)
    }

    pub(crate) fn signed(&self, name: &str, version: &str) -> Signed {
        sign(&self.key, name, version, &json!({}), &[])
    }

    /// Installs the filter `name` with this configuration.
    pub(crate) async fn install(&self, name: &str, config: Value) -> Installed {
        self.try_install(self.signed(name, "1.0.0").request(config)).await.unwrap()
    }

    pub(crate) async fn try_install(&self, request: InstallRequest) -> Result<Installed, ServiceError> {
        self.ext.plugins.install(&self.admin, request).await
    }

    pub(crate) async fn judge(&self, text: &str) -> Judgement {
        self.ext.filters.judge(&self.scope(), message(text)).await
    }

    /// The actions in the tenant's audit log, the oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let query = crate::AuditQuery { after: Some(0), limit: 200, ..crate::AuditQuery::default() };
        let page = self.ext.audit.list(&self.scope(), &query).await.unwrap();
        page.entries.into_iter().map(|entry| entry.action).collect()
    }
}

pub(crate) fn extensions(
    store: &Arc<Store>,
    runtime: &Arc<FakeRuntime>,
    clock: &Arc<TestClock>,
    tasks: &Tasks,
) -> Extensions {
    let (backups, scratch) = (Arc::new(ResticRepositories::default()), Arc::new(TemporaryStores::in_memory()));
    let runtime = Arc::clone(runtime) as _;
    let ports = Ports { clock: Arc::clone(clock) as _, ..Ports::over(store, runtime, backups, scratch) };
    Extensions::new(&ports, tasks, PluginOptions::new("0.1.0".parse().unwrap()))
}
