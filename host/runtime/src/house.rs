//! What all installations of one runtime share: the engine, the compiler, the lanes, and the list of
//! who is there.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use warbler_domain::{Clock, Folders, MailRelays, TenantId};
use wasmtime::Engine;

use crate::compile::Compiler;
use crate::hook::Places;
use crate::http::Client;
use crate::installation::Installation;
use crate::lane::TenantShare;
use crate::options::{Reuse, RuntimeKey, Share};

/// How long instances were idle that make room for others, in the order in which they do.
const LONG_AGO: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(1), Duration::ZERO];

/// What installations share.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) client: Client,
    pub(crate) key: RuntimeKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) folders: Arc<dyn Folders>,
    pub(crate) mail: Arc<dyn MailRelays>,
    pub(crate) reuse: Reuse,
    pub(crate) share: Share,
    pub(crate) init_deadline: Duration,
    pub(crate) snapshots: bool,
    pub(crate) lanes: Arc<Semaphore>,
    /// Places for calls of hooks after the commit.
    pub(crate) places: Places,
    pub(crate) tenants: Mutex<HashMap<TenantId, Weak<TenantShare>>>,
    pub(crate) installations: Mutex<Vec<Weak<Installation>>>,
}

impl House {
    /// The share of `tenant`, which lives as long as any of its installations.
    pub(crate) fn tenant(&self, tenant: TenantId) -> Arc<TenantShare> {
        let mut tenants = self.tenants.lock();
        if let Some(share) = tenants.get(&tenant).and_then(Weak::upgrade) {
            return share;
        }
        let share = Arc::new(TenantShare::new(&self.share, Arc::clone(&self.lanes)));
        tenants.insert(tenant, Arc::downgrade(&share));
        share
    }

    /// Adds `installation` to those that are swept.
    pub(crate) fn add(&self, installation: &Arc<Installation>) {
        self.installations.lock().push(Arc::downgrade(installation));
    }

    /// Those that are there now.
    pub(crate) fn installations(&self) -> Vec<Arc<Installation>> {
        let mut installations = self.installations.lock();
        installations.retain(|installation| installation.strong_count() > 0);
        installations.iter().filter_map(Weak::upgrade).collect()
    }

    /// Gives up instances that were not called for `unused`, and says how many.
    pub(crate) fn evict(&self, unused: Duration, keep: bool) -> usize {
        let Some(before) = Instant::now().checked_sub(unused) else { return 0 };
        self.installations().iter().map(|installation| installation.evict(before, keep)).sum()
    }

    /// Gives up idle instances because there is no place for another: those of long ago if there are
    /// any, else all. Says whether there is room now.
    pub(crate) fn make_room(&self) -> bool {
        LONG_AGO.into_iter().any(|unused| self.evict(unused, true) > 0) || self.evict(Duration::ZERO, false) > 0
    }

    /// The rare round: deletes compiled code that was not used for long.
    pub(crate) fn prune(&self) {
        self.compiler.prune(self.clock.now());
    }

    /// The regular round: gives up idle instances, and tells what logs left out.
    pub(crate) fn sweep(&self) {
        self.tenants.lock().retain(|_, share| share.strong_count() > 0);
        self.evict(self.reuse.idle, true);
        for installation in self.installations() {
            installation.log().flush();
        }
    }
}
