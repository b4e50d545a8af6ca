//! Changing an installation: which version runs, how, with what configuration, grants and secrets.

use std::sync::Arc;

use serde_json::Value;
use warbler_domain::{HookKind, InstallationId, LogLevel, PluginLog as _, Right, StateWrite};
use warbler_package::Granted;
use zeroize::Zeroizing;

use super::install::{Draft, check_asked, check_granted};
use super::rack::Running;
use super::record::{CallLimits, Edition, Record, Wish, record_key};
use super::{Adjustment, Inner, Installed, PluginView, Plugins, config, storage};
use crate::audit::NewEntry;
use crate::plugin_author::{Author, apart};
use crate::plugin_error::Step;
use crate::{Caller, ServiceError};

/// Bounds of an admin's limits: more would let one plugin starve all others.
const MEMORY: std::ops::RangeInclusive<u64> = (1 << 20)..=(256 << 20);
const CONCURRENCY: std::ops::RangeInclusive<u32> = 1..=65_536;

const NOT_THERE: ServiceError = ServiceError::NotFound { what: "version" };

impl Plugins {
    /// Lets an installation run: the version in use, or another one that is kept (`version`): the one
    /// before it, or one that was installed aside and asks for no more than is granted.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if the version waits for approval; others as for `install`.
    pub async fn activate(
        &self,
        caller: &Caller,
        installation: InstallationId,
        version: Option<String>,
    ) -> Result<Installed, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, draft: Draft| async move {
            inner.activate(&author, draft, version.as_deref()).await
        };
        self.change(caller, installation, change).await
    }

    /// Goes back to the version before. It is warm, unless the host has restarted since, and then it is
    /// loaded first. Rolling back once more comes back.
    ///
    /// # Errors
    /// `NotFound` if there is none; others as for `install`.
    pub async fn rollback(&self, caller: &Caller, installation: InstallationId) -> Result<Installed, ServiceError> {
        let change =
            |inner: Arc<Inner>, author: Author, draft: Draft| async move { inner.roll_back(&author, draft).await };
        self.change(caller, installation, change).await
    }

    /// Takes an installation out of the chain. Nothing of it is lost.
    ///
    /// # Errors
    /// `NotFound`; the caller may not; the store failed.
    pub async fn deactivate(&self, caller: &Caller, installation: InstallationId) -> Result<Installed, ServiceError> {
        let change = |inner: Arc<Inner>, author: Author, mut draft: Draft| async move {
            draft.record.wish = Wish::Inactive;
            let entry = about(&author, "plugin.deactivate", &draft.record);
            Box::pin(inner.settle(&author, draft, None, entry)).await
        };
        self.change(caller, installation, change).await
    }

    /// Removes an installation with its packages, configuration, secrets and storage.
    ///
    /// # Errors
    /// `NotFound`; the caller may not; the store failed.
    pub async fn remove(&self, caller: &Caller, installation: InstallationId) -> Result<(), ServiceError> {
        let change =
            |inner: Arc<Inner>, author: Author, draft: Draft| async move { inner.remove(&author, draft).await };
        self.change(caller, installation, change).await
    }

    /// Gives an installation another configuration: checked against its schema, then tried out, then
    /// switched to.
    ///
    /// # Errors
    /// `Plugin` with the problems by JSON pointer, or the step that failed; `NotFound`; the store failed.
    pub async fn configure(
        &self,
        caller: &Caller,
        installation: InstallationId,
        config: Value,
    ) -> Result<Installed, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, mut draft: Draft| async move {
            let edition = draft.record.target_mut().ok_or(NOT_THERE)?;
            edition.config = config::check(&edition.manifest, config).await?;
            let digest = edition.config_digest();
            let entry = about(&author, "plugin.configure", &draft.record).detail("config-digest", digest);
            let mut installed = Box::pin(inner.settle(&author, draft, None, entry)).await?;
            installed.steps.insert(0, Step::Configuration);
            Ok(installed)
        };
        self.change(caller, installation, change).await
    }

    /// Changes order, failure policy, limits or the use of instances.
    ///
    /// # Errors
    /// `Invalid` names the limit and its bounds; others as for `install`.
    pub async fn adjust(
        &self,
        caller: &Caller,
        installation: InstallationId,
        adjustment: Adjustment,
    ) -> Result<Installed, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, draft: Draft| async move {
            inner.adjust(&author, draft, &adjustment).await
        };
        self.change(caller, installation, change).await
    }

    /// Grants an installation what it may reach, and thereby lets a waiting version run. Granting less
    /// than it asks for is fine, as long as it imports nothing that is missing then.
    ///
    /// # Errors
    /// `Invalid` for grants that it does not ask for; `Plugin` at the step `grants` for an import that is
    /// not granted; others as for `install`.
    pub async fn grant(
        &self,
        caller: &Caller,
        installation: InstallationId,
        granted: Granted,
    ) -> Result<Installed, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, draft: Draft| async move {
            inner.grant(&author, draft, granted).await
        };
        self.change(caller, installation, change).await
    }

    /// Stores a secret under a name that the plugin asks for, and starts the plugin anew with it. If it
    /// does not start, what ran before goes on running, and the installation's log says why.
    ///
    /// # Errors
    /// `Invalid` if the plugin does not ask for it, or it is empty or too long; `NotFound`; the store failed.
    pub async fn set_secret(
        &self,
        caller: &Caller,
        installation: InstallationId,
        name: String,
        value: Zeroizing<String>,
    ) -> Result<PluginView, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, draft: Draft| async move {
            if !draft.record.editions().any(|edition| check_asked(edition, &name).is_ok()) {
                check_asked(draft.record.target().ok_or(NOT_THERE)?, &name)?;
            }
            let write = inner.secrets(author.scope, draft.record.id).put(&name, &value)?;
            let entry = about(&author, "plugin.set-secret", &draft.record).detail("names", vec![name]);
            inner.change_secret(&author, draft, write, entry).await
        };
        self.change(caller, installation, change).await
    }

    /// Deletes a secret, and starts the plugin anew without it, as [`set_secret`](Self::set_secret) does.
    ///
    /// # Errors
    /// `NotFound`; the caller may not; the store failed.
    pub async fn delete_secret(
        &self,
        caller: &Caller,
        installation: InstallationId,
        name: String,
    ) -> Result<PluginView, ServiceError> {
        let change = move |inner: Arc<Inner>, author: Author, draft: Draft| async move {
            let secrets = inner.secrets(author.scope, draft.record.id);
            if !secrets.names().await?.contains(&name) {
                return Err(ServiceError::NotFound { what: "secret" });
            }
            let write = secrets.removal(&name)?;
            let entry = about(&author, "plugin.delete-secret", &draft.record).detail("names", vec![name]);
            inner.change_secret(&author, draft, write, entry).await
        };
        self.change(caller, installation, change).await
    }

    /// Runs one change of one installation to its end, alone among the tenant's changes.
    async fn change<T: Send + 'static, F, R>(
        &self,
        caller: &Caller,
        installation: InstallationId,
        change: F,
    ) -> Result<T, ServiceError>
    where
        F: FnOnce(Arc<Inner>, Author, Draft) -> R + Send + 'static,
        R: Future<Output = Result<T, ServiceError>> + Send + 'static,
    {
        caller.require(Right::ManagePlugins)?;
        let (inner, author) = (Arc::clone(&self.inner), Author::from(caller));
        apart(&self.inner.tasks, async move {
            let rack = inner.rack(author.scope.tenant());
            let turn = Arc::clone(&rack);
            let _turn = turn.change.lock().await;
            let draft = inner.open_draft(&author, rack, installation).await?;
            Box::pin(change(Arc::clone(&inner), author, draft)).await
        })
        .await
    }
}

impl Inner {
    pub(super) async fn activate(
        &self,
        author: &Author,
        mut draft: Draft,
        version: Option<&str>,
    ) -> Result<Installed, ServiceError> {
        let is = |edition: &Option<Edition>| {
            edition.as_ref().is_some_and(|edition| version.is_none_or(|version| edition.version() == version))
        };
        let record = &mut draft.record;
        if !is(&record.current) {
            if is(&record.waiting) {
                let waiting = record.waiting.take().ok_or(NOT_THERE)?;
                if !waiting.manifest.permissions.beyond(&waiting.granted).is_empty() {
                    return Err(ServiceError::Conflict { what: "the version waits for approval" });
                }
                record.promote(waiting);
            } else if version.is_some() && is(&record.previous) {
                record.wish = Wish::Active;
                return Box::pin(self.roll_back(author, draft)).await;
            } else {
                return Err(NOT_THERE);
            }
        }
        record.wish = Wish::Active;
        let entry = about(author, "plugin.activate", record);
        Box::pin(self.settle(author, draft, None, entry)).await
    }

    async fn roll_back(&self, author: &Author, mut draft: Draft) -> Result<Installed, ServiceError> {
        let previous = draft.record.previous.take().ok_or(NOT_THERE)?;
        let digest = previous.digest;
        draft.record.previous = draft.record.current.replace(previous);
        let entry = about(author, "plugin.rollback", &draft.record);
        let warm = draft.live.as_ref().and_then(|live| live.warm.clone()).filter(|(warm, _)| *warm == digest);
        match warm {
            Some((_, plugin)) if draft.record.wish == Wish::Active => {
                let running = Some(Running::Loaded(plugin));
                Box::pin(self.commit(author, draft, running, None, vec![Step::Switch], entry)).await
            }
            _ => Box::pin(self.settle(author, draft, None, entry)).await,
        }
    }

    async fn remove(&self, author: &Author, draft: Draft) -> Result<(), ServiceError> {
        let (scope, id) = (&author.scope, draft.record.id);
        let mut writes = self.secrets(*scope, id).clearing().await?;
        writes.push(StateWrite { key: record_key(id), value: None, expect: draft.expect });
        self.audit.commit(scope, writes, about(author, "plugin.remove", &draft.record)).await?;
        draft.rack.remove(id);
        self.switch(scope.tenant(), &draft.rack);
        for edition in draft.record.editions() {
            self.forget_package(&draft.rack, scope, edition.blob).await;
        }
        storage::clear(&self.ports.state, scope, id).await?;
        Ok(())
    }

    async fn adjust(
        &self,
        author: &Author,
        mut draft: Draft,
        adjustment: &Adjustment,
    ) -> Result<Installed, ServiceError> {
        let record = &mut draft.record;
        let mut entry = about(author, "plugin.adjust", record);
        if let Some(order) = adjustment.order {
            record.order = order;
            entry = entry.detail("order", order);
        }
        if let Some(policy) = adjustment.fail_policy {
            record.fail_policy = policy;
            entry = entry.detail("fail-policy", serde_json::to_value(policy).unwrap_or_default());
        }
        let before = (record.instances, record.limits);
        if let Some(instances) = adjustment.instances {
            record.instances = instances;
            entry = entry.detail("instances", serde_json::to_value(instances).unwrap_or_default());
        }
        if let Some(limits) = adjustment.limits {
            check_limits(limits, record.first_hook())?;
            record.limits = limits;
            entry = entry.detail("limits", serde_json::to_value(limits).unwrap_or_default());
        }
        if before == (record.instances, record.limits) {
            self.keep(author, draft, entry).await
        } else {
            Box::pin(self.settle(author, draft, None, entry)).await
        }
    }

    async fn grant(&self, author: &Author, mut draft: Draft, granted: Granted) -> Result<Installed, ServiceError> {
        let record = &mut draft.record;
        let waiting = record.waiting.take();
        let mut edition = waiting.or_else(|| record.current.clone()).ok_or(NOT_THERE)?;
        check_granted(&granted, &Granted(edition.manifest.permissions.clone()))?;
        edition.granted = granted;
        let now_granted = serde_json::to_value(&edition.granted).unwrap_or_default();
        record.promote(edition);
        let entry = about(author, "plugin.grant", record).detail("granted", now_granted);
        Box::pin(self.settle(author, draft, None, entry)).await
    }

    async fn change_secret(
        &self,
        author: &Author,
        draft: Draft,
        write: StateWrite,
        entry: NewEntry,
    ) -> Result<PluginView, ServiceError> {
        let (scope, id) = (author.scope, draft.record.id);
        self.audit.commit(&scope, vec![write], entry).await?;
        if let (Some(edition), Wish::Active) = (&draft.record.current, draft.record.wish) {
            let live = self.live(scope.tenant(), id)?;
            match self.load(&scope, &draft.record, edition, &live.log).await {
                Ok(plugin) => {
                    draft.rack.update(id, |live| live.running = Running::Loaded(plugin));
                    self.switch(scope.tenant(), &draft.rack);
                }
                Err(error) => {
                    let text = format!("a secret was changed, and the plugin does not start with it: {error}");
                    live.log.write(LogLevel::Error, &text);
                }
            }
        }
        self.view(&scope, &self.live(scope.tenant(), id)?).await
    }
}

impl Record {
    /// The version that an admin means: the one in use, or the one that waits if there is none.
    fn target(&self) -> Option<&Edition> {
        self.current.as_ref().or(self.waiting.as_ref())
    }

    fn target_mut(&mut self) -> Option<&mut Edition> {
        self.current.as_mut().or(self.waiting.as_mut())
    }
}

fn about(author: &Author, action: &str, record: &Record) -> NewEntry {
    let version = record.target().map(Edition::version);
    NewEntry::new(author.actor.clone(), action)
        .subject("installation", &record.id)
        .detail("plugin", record.plugin.as_str())
        .detail("version", version)
}

fn check_limits(limits: CallLimits, hook: HookKind) -> Result<(), ServiceError> {
    let check = |field, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(ServiceError::Invalid { field, problem: format!("must be {least} to {most}"), limit: Some(most) })
    };
    check("deadline_ms", u64::from(limits.deadline_ms), 1, longest_deadline_ms(hook))?;
    check("memory_bytes", limits.memory_bytes, *MEMORY.start(), *MEMORY.end())?;
    check("concurrency", u64::from(limits.concurrency), u64::from(*CONCURRENCY.start()), u64::from(*CONCURRENCY.end()))
}

/// The longest deadline that an admin can set. Somebody waits for a filter while it works; a model may take
/// its minutes, and so may 32 MiB on a slow line.
const fn longest_deadline_ms(hook: HookKind) -> u64 {
    match hook {
        HookKind::ContentFilter => 5_000,
        HookKind::Push => 60_000,
        HookKind::Agent | HookKind::BackupSink => 300_000,
    }
}
