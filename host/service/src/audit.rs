//! The audit log: who changed what and what filters decided, per tenant, numbered without gaps and
//! chained by hashes. It holds neither message bodies nor secrets; who may read it is the caller's
//! affair.
//!
//! An entry's hash is SHA-256 over `entry::canonical`, which includes the hash before it. A change of
//! any field of any entry, an entry taken out or put in, and a cut at the end are found by
//! [`Audit::verify`].
//!
//! A change and its entry are committed together through [`Audit::commit`], so that nothing changes
//! without a trace.

mod archive;
mod decision;
mod entry;
mod lane;
mod list;
mod verify;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use warbler_domain::{Clock, State, StateWrite, StoreError, TenantId, TenantScope};

use crate::ports::Tasks;
pub use archive::AuditArchive;
pub use decision::Judged;
pub use entry::{Actor, AuditEntry, NewEntry};
use lane::{Lane, Ticket};
pub use list::{AuditPage, AuditQuery};
pub use verify::{AuditReport, Broken};

/// The audit logs of all tenants; the operator's own is that of `TenantScope::operator()`.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    lanes: Mutex<HashMap<TenantId, Arc<Lane>>>,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit")
    }
}

impl Audit {
    /// Logs that are kept in `state`; `tasks` finish what was begun when a caller goes away.
    #[must_use]
    pub fn new(state: Arc<dyn State>, clock: Arc<dyn Clock>, tasks: Tasks) -> Self {
        Self { inner: Arc::new(Inner { state, clock, tasks, lanes: Mutex::default() }) }
    }

    /// Appends `entry`. When this returns `Ok`, it survives a power cut.
    ///
    /// # Errors
    /// The store failed.
    pub async fn record(&self, scope: &TenantScope, entry: NewEntry) -> Result<Arc<AuditEntry>, StoreError> {
        self.commit(scope, Vec::new(), entry).await
    }

    /// Commits `writes` together with the `entry` that tells of them: both or neither.
    ///
    /// # Errors
    /// `Conflict` if one of the writes met another state than it expected, or the store failed.
    pub async fn commit(
        &self,
        scope: &TenantScope,
        writes: Vec<StateWrite>,
        entry: NewEntry,
    ) -> Result<Arc<AuditEntry>, StoreError> {
        let lane = Arc::clone(self.inner.lanes.lock().entry(scope.tenant()).or_default());
        let (done, answer) = oneshot::channel();
        lane.push(Ticket { at: self.inner.clock.now(), entry, writes, done });
        // A caller who goes away must not take along the entries of others that wait in the same line.
        let (state, scope) = (Arc::clone(&self.inner.state), *scope);
        self.inner.tasks.spawn(async move { lane.drain(&*state, &scope).await });
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

#[cfg(test)]
mod tests;
