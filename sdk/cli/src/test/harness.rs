//! The component in the real runtime, once for each way that it is set up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;
use warbler_domain::{
    Clock as _, Decision, Grants, HookContext, HookError, HookLimits, InstallationId, Instances, LoadError,
    LoadRequest, LoadedPlugin, PluginPorts, PluginRuntime, Submission, SystemClock, TenantId, Timestamp,
};
use warbler_package::{Package, Permission, Permissions};
use warbler_runtime::{Runtime, RuntimeKey, RuntimeOptions};
use warbler_text::{Entry, Lexicon, LexiconSet, MessageLexicons};

use super::ports::{Lists, Log, Secrets, Storage};
use super::postbox::Postbox;
use super::server::Server;

/// How often a call that overran its deadline is repeated before it counts: the machine may have been
/// busy with something else.
const ATTEMPTS: usize = 3;

/// A component larger than this holds an interpreter. Compiling a snapshot of it anew for each setting
/// would take longer than all checks, and changes nothing of what it answers.
const INTERPRETER_BYTES: usize = 8 << 20;

/// How a plugin is set up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Setting {
    /// Its configuration.
    pub(super) config: serde_json::Value,
    /// The tenant's word lists, beside the built-in ones.
    pub(super) lexicons: BTreeMap<String, Vec<Entry>>,
    /// Its secrets.
    pub(super) secrets: BTreeMap<String, String>,
}

impl Default for Setting {
    fn default() -> Self {
        Self { config: serde_json::json!({}), lexicons: BTreeMap::new(), secrets: BTreeMap::new() }
    }
}

impl Setting {
    /// Puts the server's address wherever the setting names it.
    pub(super) fn fill(&mut self, server: &Server) {
        server.fill(&mut self.config);
        self.secrets.values_mut().for_each(|secret| server.fill_text(secret));
    }
}

/// A plugin that was loaded in one way.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) plugin: Arc<dyn LoadedPlugin>,
    lists: Arc<LexiconSet>,
}

impl Ready {
    /// What the plugin says of `message`.
    pub(super) async fn check(&self, message: &Submission) -> Result<Decision, HookError> {
        let mut answer = self.check_once(message).await;
        for _ in 1..ATTEMPTS {
            if !matches!(answer, Err(HookError::Overrun { .. })) {
                break;
            }
            answer = self.check_once(message).await;
        }
        answer
    }

    async fn check_once(&self, message: &Submission) -> Result<Decision, HookError> {
        let text = message.body.text().unwrap_or_default();
        let lists = Lists(Arc::new(MessageLexicons::new(self.lists.clone(), text)));
        let filter = self.plugin.content_filter().ok_or_else(|| HookError::NoInstance("it has no filter".into()))?;
        filter.check(message, &HookContext { lexicons: Arc::new(lists) }).await
    }
}

/// Why a plugin could not be set up.
pub(super) enum NotReady {
    /// The case itself is wrong, in a sentence.
    Setting(String),
    /// The runtime or the plugin refused.
    Load(LoadError),
}

/// The runtime, and the plugin in the ways in which it was loaded so far.
pub(super) struct Harness {
    runtime: Arc<Runtime>,
    package: Package,
    component: Bytes,
    limits: HookLimits,
    log: Arc<Log>,
    postbox: Postbox,
    /// Addresses that it may call although they are private.
    allowed: Vec<SocketAddr>,
    loaded: Vec<(Setting, Ready)>,
    /// Holds compiled code, so that each further way takes no time.
    _cache: tempfile::TempDir,
}

impl Harness {
    /// A runtime with the settings of a host, but that plugins with the permission `http` may also call
    /// `allowed`, which are private addresses as a rule.
    pub(super) fn new(
        package: Package,
        component: Vec<u8>,
        limits: HookLimits,
        allowed: Vec<SocketAddr>,
    ) -> Result<Self> {
        let cache = tempfile::tempdir().context("no temporary folder can be made")?;
        // The cache lives only as long as this program, so its key keeps nobody out.
        let mut options = RuntimeOptions::new(RuntimeKey::new([0; 32]));
        options.cache = Some(cache.path().to_owned());
        options.snapshots = component.len() < INTERPRETER_BYTES;
        options.http.private_addresses = allowed.iter().copied().collect();
        let postbox = Postbox::new()?;
        options.mail = Arc::new(postbox.clone());
        let runtime = Runtime::new(options).context("the runtime cannot be started")?;
        let (component, log) = (component.into(), Arc::new(Log::default()));
        Ok(Self { runtime, package, component, limits, log, postbox, allowed, loaded: Vec::new(), _cache: cache })
    }

    /// The package under test.
    pub(super) fn package(&self) -> &Package {
        &self.package
    }

    /// The bytes of the package.
    pub(super) fn component(&self) -> Bytes {
        self.component.clone()
    }

    /// The time, as the plugin sees it.
    #[allow(clippy::unused_self)] // It is the harness that decides which clock there is.
    pub(super) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// The mail relay that it may use.
    pub(super) fn postbox(&self) -> &Postbox {
        &self.postbox
    }

    /// Lines that the plugin wrote since the last time.
    pub(super) fn take_logs(&self) -> Vec<String> {
        self.log.take()
    }

    /// The plugin in this way, loaded before or now.
    pub(super) async fn ready(&mut self, setting: &Setting) -> Result<Ready, NotReady> {
        if let Some((_, ready)) = self.loaded.iter().find(|(known, _)| known == setting) {
            return Ok(ready.clone());
        }
        let lists = Arc::new(lists(setting).map_err(NotReady::Setting)?);
        let plugin = self.load(setting.config.to_string(), setting.secrets.clone()).await.map_err(NotReady::Load)?;
        let ready = Ready { plugin, lists };
        self.loaded.push((setting.clone(), ready.clone()));
        Ok(ready)
    }

    /// Loads the plugin with a configuration as text, which need not be JSON.
    pub(super) async fn load(
        &self,
        config: String,
        secrets: BTreeMap<String, String>,
    ) -> Result<Arc<dyn LoadedPlugin>, LoadError> {
        let grants = self.grants(&config);
        let request = LoadRequest {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            installation: InstallationId::from_uuid(Uuid::now_v7()),
            component: self.component.clone(),
            digest: *self.package.digest().as_bytes(),
            config,
            grants,
            limits: self.limits,
            instances: Instances::Warm,
            ports: PluginPorts {
                storage: Arc::new(Storage::default()),
                secrets: Arc::new(Secrets(secrets)),
                log: self.log.clone(),
            },
        };
        self.runtime.load(request).await
    }

    /// Everything that the manifest asks for, and the addresses that are allowed here.
    fn grants(&self, config: &str) -> Grants {
        let config = serde_json::from_str(config).unwrap_or_default();
        let mut granted = grants(&self.package.manifest().permissions.resolved(&config));
        if self.package.manifest().permissions.has(Permission::Http) {
            granted.http.extend(self.allowed.iter().map(ToString::to_string));
        }
        granted
    }
}

fn lists(setting: &Setting) -> Result<LexiconSet, String> {
    let mut lists = LexiconSet::new();
    for (name, entries) in &setting.lexicons {
        let list = Lexicon::compile(name, entries.iter().cloned());
        let list = list.map_err(|error| format!("the word list {name:?} cannot be used: {error}"))?;
        lists = lists.with_list(Arc::new(list));
    }
    Ok(lists)
}

/// Everything that the manifest asks for, granted.
pub(super) fn grants(asked: &Permissions) -> Grants {
    Grants {
        storage_quota: asked.storage.map(|storage| storage.quota_bytes),
        secrets: asked.secrets.iter().map(ToString::to_string).collect(),
        http: asked.http.iter().map(ToString::to_string).collect(),
        folders: asked.folders.names(),
        mail: asked.mail.names(),
        lexicons: !asked.lexicons.is_none(),
        models: !asked.models.is_none(),
        conversation: asked.conversation,
        sender_profile: asked.sender_profile,
        sender_identity: asked.sender_identity,
        attachments: asked.attachments,
    }
}
