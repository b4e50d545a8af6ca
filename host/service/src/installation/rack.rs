//! What runs for one tenant: each installation with its record, its loaded plugin and its log, and the
//! chain that follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;
use warbler_domain::{ContentFilter, HookLimits, InstallationId, LoadedPlugin, TenantId};
use warbler_package::{Digest, Granted, Selection};

use super::log::LogRing;
use super::record::{Edition, Record, Wish};
use crate::filters::{Alarms, Chain, Engine, FailPolicy, Health, Link, ListAccess, Watch};
use crate::plugin_error::PluginError;

/// Whether a plugin runs.
#[derive(Clone)]
pub(super) enum Running {
    /// It is meant not to, or waits for approval.
    Off,
    /// It does.
    Loaded(Arc<dyn LoadedPlugin>),
    /// It should, but does not.
    Failed { code: String, text: String },
}

impl Running {
    pub(super) fn failed(error: &PluginError) -> Self {
        Self::Failed { code: error.code().to_owned(), text: error.to_string() }
    }
}

/// One installation in memory.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) record: Arc<Record>,
    pub(super) running: Running,
    /// The version before the present one, ready to be called again.
    pub(super) warm: Option<(Digest, Arc<dyn LoadedPlugin>)>,
    pub(super) log: Arc<LogRing>,
    pub(super) health: Arc<Health>,
}

/// The installations of one tenant.
#[derive(Default)]
pub(super) struct Rack {
    /// One change at a time.
    pub(super) change: tokio::sync::Mutex<()>,
    lives: RwLock<BTreeMap<InstallationId, Live>>,
    /// Installations whose records could not be read, and why. Every message is held until someone looks.
    unreadable: RwLock<BTreeMap<InstallationId, String>>,
}

impl Rack {
    pub(super) fn get(&self, installation: InstallationId) -> Option<Live> {
        self.lives.read().get(&installation).cloned()
    }

    /// The installation of a plugin that has this label, or none.
    pub(super) fn named(&self, plugin: &str, label: Option<&str>) -> Option<Live> {
        let is_it = |record: &Record| record.plugin == plugin && record.label.as_deref() == label;
        self.lives.read().values().find(|live| is_it(&live.record)).cloned()
    }

    /// Whether any installation has a version whose package is kept under `blob`.
    pub(super) fn needs(&self, blob: Digest) -> bool {
        self.lives.read().values().any(|live| live.record.editions().any(|edition| edition.blob == blob))
    }

    pub(super) fn all(&self) -> Vec<Live> {
        self.lives.read().values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lives.read().len()
    }

    pub(super) fn put(&self, live: Live) {
        self.lives.write().insert(live.record.id, live);
    }

    /// Changes one installation in place, if it is still there.
    pub(super) fn update(&self, installation: InstallationId, change: impl FnOnce(&mut Live)) {
        if let Some(live) = self.lives.write().get_mut(&installation) {
            change(live);
        }
    }

    pub(super) fn remove(&self, installation: InstallationId) {
        self.lives.write().remove(&installation);
        self.unreadable.write().remove(&installation);
    }

    pub(super) fn blame(&self, installation: InstallationId, text: String) {
        self.unreadable.write().insert(installation, text);
    }

    pub(super) fn unreadable(&self) -> BTreeMap<InstallationId, String> {
        self.unreadable.read().clone()
    }

    /// The chain that follows from what runs now.
    pub(super) fn chain(&self, tenant: TenantId, alarms: &Alarms) -> Chain {
        let mut lives: Vec<Live> =
            self.all().into_iter().filter(|live| live.record.wish == Wish::Active && live.record.is_filter()).collect();
        lives.sort_by_key(|live| (live.record.order, live.record.id));
        let blamed = self.unreadable.read();
        let blamed = blamed.iter().map(|(installation, text)| unreadable(tenant, *installation, text));
        let links = lives.iter().filter_map(|live| link(tenant, live, alarms));
        Chain::new(links.chain(blamed).map(Arc::new).collect())
    }
}

/// The link of an installation that should run.
fn link(tenant: TenantId, live: &Live, alarms: &Alarms) -> Option<Link> {
    let edition = live.record.current.as_ref()?;
    let engine = match &live.running {
        Running::Loaded(plugin) => engine(&**plugin),
        Running::Failed { code, text } => Engine::Missing { code: code.clone(), text: text.clone() },
        Running::Off => Engine::Missing { code: "not-loaded".to_owned(), text: "it is not loaded yet".to_owned() },
    };
    let watch = Watch {
        tenant,
        installation: live.record.id,
        plugin: live.record.plugin.as_str().into(),
        health: Arc::clone(&live.health),
        log: Arc::clone(&live.log) as _,
        alarms: alarms.clone(),
    };
    Some(Link { watch: Some(watch), ..bare_link(tenant, &live.record, edition, engine) })
}

/// The link of an installation, with nobody watching.
pub(super) fn bare_link(tenant: TenantId, record: &Record, edition: &Edition, engine: Engine) -> Link {
    let labels = [("tenant", tenant.to_string()), ("plugin", record.plugin.clone())];
    Link {
        installation: record.id,
        plugin: record.plugin.as_str().into(),
        version: edition.version().into(),
        digest: edition.digest.to_string().into(),
        config_digest: edition.config_digest().into(),
        policy: record.fail_policy,
        deadline: HookLimits::from(record.limits).deadline,
        lists: access(&edition.granted),
        engine,
        watch: None,
        timing: metrics::histogram!("hook_content_filter_seconds", &labels),
    }
}

/// What a loaded plugin checks messages with.
pub(super) fn engine(plugin: &dyn LoadedPlugin) -> Engine {
    let missing =
        || Engine::Missing { code: "no-hook".to_owned(), text: "the plugin exports no content filter".to_owned() };
    plugin.content_filter().map_or_else(missing, |filter: Arc<dyn ContentFilter>| Engine::Live(filter))
}

fn unreadable(tenant: TenantId, installation: InstallationId, text: &str) -> Link {
    Link {
        installation,
        plugin: "unknown".into(),
        version: "".into(),
        digest: "".into(),
        config_digest: "".into(),
        // Nobody can tell what the policy was, so that the strictest one is in force.
        policy: FailPolicy::Closed,
        deadline: HookLimits::content_filter().deadline,
        lists: ListAccess::None,
        engine: Engine::Missing { code: "record-unreadable".to_owned(), text: text.to_owned() },
        watch: None,
        timing: metrics::histogram!("hook_content_filter_seconds", &[("tenant", tenant.to_string())]),
    }
}

fn access(granted: &Granted) -> ListAccess {
    match &granted.0.lexicons {
        Selection::All(true) => ListAccess::All,
        Selection::All(false) => ListAccess::None,
        Selection::Named(names) => {
            let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            ListAccess::Named(Arc::new(names))
        }
    }
}
