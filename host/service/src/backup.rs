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
mod expiry;
mod families;
mod journal;
mod keys;
mod layout;
mod lease;
mod ledger;
mod member;
mod mirror;
mod place;
mod policy;
mod read;
mod render;
mod restore;
mod retention;
mod rotate;
mod run;
mod scheduler;
mod sinks;
mod target;
#[cfg(test)]
mod tests;
mod tidy;
mod whole;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use warbler_domain::{BackupProgress, TenantId, Timestamp};

pub use admin::{BackupStatus, RunState};
pub use drill::DrillReport;
pub use keys::Escrow;
pub use ledger::Failure;
pub use member::{BackedUp, Preview, PreviewQuery, SnapshotView};
pub use mirror::SinkState;
pub use policy::{BackupPolicy, Keep, Schedule};
pub use restore::Restored;
pub use rotate::{KeyRotation, KeyState};
pub use whole::{RestoreJob, RestoreState};

use self::read::ErasedCache;
use self::target::TenantPlugins;
use crate::authentication::Authentication;
use crate::core::Core;
use crate::lexicon::WordLists;

pub(crate) use clear::clear;

/// The backups of all tenants. Clones are the same.
#[derive(Clone)]
pub struct Backups {
    inner: Arc<Inner>,
}

/// What all of it works with.
struct Inner {
    core: Arc<Core>,
    plugins: Arc<dyn TenantPlugins>,
    word_lists: WordLists,
    /// What the versions that there are say was erased.
    erased: ErasedCache,
    /// What is under way, so that nothing runs twice at a time.
    under_way: Mutex<HashMap<TenantId, Arc<UnderWay>>>,
}

/// Work on a tenant's repository.
struct UnderWay {
    what: &'static str,
    /// The restore that it is, if it is that of a whole tenant.
    job: Option<uuid::Uuid>,
    since: Timestamp,
    progress: Arc<BackupProgress>,
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backups")
    }
}

impl Backups {
    pub(crate) fn new(core: Arc<Core>, word_lists: WordLists, plugins: Arc<dyn TenantPlugins>) -> Self {
        Self { inner: Arc::new(Inner::new(core, word_lists, plugins)) }
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
    fn new(core: Arc<Core>, word_lists: WordLists, plugins: Arc<dyn TenantPlugins>) -> Self {
        let (erased, under_way) = (ErasedCache::default(), Mutex::default());
        Self { core, plugins, word_lists, erased, under_way }
    }

    /// The tenant's turn, unless something is under way.
    fn turn(self: &Arc<Self>, tenant: TenantId, what: &'static str) -> Option<Turn> {
        self.turn_of(tenant, what, None)
    }

    /// The same, for a restore that others ask about by its identifier.
    fn turn_of(
        self: &Arc<Self>,
        tenant: TenantId,
        what: &'static str,
        job: impl Into<Option<uuid::Uuid>>,
    ) -> Option<Turn> {
        let mut under_way = self.under_way.lock();
        if under_way.contains_key(&tenant) {
            return None;
        }
        let progress = Arc::new(BackupProgress::default());
        let work = UnderWay { what, job: job.into(), since: self.core.now(), progress: Arc::clone(&progress) };
        under_way.insert(tenant, Arc::new(work));
        Some(Turn { inner: Arc::clone(self), tenant, progress })
    }
}
