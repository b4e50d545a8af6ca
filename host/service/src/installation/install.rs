//! Installing a package: a new plugin, another version of one, or one that waits for approval.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use warbler_domain::{Expect, HookLimits, InstallationId, Instances, Right, StateWrite, TenantScope};
use warbler_package::{Digest, Granted, Hook, Package, check_upgrade};

use super::log::LogRing;
use super::rack::{Live, Rack, Running};
use super::record::{Edition, Record, Wish, record_key};
use super::{INSTALLATIONS, Inner, InstallRequest, Installed, Plugins, config, load, packages};
use crate::audit::NewEntry;
use crate::plugin_author::{Author, apart};
use crate::plugin_error::{PluginError, Step};
use crate::{Caller, ServiceError};

/// Between the places of two filters that were installed one after the other, so that there is room for
/// others in between.
const ORDER_STEP: i32 = 10;

/// Longest label, in bytes.
const LABEL: usize = 32;

/// What is about to be put into the place of an installation's record.
pub(super) struct Draft {
    pub(super) rack: Arc<Rack>,
    /// What runs now, if it is installed already.
    pub(super) live: Option<Live>,
    pub(super) expect: Expect,
    pub(super) record: Record,
}

/// A package on its way, verified.
struct Candidate {
    bytes: Bytes,
    package: Package,
    edition: Edition,
    /// Whether it asks for more than it is granted, and nobody said that less will do.
    waits: bool,
}

impl Plugins {
    /// Installs a plugin, or another version of it.
    ///
    /// A version that asks for more than was granted is kept and waits: the answer's `waiting` says so,
    /// and what ran before goes on running.
    ///
    /// # Errors
    /// `Plugin` with the step, its code and a sentence; live traffic is as it was. `Invalid` for grants
    /// or secrets that the plugin does not ask for; the caller may not; the store failed.
    pub async fn install(&self, caller: &Caller, request: InstallRequest) -> Result<Installed, ServiceError> {
        caller.require(Right::ManagePlugins)?;
        let (inner, author) = (Arc::clone(&self.inner), Author::from(caller));
        apart(&self.inner.tasks, async move { Box::pin(inner.install(&author, request)).await }).await
    }
}

impl Inner {
    async fn install(&self, author: &Author, request: InstallRequest) -> Result<Installed, ServiceError> {
        let scope = &author.scope;
        let rack = self.rack(scope.tenant());
        let turn = Arc::clone(&rack);
        let _turn = turn.change.lock().await;
        let candidate = self.candidate(author, &rack, &request).await?;
        let draft = self.draft(author, rack, &request, &candidate).await?;
        let id = draft.record.id;
        let is_new = draft.live.is_none();
        self.store_secrets(author, id, &candidate.edition, &request).await?;
        let installed = Box::pin(self.place(author, draft, candidate, request.inactive)).await;
        if installed.is_err() && is_new && !request.secrets.is_empty() {
            // Nothing was installed, so that nothing may stay behind.
            let writes = self.secrets(*scope, id).clearing().await?;
            self.ports.state.commit(scope, writes).await?;
        }
        installed
    }

    /// Verifies, probes, and checks the configuration and the grants.
    async fn candidate(
        &self,
        author: &Author,
        rack: &Rack,
        request: &InstallRequest,
    ) -> Result<Candidate, ServiceError> {
        let now = self.ports.clock.now();
        let policy = self.trust.policy(&author.scope).await?;
        let checked = self.verify(&request.package, &request.signatures, policy, now.as_millis());
        let (verified, signers) = checked.await?;
        let package = verified.into_package();
        check_label(request.label.as_deref(), &package)?;
        let live = rack.named(package.name().as_str(), request.label.as_deref());
        let record = live.as_ref().map(|live| &*live.record);
        if let Some(record) = record {
            check_versions(record, &package, request.allow_downgrade)?;
        }
        let before = record.and_then(|record| record.current.as_ref().or(record.waiting.as_ref()));
        let given = match (&request.config, before) {
            (Some(given), _) => given.clone(),
            (None, Some(edition)) => serde_json::from_str(&edition.config).unwrap_or_else(|_| json!({})),
            (None, None) => json!({}),
        };
        let config = config::check(package.manifest(), given).await?;
        if let Some(granted) = &request.grants {
            check_within(granted, &package)?;
        }
        let granted = request.grants.clone().or_else(|| before.map(|edition| edition.granted.clone()));
        let granted = granted.unwrap_or_default();
        let asks = &package.manifest().permissions;
        let waits = request.grants.is_none() && !asks.beyond(&granted).is_empty();
        let edition = Edition {
            manifest: package.manifest().clone(),
            digest: package.digest(),
            blob: package.digest(),
            size: package.size(),
            signatures: request.signatures.clone(),
            signers,
            verified_at: now,
            installed_by: author.actor.user(),
            config,
            granted,
        };
        Ok(Candidate { bytes: request.package.clone(), package, edition, waits })
    }

    /// The record as it is now, or a new one, with the request's policy and order.
    async fn draft(
        &self,
        author: &Author,
        rack: Arc<Rack>,
        request: &InstallRequest,
        candidate: &Candidate,
    ) -> Result<Draft, ServiceError> {
        let mut draft = match rack.named(candidate.package.name().as_str(), request.label.as_deref()) {
            Some(live) => self.open_draft(author, rack, live.record.id).await?,
            None => self.new_draft(rack, request, candidate)?,
        };
        if let Some(policy) = request.fail_policy {
            draft.record.fail_policy = policy;
        }
        if let Some(order) = request.order {
            draft.record.order = order;
        }
        Ok(draft)
    }

    fn new_draft(
        &self,
        rack: Arc<Rack>,
        request: &InstallRequest,
        candidate: &Candidate,
    ) -> Result<Draft, ServiceError> {
        if rack.len() >= INSTALLATIONS {
            let text = format!("there are {INSTALLATIONS} installations, the most that there may be");
            return Err(PluginError::refused(Step::Verify, "too-many-installations", text).into());
        }
        let last = rack.all().iter().map(|live| live.record.order).max();
        let now = self.ports.clock.now();
        let record = Record {
            id: InstallationId::from_uuid(self.ports.ids.next()),
            plugin: candidate.package.name().to_string(),
            label: request.label.clone(),
            order: last.map_or(0, |last| last.saturating_add(ORDER_STEP)),
            fail_policy: crate::filters::FailPolicy::default(),
            instances: Instances::default(),
            limits: HookLimits::of(candidate.edition.first_hook()).into(),
            wish: Wish::Active,
            current: None,
            previous: None,
            waiting: None,
            created_at: now,
            changed_at: now,
        };
        Ok(Draft { rack, live: None, expect: Expect::Absent, record })
    }

    async fn store_secrets(
        &self,
        author: &Author,
        id: InstallationId,
        edition: &Edition,
        request: &InstallRequest,
    ) -> Result<(), ServiceError> {
        if request.secrets.is_empty() {
            return Ok(());
        }
        let secrets = self.secrets(author.scope, id);
        let mut writes = Vec::with_capacity(request.secrets.len());
        for (name, value) in &request.secrets {
            check_asked(edition, name)?;
            writes.push(secrets.put(name, value)?);
        }
        let names: Vec<&str> = request.secrets.keys().map(String::as_str).collect();
        let entry = NewEntry::new(author.actor.clone(), "plugin.set-secret")
            .subject("installation", &id)
            .detail("plugin", edition.manifest.name.as_str())
            .detail("names", names);
        self.audit.commit(&author.scope, writes, entry).await?;
        Ok(())
    }

    /// Puts the candidate where it belongs: live, aside until someone activates it, or in wait.
    async fn place(
        &self,
        author: &Author,
        mut draft: Draft,
        candidate: Candidate,
        inactive: bool,
    ) -> Result<Installed, ServiceError> {
        let Candidate { bytes, package, mut edition, waits } = candidate;
        edition.blob = packages::put(&self.ports.blobs, &author.scope, &bytes).await?;
        let (blob, id, rack) = (edition.blob, draft.record.id, Arc::clone(&draft.rack));
        let entry = NewEntry::new(author.actor.clone(), if waits { "plugin.propose" } else { "plugin.install" })
            .subject("installation", &id)
            .detail("plugin", edition.manifest.name.as_str())
            .detail("version", edition.version())
            .detail("digest", edition.digest.to_string())
            .detail("signers", edition.signers.iter().map(|signer| signer.publisher.as_str()).collect::<Vec<_>>())
            .detail("development", edition.is_development());
        let has_current = draft.record.current.is_some();
        let placed = if waits || (inactive && has_current) {
            draft.record.waiting = Some(edition);
            self.keep(author, draft, entry).await
        } else {
            draft.record.wish = if inactive { Wish::Inactive } else { Wish::Active };
            draft.record.promote(edition);
            self.settle(author, draft, Some((bytes, package)), entry).await
        };
        if placed.is_err() {
            self.forget_package(&rack, &author.scope, blob).await;
        }
        let mut installed = placed?;
        installed.steps.splice(..0, [Step::Verify, Step::Probe, Step::Configuration]);
        Ok(installed)
    }

    /// The record of an installation as it is kept, to be changed.
    pub(super) async fn open_draft(
        &self,
        author: &Author,
        rack: Arc<Rack>,
        installation: InstallationId,
    ) -> Result<Draft, ServiceError> {
        const MISSING: ServiceError = ServiceError::NotFound { what: "installation" };
        let live = rack.get(installation).ok_or(MISSING)?;
        let kept = self.ports.state.get(&author.scope, &record_key(installation)).await?.ok_or(MISSING)?;
        let record = Record::parse(&kept.value)?;
        Ok(Draft { rack, live: Some(live), expect: Expect::Version(kept.version), record })
    }

    /// Commits a record that leaves what runs as it is, order and policy aside.
    pub(super) async fn keep(&self, author: &Author, draft: Draft, entry: NewEntry) -> Result<Installed, ServiceError> {
        Box::pin(self.commit(author, draft, None, None, Vec::new(), entry)).await
    }

    /// Brings what runs to what the record says: tries it out, commits, and switches.
    pub(super) async fn settle(
        &self,
        author: &Author,
        draft: Draft,
        opened: Option<(Bytes, Package)>,
        entry: NewEntry,
    ) -> Result<Installed, ServiceError> {
        let log = match &draft.live {
            Some(live) => Arc::clone(&live.log),
            None => Arc::new(LogRing::new(Arc::clone(&self.ports.clock))),
        };
        let (record, mut steps) = (&draft.record, Vec::new());
        let running = match &record.current {
            Some(edition) if record.wish == Wish::Active => {
                let (bytes, package) = match opened {
                    Some(opened) => opened,
                    None => Box::pin(self.reopen(&author.scope, edition)).await?,
                };
                steps.extend(load::STEPS);
                let trial = self.try_out(&author.scope, record, edition, (bytes, &package), &log);
                Running::Loaded(Box::pin(trial).await?)
            }
            _ => Running::Off,
        };
        steps.push(Step::Switch);
        Box::pin(self.commit(author, draft, Some(running), Some(log), steps, entry)).await
    }

    /// Commits the record, and then what runs. Without `running`, what runs stays.
    pub(super) async fn commit(
        &self,
        author: &Author,
        mut draft: Draft,
        running: Option<Running>,
        log: Option<Arc<LogRing>>,
        steps: Vec<Step>,
        entry: NewEntry,
    ) -> Result<Installed, ServiceError> {
        let scope = &author.scope;
        draft.record.changed_at = self.ports.clock.now();
        let value = serde_json::to_vec(&draft.record)
            .map_err(|_| ServiceError::Internal { what: "writing an installation" })?;
        let write = StateWrite { key: record_key(draft.record.id), value: Some(value.into()), expect: draft.expect };
        self.audit.commit(scope, vec![write], entry).await?;
        let dropped = dropped(draft.live.as_ref(), &draft.record);
        let log = log.or_else(|| draft.live.as_ref().map(|live| Arc::clone(&live.log)));
        let log = log.unwrap_or_else(|| Arc::new(LogRing::new(Arc::clone(&self.ports.clock))));
        let live = next(draft.live, draft.record, running, log);
        draft.rack.put(live.clone());
        self.switch(scope.tenant(), &draft.rack);
        for blob in dropped {
            self.forget_package(&draft.rack, scope, blob).await;
        }
        Ok(Installed { plugin: self.view(scope, &live).await?, steps })
    }
}

impl Inner {
    /// Forgets a package, unless an installation of the tenant still needs it.
    pub(super) async fn forget_package(&self, rack: &Rack, scope: &TenantScope, blob: Digest) {
        if !rack.needs(blob) {
            packages::forget(&self.ports.blobs, scope, blob).await;
        }
    }
}

impl Record {
    /// Makes `edition` the one in use. The one before stays for a rollback, unless it is the same package.
    pub(super) fn promote(&mut self, edition: Edition) {
        let digest = edition.digest;
        let before = self.current.replace(edition);
        if let Some(before) = before.filter(|before| before.digest != digest) {
            self.previous = Some(before);
        }
        self.waiting = None;
    }
}

/// What is in memory after a change. The plugin that ran before stays warm if it is now the previous one.
fn next(before: Option<Live>, record: Record, running: Option<Running>, log: Arc<LogRing>) -> Live {
    let previous = record.previous.as_ref().map(|edition| edition.digest);
    let health = before.as_ref().map(|live| Arc::clone(&live.health)).unwrap_or_default();
    let mut warm = None;
    let mut stays = Running::Off;
    if let Some(before) = before {
        let digest = before.record.current.as_ref().map(|edition| edition.digest);
        warm = match (&before.running, digest) {
            (Running::Loaded(plugin), Some(digest)) if Some(digest) == previous => Some((digest, Arc::clone(plugin))),
            _ => before.warm.filter(|(digest, _)| Some(*digest) == previous),
        };
        stays = before.running;
    }
    if record.wish == Wish::Inactive {
        warm = None;
    }
    Live { record: Arc::new(record), running: running.unwrap_or(stays), warm, log, health }
}

/// Packages that were kept before and are not any more.
fn dropped(before: Option<&Live>, record: &Record) -> Vec<warbler_package::Digest> {
    let Some(before) = before else { return Vec::new() };
    let is_kept = |blob: &warbler_package::Digest| record.editions().any(|edition| edition.blob == *blob);
    before.record.editions().map(|edition| edition.blob).filter(|blob| !is_kept(blob)).collect()
}

/// No downgrade by accident, and no version with two meanings.
fn check_versions(record: &Record, package: &Package, allow_downgrade: bool) -> Result<(), PluginError> {
    for edition in record.editions() {
        let known = warbler_package::Release {
            name: edition.manifest.name.clone(),
            version: edition.manifest.version.clone(),
            digest: edition.digest,
        };
        let is_current = record.current.as_ref().is_some_and(|current| current.digest == edition.digest);
        check_upgrade(&known, &package.release(), allow_downgrade || !is_current)?;
    }
    Ok(())
}

/// Whether there may be an installation of this plugin with this label. Only those may be several that nobody looks up by
/// their plugin's name: an agent is a member with that name, and devices name their push provider by it.
fn check_label(label: Option<&str>, package: &Package) -> Result<(), ServiceError> {
    let Some(label) = label else { return Ok(()) };
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=LABEL).contains(&label.len()) || !label.bytes().all(is_fit) {
        let problem = format!("must be 1 to {LABEL} lower-case letters, digits and hyphens");
        return Err(ServiceError::Invalid { field: "label", problem, limit: Some(LABEL as u64) });
    }
    let may_be_several = |hook: &Hook| matches!(hook, Hook::ContentFilter | Hook::BackupSink);
    if !package.manifest().hooks.iter().all(may_be_several) {
        return Err(ServiceError::invalid(
            "label",
            "is for plugins that are filters or backup sinks, and nothing else",
        ));
    }
    Ok(())
}

/// Whether an admin grants no more than the plugin asks for: what is granted beyond that would lie ready
/// for an update that nobody has looked at.
fn check_within(granted: &Granted, package: &Package) -> Result<(), ServiceError> {
    let asks = Granted(package.manifest().permissions.clone());
    check_granted(granted, &asks)
}

pub(super) fn check_granted(granted: &Granted, asks: &Granted) -> Result<(), ServiceError> {
    let beyond = granted.0.beyond(asks);
    if beyond.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = beyond.iter().map(|permission| permission.as_str()).collect();
    Err(ServiceError::invalid("grants", format!("go beyond what the plugin asks for: {}", names.join(", "))))
}

/// Whether the plugin asks for the secret called `name`.
pub(super) fn check_asked(edition: &Edition, name: &str) -> Result<(), ServiceError> {
    if edition.manifest.permissions.secrets.iter().any(|asked| asked.as_str() == name) {
        return Ok(());
    }
    let name: String = name.chars().take(64).collect();
    Err(ServiceError::invalid("secret", format!("{name:?} is none that the plugin asks for")))
}
