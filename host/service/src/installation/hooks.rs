//! The running plugins of one tenant by their hook, for whoever calls agents, push providers and backup
//! sinks. Content filters are found through [`FilterChains`](crate::FilterChains) instead.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use warbler_domain::{Agent, BackupSink, HookKind, InstallationId, LoadedPlugin, PushProvider, TenantId};
use warbler_package::Granted;

use super::Plugins;
use super::rack::{Live, Running};
use super::record::Wish;

/// A hook of a plugin that runs, as it is at this moment. An upgrade, a rollback or a revocation puts
/// another in its place or none: whoever calls it asks for it again for each use.
pub struct LiveHook<H: ?Sized> {
    /// Which installation. It stays the same over upgrades.
    pub installation: InstallationId,
    /// The plugin's name.
    pub plugin: String,
    /// The version in use.
    pub version: String,
    /// What an admin granted it; for agents, also which models.
    pub granted: Granted,
    /// Its configuration: a JSON object.
    pub config: String,
    /// The JSON Schema of its configuration, if it has one.
    pub schema: Option<serde_json::Value>,
    /// The kinds of endpoints that it delivers to; empty unless it is a push provider.
    pub push_kinds: Vec<String>,
    /// The longest that one call may take.
    pub deadline: Duration,
    /// The hook.
    pub hook: Arc<H>,
}

impl<H: ?Sized> Clone for LiveHook<H> {
    fn clone(&self) -> Self {
        Self {
            installation: self.installation,
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            granted: self.granted.clone(),
            config: self.config.clone(),
            schema: self.schema.clone(),
            push_kinds: self.push_kinds.clone(),
            deadline: self.deadline,
            hook: Arc::clone(&self.hook),
        }
    }
}

impl<H: ?Sized> fmt::Debug for LiveHook<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LiveHook");
        shown.field("installation", &self.installation).field("plugin", &self.plugin).field("version", &self.version);
        shown.finish_non_exhaustive()
    }
}

impl Plugins {
    /// The tenant's agents that run, in the admins' order.
    #[must_use]
    pub fn agents(&self, tenant: TenantId) -> Vec<LiveHook<dyn Agent>> {
        self.live_hooks(tenant, HookKind::Agent, |plugin| plugin.agent())
    }

    /// The tenant's push providers that run, in the admins' order: of two that deliver to the same kind, the
    /// first one does.
    #[must_use]
    pub fn push_providers(&self, tenant: TenantId) -> Vec<LiveHook<dyn PushProvider>> {
        self.live_hooks(tenant, HookKind::Push, |plugin| plugin.push_provider())
    }

    /// The tenant's backup sinks that run, in the admins' order.
    #[must_use]
    pub fn backup_sinks(&self, tenant: TenantId) -> Vec<LiveHook<dyn BackupSink>> {
        self.live_hooks(tenant, HookKind::BackupSink, |plugin| plugin.backup_sink())
    }

    fn live_hooks<H: ?Sized>(
        &self,
        tenant: TenantId,
        kind: HookKind,
        hook: impl Fn(&dyn LoadedPlugin) -> Option<Arc<H>>,
    ) -> Vec<LiveHook<H>> {
        // Looked up rather than made: asking about a tenant must not bring it into being.
        let rack = self.inner.racks.lock().get(&tenant).map(Arc::clone);
        let mut lives = rack.map(|rack| rack.all()).unwrap_or_default();
        lives.retain(|live| live.record.wish == Wish::Active);
        lives.sort_by_key(|live| (live.record.order, live.record.id));
        lives.iter().filter_map(|live| live_hook(live, kind, &hook)).collect()
    }
}

fn live_hook<H: ?Sized>(
    live: &Live,
    kind: HookKind,
    hook: impl Fn(&dyn LoadedPlugin) -> Option<Arc<H>>,
) -> Option<LiveHook<H>> {
    let (Running::Loaded(plugin), Some(edition)) = (&live.running, &live.record.current) else { return None };
    Some(LiveHook {
        installation: live.record.id,
        plugin: live.record.name(),
        version: edition.version(),
        granted: edition.granted.clone(),
        config: edition.config.clone(),
        schema: edition.manifest.config.clone(),
        push_kinds: edition.manifest.push_kinds.iter().map(ToString::to_string).collect(),
        deadline: live.record.limits_of(kind).deadline,
        hook: hook(&**plugin)?,
    })
}
