//! A host for guests: a runtime, and ports that remember what reached them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;
use warbler_domain::{
    Body, ByteSize, ContentFilter, ConversationId, ConversationKind, Decision, Grants, HookContext, HookError,
    HookLimits, InstallationId, Instances, LoadError, LoadRequest, LoadedPlugin, LogLevel, MessageId, NoLexicons,
    Party, PluginLog, PluginPorts, PluginRuntime, PluginStorage, Reason, Role, SecretSource, StorageError, Submission,
    TenantId, Timestamp, UserId, Verdict,
};
use warbler_runtime::{Pool, Runtime, RuntimeKey, RuntimeOptions};

use crate::guests;

/// Lines that a plugin's log was given.
#[derive(Default)]
pub struct Lines(Mutex<Vec<(LogLevel, String)>>);

impl PluginLog for Lines {
    fn write(&self, level: LogLevel, text: &str) {
        self.0.lock().push((level, text.into()));
    }
}

impl Lines {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().iter().map(|(_, text)| text.clone()).collect()
    }

    pub fn errors(&self) -> Vec<String> {
        let lines = self.0.lock();
        lines.iter().filter(|(level, _)| *level == LogLevel::Error).map(|(_, text)| text.clone()).collect()
    }
}

/// A store in memory, which can be out of order.
#[derive(Default)]
pub struct Shelf {
    pub values: Mutex<BTreeMap<String, Bytes>>,
    pub broken: std::sync::atomic::AtomicBool,
}

impl Shelf {
    fn works(&self) -> Result<(), StorageError> {
        let broken = self.broken.load(std::sync::atomic::Ordering::Relaxed);
        if broken { Err(StorageError::Unavailable) } else { Ok(()) }
    }
}

#[async_trait]
impl PluginStorage for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        self.works()?;
        Ok(self.values.lock().get(key).cloned())
    }

    async fn set(&self, key: &str, value: Bytes, quota: u64) -> Result<(), StorageError> {
        self.works()?;
        if (key.len() + value.len()) as u64 > quota {
            return Err(StorageError::OverQuota { limit: quota });
        }
        self.values.lock().insert(key.into(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.values.lock().remove(key);
        Ok(())
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StorageError> {
        let values = self.values.lock();
        let keys =
            values.keys().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(keys.take(limit).cloned().collect())
    }
}

/// One secret, called `token`.
pub struct Token;

pub const SECRET: &str = "a-secret-of-the-test";

#[async_trait]
impl SecretSource for Token {
    async fn get(&self, name: &str) -> Option<String> {
        matches!(name, "token" | "not-granted").then(|| SECRET.to_owned())
    }
}

/// Options for tests: a small pool, because every runtime reserves its address space.
pub fn options() -> RuntimeOptions {
    let mut options = RuntimeOptions::new(RuntimeKey::new([7; 32]));
    options.pool = Pool { instances: 40, memory: ByteSize::mib(64) };
    options.init_deadline = Duration::from_secs(2);
    options
}

pub fn runtime() -> Arc<Runtime> {
    Runtime::new(options()).unwrap()
}

/// A load request in the making.
pub struct Plan {
    pub request: LoadRequest,
    pub log: Arc<Lines>,
    pub shelf: Arc<Shelf>,
}

/// A plan for the guest `tests/guests/NAME.wat` and a new tenant, with a generous deadline.
pub fn plan(name: &str) -> Plan {
    plan_of(guests::filter(name).unwrap())
}

/// The same for any component.
pub fn plan_of(component: Vec<u8>) -> Plan {
    let (log, shelf) = (Arc::new(Lines::default()), Arc::new(Shelf::default()));
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &component).as_ref());
    let request = LoadRequest {
        tenant: TenantId::from_uuid(Uuid::now_v7()),
        installation: InstallationId::from_uuid(Uuid::now_v7()),
        component: component.into(),
        digest,
        config: "{}".into(),
        grants: Grants::default(),
        limits: HookLimits { deadline: Duration::from_secs(20), ..HookLimits::content_filter() },
        instances: Instances::Warm,
        ports: PluginPorts { storage: Arc::clone(&shelf) as _, secrets: Arc::new(Token), log: Arc::clone(&log) as _ },
    };
    Plan { request, log, shelf }
}

impl Plan {
    /// Changes the request.
    pub fn with(mut self, change: impl FnOnce(&mut LoadRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// The deadline of the hook as it is in production.
    pub fn in_50_ms(self) -> Self {
        self.with(|request| request.limits.deadline = Duration::from_millis(50))
    }

    pub async fn try_load(self, runtime: &Runtime) -> Result<Plugin, LoadError> {
        let loaded = runtime.load(self.request).await?;
        let filter = loaded.content_filter().expect("a filter");
        Ok(Plugin { loaded, filter, log: self.log, shelf: self.shelf })
    }

    pub async fn load(self, runtime: &Runtime) -> Plugin {
        self.try_load(runtime).await.unwrap()
    }

    pub async fn refused(self, runtime: &Runtime) -> LoadError {
        self.try_load(runtime).await.err().expect("it loads")
    }
}

/// A loaded filter.
pub struct Plugin {
    pub loaded: Arc<dyn LoadedPlugin>,
    pub filter: Arc<dyn ContentFilter>,
    pub log: Arc<Lines>,
    pub shelf: Arc<Shelf>,
}

impl Plugin {
    pub async fn check(&self, text: &str) -> Result<Decision, HookError> {
        self.filter.check(&message(text), &nothing_lent()).await
    }

    /// The reason of a hold.
    pub async fn held(&self, text: &str) -> Reason {
        match self.check(text).await.unwrap().verdict {
            Verdict::Hold { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    pub async fn passes(&self) {
        assert_eq!(self.check("hello").await.unwrap(), Decision::PASS);
    }

    pub fn idle(&self) -> u64 {
        self.loaded.stats().instances_idle
    }

    pub fn made(&self) -> u64 {
        self.loaded.stats().instances_made
    }
}

pub fn nothing_lent() -> HookContext {
    HookContext { lexicons: Arc::new(NoLexicons) }
}

pub fn message(text: &str) -> Submission {
    Submission {
        id: MessageId::from_uuid(Uuid::now_v7()),
        conversation: ConversationId::from_uuid(Uuid::now_v7()),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party { id: UserId::from_uuid(Uuid::now_v7()), name: "Ann".into(), role: Role::Member },
        sent_at: Timestamp::from_millis(1_795_000_000_000),
        body: Body::Text { text: text.into() },
        reply_to: None,
        mentions: vec![UserId::from_uuid(Uuid::now_v7())],
        edit: false,
    }
}
