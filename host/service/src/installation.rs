//! The life of an installation: a plugin that one tenant has installed.
//!
//! `install` goes through [`Step`](crate::Step)s: verify, probe, configuration, grants, compile,
//! instantiate, init, self-test, switch. Whatever fails on this way is a typed refusal that names the
//! step, and leaves live traffic as it was. A switch is atomic: each message is judged by the chain from
//! before it or by the one from after it.
//!
//! - One installation per plugin name and tenant; installing another version upgrades it. The version
//!   before stays loaded for a one-step `rollback`.
//! - A version that asks for more than was granted waits for approval (`grant`), beside the one that runs.
//! - An installation that should run and cannot (at start, or after a revocation) is `failed`, and its
//!   failure policy decides about every message; the host itself always starts.
//! - Every change is committed together with its entry of the audit log.
//!
//! Callers need `Right::ManagePlugins` to change installations and `Right::SeePlugins` to see them.

mod change;
mod config;
mod hooks;
mod install;
mod kept;
mod load;
mod log;
mod packages;
mod rack;
mod record;
mod secrets;
mod self_test;
mod start;
mod storage;
mod view;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use warbler_domain::{InstallationId, LogLevel, Right, TenantId, TenantScope};
use warbler_package::{HostVersion, Limits};

use crate::audit::Audit;
use crate::filters::{Alarms, FilterChains};
use crate::ports::{Ports, Tasks};
use crate::publisher::Trust;
use crate::{Caller, ServiceError};
pub use hooks::LiveHook;
pub(crate) use kept::{KeptInstallation, KeptPackage, kept_packages};
pub use log::LogLine;
use rack::{Live, Rack};
pub use record::{CallLimits, SignedBy};
use secrets::Secrets;
pub use self_test::{SelfTestReport, SelfTestStep};
pub(crate) use storage::KeptValue;
pub use view::{Adjustment, InstallRequest, Installed, PluginList, PluginView, Status, VersionView};

/// Most installations of one tenant.
const INSTALLATIONS: usize = 256;

/// What the host holds installations to.
#[derive(Debug, Clone)]
pub struct PluginOptions {
    /// How large packages may be.
    pub packages: Limits,
    /// This host's version, which a package may ask to be at least so new.
    pub host: HostVersion,
    /// Plugins that are loaded at a time when the host starts. Loading from the cache is mostly reading,
    /// compiling uses all cores by itself.
    pub parallel: usize,
}

impl PluginOptions {
    /// The defaults for a host of this version.
    #[must_use]
    pub fn new(host: HostVersion) -> Self {
        Self { packages: Limits::default(), host, parallel: 4 }
    }
}

/// The installations of all tenants.
#[derive(Clone)]
pub struct Plugins {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Ports,
    tasks: Tasks,
    options: PluginOptions,
    trust: Trust,
    audit: Audit,
    chains: FilterChains,
    alarms: Alarms,
    racks: Mutex<HashMap<TenantId, Arc<Rack>>>,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plugins")
    }
}

impl Plugins {
    /// No installations yet; `start` loads those that are kept.
    pub(crate) fn new(
        ports: Ports,
        tasks: Tasks,
        options: PluginOptions,
        trust: Trust,
        audit: Audit,
        chains: FilterChains,
    ) -> Self {
        let alarms = Alarms {
            feed: Arc::clone(&ports.feed),
            audit: audit.clone(),
            clock: Arc::clone(&ports.clock),
            tasks: tasks.clone(),
        };
        let racks = Mutex::default();
        Self { inner: Arc::new(Inner { ports, tasks, options, trust, audit, chains, alarms, racks }) }
    }

    /// All installations, in the order in which filters run.
    ///
    /// # Errors
    /// The caller may not see them, or the store failed.
    pub async fn list(&self, caller: &Caller) -> Result<PluginList, ServiceError> {
        caller.require(Right::SeePlugins)?;
        let rack = self.inner.rack(caller.scope().tenant());
        let mut lives = rack.all();
        lives.sort_by_key(|live| (live.record.order, live.record.id));
        let mut plugins = Vec::with_capacity(lives.len());
        for live in &lives {
            plugins.push(self.inner.view(caller.scope(), live).await?);
        }
        let development_mode = self.inner.trust.present().development.contains_key(&caller.scope().tenant());
        Ok(PluginList { plugins, unreadable: rack.unreadable(), development_mode })
    }

    /// One installation.
    ///
    /// # Errors
    /// `NotFound`; the caller may not see it, or the store failed.
    pub async fn get(&self, caller: &Caller, installation: InstallationId) -> Result<PluginView, ServiceError> {
        caller.require(Right::SeePlugins)?;
        let live = self.inner.live(caller.scope().tenant(), installation)?;
        self.inner.view(caller.scope(), &live).await
    }

    /// The last lines of an installation's log that are at least as loud as `level`, the oldest first, at
    /// most `limit` (500 are kept). They may quote messages, and so are for those who manage plugins.
    ///
    /// # Errors
    /// `NotFound`; the caller may not see them.
    pub fn log(
        &self,
        caller: &Caller,
        installation: InstallationId,
        level: LogLevel,
        limit: usize,
    ) -> Result<Vec<LogLine>, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        Ok(self.inner.live(caller.scope().tenant(), installation)?.log.last(limit, level))
    }
}

impl Inner {
    fn rack(&self, tenant: TenantId) -> Arc<Rack> {
        Arc::clone(self.racks.lock().entry(tenant).or_default())
    }

    fn live(&self, tenant: TenantId, installation: InstallationId) -> Result<Live, ServiceError> {
        self.rack(tenant).get(installation).ok_or(ServiceError::NotFound { what: "installation" })
    }

    fn secrets(&self, scope: TenantScope, installation: InstallationId) -> Secrets {
        Secrets { state: Arc::clone(&self.ports.state), scope, installation }
    }

    async fn view(&self, scope: &TenantScope, live: &Live) -> Result<PluginView, ServiceError> {
        let asks = live.record.editions().any(|edition| !edition.manifest.permissions.secrets.is_empty());
        let stored = if asks { self.secrets(*scope, live.record.id).names().await? } else { BTreeSet::new() };
        view::view(live, &stored).ok_or(ServiceError::Internal { what: "an installation without any version" })
    }

    /// Puts the chain that follows from what runs now in the place of the old one.
    fn switch(&self, tenant: TenantId, rack: &Rack) {
        self.chains.put(tenant, rack.chain(tenant, &self.alarms));
    }
}

#[cfg(test)]
mod hook_tests;
#[cfg(test)]
mod tests;
