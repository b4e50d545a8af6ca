//! Backups: versions of a tenant's data in its backup sink, made by themselves, tried out, and brought back by the
//! people whose data it is. What a version looks like inside is `layout`'s affair, the format of the repository that of
//! `warbler_domain::BackupRepositories`.
//!
//! Members see versions, look into conversations that they are in now, and bring back what is missing of them; admins
//! do the rest. Whoever restores, or takes the key out, gives their password once more.

mod admin;
mod clear;
mod collect;
mod drill;
mod journal;
mod layout;
mod lease;
mod ledger;
mod member;
mod place;
mod policy;
mod read;
mod render;
mod restore;
mod retention;
mod run;
mod scheduler;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use warbler_domain::{BackupProgress, BackupSink, TenantId, Timestamp};

pub use admin::{BackupStatus, Escrow, RunState};
pub use drill::DrillReport;
pub use ledger::Failure;
pub use member::{BackedUp, Preview, PreviewQuery, SnapshotView};
pub use policy::{BackupPolicy, Keep, Schedule};
pub use restore::Restored;
pub use whole::{RestoreJob, RestoreState};

use crate::authentication::Authentication;
use crate::core::Core;
use crate::installation::Plugins;

pub(crate) use clear::clear;

/// Where the sink of a tenant is found.
pub(crate) trait Sinks: Send + Sync {
    /// The first of the tenant's sinks that run.
    fn sink(&self, tenant: TenantId) -> Option<Arc<dyn BackupSink>>;
}

impl Sinks for Plugins {
    fn sink(&self, tenant: TenantId) -> Option<Arc<dyn BackupSink>> {
        self.backup_sinks(tenant).into_iter().next().map(|live| live.hook)
    }
}

/// The backups of all tenants. Clones are the same.
#[derive(Clone)]
pub struct Backups {
    inner: Arc<Inner>,
}

/// What all of it works with.
struct Inner {
    core: Arc<Core>,
    sinks: Arc<dyn Sinks>,
    /// What is under way, so that nothing runs twice at a time.
    under_way: Mutex<HashMap<TenantId, Arc<UnderWay>>>,
}

/// Work on a tenant's repository.
struct UnderWay {
    what: &'static str,
    since: Timestamp,
    progress: Arc<BackupProgress>,
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backups")
    }
}

impl Backups {
    pub(crate) fn new(core: Arc<Core>, sinks: Arc<dyn Sinks>) -> Self {
        Self { inner: Arc::new(Inner { core, sinks, under_way: Mutex::default() }) }
    }

    fn authentication(&self) -> Authentication {
        Authentication::new(Arc::clone(&self.inner.core))
    }
}

/// A tenant's place among the work under way, given back when dropped.
struct Turn {
    inner: Arc<Inner>,
    tenant: TenantId,
    progress: Arc<BackupProgress>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.inner.under_way.lock().remove(&self.tenant);
    }
}

impl Inner {
    /// The tenant's turn, unless something is under way.
    fn turn(self: &Arc<Self>, tenant: TenantId, what: &'static str) -> Option<Turn> {
        let mut under_way = self.under_way.lock();
        if under_way.contains_key(&tenant) {
            return None;
        }
        let progress = Arc::new(BackupProgress::default());
        let work = UnderWay { what, since: self.core.now(), progress: Arc::clone(&progress) };
        under_way.insert(tenant, Arc::new(work));
        Some(Turn { inner: Arc::clone(self), tenant, progress })
    }
}
