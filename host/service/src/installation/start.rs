//! Loading what is kept when the host starts, and unloading what is no longer trusted. Neither ever keeps
//! the host from starting: what does not load is `failed`, and its failure policy is in force.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use warbler_domain::{InstallationId, LogLevel, PluginLog as _, StateKey, StoreError, TenantId, TenantScope};
use warbler_package::{PackageError, Requirement, TrustPolicy};

use super::log::LogRing;
use super::rack::{Live, Rack, Running};
use super::record::{Edition, FAMILY, Record, Wish};
use super::{Inner, Plugins};
use crate::ServiceError;
use crate::audit::{Actor, NewEntry};
use crate::plugin_error::{PluginError, Step};

/// Records read at a time.
const PAGE: usize = 64;

impl Plugins {
    /// Loads what `tenants` have installed. When it returns, every plugin runs or has failed; before that,
    /// and for those that have failed, failure policies decide.
    pub(crate) async fn start(&self, tenants: &[TenantId]) {
        let inner = &self.inner;
        let mut due = Vec::new();
        for tenant in tenants {
            due.extend(inner.read(*tenant).await.into_iter().map(|installation| (*tenant, installation)));
        }
        stream::iter(due)
            .for_each_concurrent(inner.options.parallel.max(1), |(tenant, installation)| async move {
                inner.start(tenant, installation).await;
            })
            .await;
    }

    /// Unloads what runs and is no longer trusted, of one tenant or of all. Gives what was unloaded.
    pub(crate) async fn enforce(&self, tenant: Option<TenantId>) -> Vec<String> {
        let racks: Vec<_> = {
            let racks = self.inner.racks.lock();
            let wanted = racks.iter().filter(|(known, _)| tenant.is_none_or(|tenant| tenant == **known));
            wanted.map(|(tenant, rack)| (*tenant, Arc::clone(rack))).collect()
        };
        let mut unloaded = Vec::new();
        for (tenant, rack) in &racks {
            unloaded.extend(self.inner.enforce(*tenant, rack).await);
        }
        for (tenant, rack) in &racks {
            // What was verified just before and goes live just now: wait for it, and look again.
            let _turn = rack.change.lock().await;
            unloaded.extend(self.inner.enforce(*tenant, rack).await);
        }
        unloaded
    }

    /// Forgets a removed tenant's plugins.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.inner.racks.lock().remove(&tenant);
        self.inner.switch(tenant, &Rack::default());
    }
}

impl Inner {
    /// Reads a tenant's records, and puts their policies in force. Gives those that should run.
    async fn read(&self, tenant: TenantId) -> Vec<InstallationId> {
        let (scope, rack) = (TenantScope::own_work(tenant), self.rack(tenant));
        if let Err(error) = self.read_all(&scope, &rack).await {
            tracing::error!(%tenant, %error, "the tenant's plugins could not be read, its messages are held");
            // No installation has this identifier: it stands for those that nobody could read.
            rack.blame(InstallationId::from_uuid(tenant.as_uuid()), format!("its plugins cannot be read: {error}"));
        }
        self.switch(tenant, &rack);
        let due = |live: &Live| live.record.wish == Wish::Active && live.record.current.is_some();
        rack.all().iter().filter(|live| due(live)).map(|live| live.record.id).collect()
    }

    async fn read_all(&self, scope: &TenantScope, rack: &Rack) -> Result<(), StoreError> {
        let prefix = StateKey::new(FAMILY, &[&""]);
        let mut after = None;
        loop {
            let found = self.ports.state.scan(scope, &prefix, after.as_ref(), PAGE).await?;
            for (key, kept) in &found {
                match Record::parse(&kept.value) {
                    Ok(record) => rack.put(Live {
                        record: Arc::new(record),
                        running: Running::Off,
                        warm: None,
                        log: Arc::new(LogRing::new(Arc::clone(&self.ports.clock))),
                        health: Arc::default(),
                    }),
                    Err(error) => {
                        let tenant = scope.tenant();
                        tracing::error!(%tenant, key = key.as_str(), %error, "an installation's record is unreadable");
                        let id = key.last().parse().unwrap_or(InstallationId::from_uuid(tenant.as_uuid()));
                        rack.blame(id, error.to_string());
                    }
                }
            }
            match found.last() {
                Some((last, _)) if found.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }

    async fn start(&self, tenant: TenantId, installation: InstallationId) {
        let (scope, rack) = (TenantScope::own_work(tenant), self.rack(tenant));
        let Some(live) = rack.get(installation) else { return };
        let Some(edition) = &live.record.current else { return };
        let running = match self.load(&scope, &live.record, edition, &live.log).await {
            Ok(plugin) => Running::Loaded(plugin),
            Err(error) => {
                let failure = match error {
                    ServiceError::Plugin(error) => error,
                    error => PluginError::refused(Step::Verify, error.code(), error.to_string()),
                };
                self.report(tenant, &live, "plugin.not-started", &failure).await;
                Running::failed(&failure)
            }
        };
        rack.update(installation, |live| live.running = running);
        self.switch(tenant, &rack);
    }

    async fn enforce(&self, tenant: TenantId, rack: &Rack) -> Vec<String> {
        let policy = match self.trust.policy(&TenantScope::own_work(tenant)).await {
            Ok(policy) => policy,
            Err(error) => {
                // Better nothing runs than something that was revoked.
                tracing::error!(%tenant, %error, "whom the tenant trusts could not be read");
                TrustPolicy::default()
            }
        };
        let mut unloaded = Vec::new();
        for live in rack.all() {
            let Running::Loaded(_) = live.running else { continue };
            let Some(edition) = &live.record.current else { continue };
            let Err(refusal) = still_trusted(&policy, edition) else { continue };
            let failure = PluginError::from(refusal);
            rack.update(live.record.id, |live| {
                live.running = Running::failed(&failure);
                live.warm = None;
            });
            unloaded.push((live, failure));
        }
        drop_warm(rack, &policy);
        if !unloaded.is_empty() {
            self.switch(tenant, rack);
        }
        // Only after all of them are out of the chain.
        for (live, failure) in &unloaded {
            self.report(tenant, live, "plugin.unloaded", failure).await;
        }
        unloaded.into_iter().map(|(live, _)| format!("{tenant}/{}", live.record.id)).collect()
    }

    async fn report(&self, tenant: TenantId, live: &Live, action: &str, failure: &PluginError) {
        let plugin = live.record.plugin.as_str();
        live.log.write(LogLevel::Error, &format!("it does not run: {failure}"));
        let text = format!("the plugin {plugin} does not run, its failure policy decides instead: {failure}");
        let entry = NewEntry::new(Actor::Host, action)
            .subject("installation", &live.record.id)
            .detail("plugin", plugin)
            .detail("step", failure.step().as_str())
            .detail("code", failure.code());
        self.alarms.report(tenant, "plugin-not-running", text, entry).await;
    }
}

/// A version to go back to that is not trusted any more must not come back without being checked.
fn drop_warm(rack: &Rack, policy: &TrustPolicy) {
    for live in rack.all() {
        let is_void = |edition: &Edition| still_trusted(policy, edition).is_err();
        if live.warm.is_some() && live.record.previous.as_ref().is_none_or(is_void) {
            rack.update(live.record.id, |live| live.warm = None);
        }
    }
}

/// Whether an edition that was verified once is still trusted. Expiry counts only when it is installed.
fn still_trusted(policy: &TrustPolicy, edition: &Edition) -> Result<(), PackageError> {
    policy.revoked.check_digest(edition.digest)?;
    let name = edition.manifest.name.as_str();
    let mut refusal = None;
    let mut good = Vec::new();
    for signer in &edition.signers {
        if let Err(revoked) = policy.revoked.check_key(signer.id) {
            refusal = Some(revoked);
        } else if policy.publishers.iter().any(|publisher| {
            publisher.key == signer.key && publisher.development == signer.development && publisher.may_sign(name)
        }) {
            good.push(signer);
        }
    }
    if good.is_empty() {
        let keys: Vec<_> = edition.signers.iter().map(|signer| signer.id.to_string()).collect();
        return Err(refusal.unwrap_or_else(|| PackageError::UnknownPublisher { keys: keys.join(", ") }));
    }
    let Requirement::AllOf(required) = &policy.require else { return Ok(()) };
    let has_signed = |key| good.iter().any(|signer| signer.id == key && !signer.development);
    match required.iter().find(|key| !has_signed(**key)) {
        Some(key) => Err(refusal.unwrap_or(PackageError::SignerMissing { key: *key })),
        None => Ok(()),
    }
}
