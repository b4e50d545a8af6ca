//! Installations: a loaded plugin with its warm instances. How a call goes is in `call`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use warbler_domain::{
    Agent, BackupSink, ContentFilter, HookError, HookKind, InstallationId, Instances, LoadedPlugin, PluginStats,
    PushProvider, TenantId,
};

use crate::hook::Hooks;
use crate::house::House;
use crate::instance::{Cast, Instance, MakeError, Mould};
use crate::log_gate::LogGate;
use crate::meter::Meter;
use crate::pseudonym::Pseudonyms;

/// Instances with an `init` of their own that are made at a time.
const MAKERS: usize = 4;

/// A plugin as it was loaded for one tenant.
pub(crate) struct Installation {
    /// Itself, for the tasks that make instances.
    pub(crate) me: Weak<Installation>,
    pub(crate) id: InstallationId,
    pub(crate) tenant: TenantId,
    pub(crate) house: Arc<House>,
    pub(crate) mould: Arc<Mould>,
    pub(crate) cast: Cast,
    pub(crate) mode: Instances,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) meter: Meter,
    /// Where its hooks after the commit are called.
    pub(crate) hooks: Hooks,
    /// Calls that run.
    pub(crate) slots: Semaphore,
    /// Calls that run or wait.
    line: AtomicUsize,
    pub(crate) makers: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    /// Instances that eviction leaves: one, where making another would take too long for a call.
    keep: usize,
}

struct Idle {
    instance: Instance,
    since: Instant,
}

/// What an installation is made of, beside its trial instance.
pub(crate) struct Parts {
    pub(crate) id: InstallationId,
    pub(crate) tenant: TenantId,
    pub(crate) house: Arc<House>,
    pub(crate) mould: Arc<Mould>,
    pub(crate) cast: Cast,
    pub(crate) mode: Instances,
    pub(crate) hooks: Hooks,
    /// Whether making an instance takes so long that one should stay.
    pub(crate) slow_to_make: bool,
}

impl Installation {
    /// The installation of these parts, with `trial` as its first instance.
    pub(crate) fn new(parts: Parts, trial: Instance) -> Arc<Self> {
        let installation = Arc::new_cyclic(|me| {
            let Parts { id, tenant, house, mould, cast, mode, hooks, slow_to_make } = parts;
            Self {
                me: Weak::clone(me),
                pseudonyms: Pseudonyms::new(&house.key, id),
                meter: Meter::new(tenant, id),
                hooks,
                slots: Semaphore::new(house.share.installation.max(1)),
                line: AtomicUsize::new(0),
                makers: Arc::new(Semaphore::new(MAKERS)),
                idle: Mutex::new(Vec::new()),
                keep: usize::from(slow_to_make),
                id,
                tenant,
                house,
                mould,
                cast,
                mode,
            }
        });
        installation.meter.made();
        installation.put(trial, Instant::now());
        installation
    }

    pub(crate) fn log(&self) -> &LogGate {
        &self.mould.lent.log
    }

    /// A place in the line of calls that run or wait.
    pub(crate) fn enter(&self) -> Result<InLine<'_>, HookError> {
        let place = InLine(&self.line);
        let before = self.line.fetch_add(1, Ordering::Relaxed);
        let limit = self.mould.limits.concurrency;
        // Dropping the place takes the call out of the line again.
        if before >= limit { Err(HookError::Busy { limit }) } else { Ok(place) }
    }

    /// The instance that was used last, whose memory is most likely still in a cache.
    pub(crate) fn pop(&self) -> Option<Instance> {
        self.idle.lock().pop().map(|idle| idle.instance)
    }

    /// Keeps `instance`, last called at `since`, for the next call, unless it is worn or calls are to have fresh ones.
    pub(crate) fn put(&self, instance: Instance, since: Instant) {
        if self.mode == Instances::Fresh {
            return;
        }
        if instance.is_worn(&self.house.reuse) {
            self.meter.thrown_away();
            return;
        }
        self.idle.lock().push(Idle { instance, since });
    }

    /// Gives up instances that were not called since `before`, and says how many. Where making one takes long,
    /// one stays if `keep` says so.
    pub(crate) fn evict(&self, before: Instant, keep: bool) -> usize {
        let mut idle = self.idle.lock();
        let kept = if keep { self.keep } else { 0 };
        let mut spare = idle.len().saturating_sub(kept);
        // Those used longest ago are in front.
        let old = idle.extract_if(.., |idle| {
            let goes = spare > 0 && idle.since <= before;
            spare -= usize::from(goes);
            goes
        });
        let old: Vec<Idle> = old.collect();
        // Dropping them takes its time, and is done once calls can have the others.
        drop(idle);
        old.len()
    }

    /// Makes an instance. If all places are taken, idle instances of all installations make room.
    pub(crate) async fn make(&self, deadline: Instant) -> Result<Instance, MakeError> {
        let made = match self.mould.make(&self.cast, deadline).await {
            Err(MakeError::Full(_)) if self.house.make_room() => self.mould.make(&self.cast, deadline).await,
            made => made,
        };
        if made.is_ok() {
            self.meter.made();
        }
        made
    }
}

/// A place in an installation's line, left when dropped.
pub(crate) struct InLine<'a>(&'a AtomicUsize);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A loaded plugin as the service holds it.
pub(crate) struct Loaded {
    pub(crate) installation: Arc<Installation>,
    pub(crate) hooks: Vec<HookKind>,
}

impl LoadedPlugin for Loaded {
    fn hooks(&self) -> &[HookKind] {
        &self.hooks
    }

    fn content_filter(&self) -> Option<Arc<dyn ContentFilter>> {
        let filters = self.hooks.contains(&HookKind::ContentFilter);
        filters.then(|| Arc::clone(&self.installation) as Arc<dyn ContentFilter>)
    }

    fn agent(&self) -> Option<Arc<dyn Agent>> {
        self.hooks.contains(&HookKind::Agent).then(|| Arc::clone(&self.installation) as _)
    }

    fn push_provider(&self) -> Option<Arc<dyn PushProvider>> {
        self.hooks.contains(&HookKind::Push).then(|| Arc::clone(&self.installation) as _)
    }

    fn backup_sink(&self) -> Option<Arc<dyn BackupSink>> {
        self.hooks.contains(&HookKind::BackupSink).then(|| Arc::clone(&self.installation) as _)
    }

    fn stats(&self) -> PluginStats {
        let [checks, unchecked, instances_made] = self.installation.meter.read();
        let [calls, failures] = self.installation.hooks.read();
        let (calls, failures) = (calls + checks, failures + unchecked);
        let instances_idle = u64::try_from(self.installation.idle.lock().len()).unwrap_or(u64::MAX);
        PluginStats { calls, failures, instances_made, instances_idle }
    }
}
