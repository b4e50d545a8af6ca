//! The line before one tenant's log: entries wait together and are committed together, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use warbler_domain::{Expect, State, StateKey, StateWrite, StoreError, TenantScope, Timestamp};

use super::entry::{AuditEntry, GENESIS, NewEntry, entry_key, head_key};

/// Entries in one commit. It bounds the commit's size; what waits longer goes into the next one.
const BATCH: usize = 256;

/// How often another node may be faster before the caller is told. Whoever loses a number lost it to an
/// entry that stands, so this is patience with busy neighbours and no endless loop.
const ATTEMPTS: usize = 1_000;

/// One entry in line.
pub(super) struct Ticket {
    pub(super) at: Timestamp,
    pub(super) entry: NewEntry,
    pub(super) writes: Vec<StateWrite>,
    pub(super) done: oneshot::Sender<Result<Arc<AuditEntry>, StoreError>>,
}

/// The last entry of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) hash: String,
}

impl Head {
    /// The head as it is kept.
    pub(super) async fn load(state: &dyn State, scope: &TenantScope) -> Result<Self, StoreError> {
        let Some(kept) = state.get(scope, &head_key()).await? else {
            return Ok(Self { number: 0, hash: GENESIS.to_owned() });
        };
        serde_json::from_slice(&kept.value).map_err(|_| StoreError::Corrupt { what: "audit head" })
    }
}

#[derive(Default)]
pub(super) struct Lane {
    waiting: Mutex<VecDeque<Ticket>>,
    head: tokio::sync::Mutex<Option<Head>>,
}

impl Lane {
    pub(super) fn push(&self, ticket: Ticket) {
        self.waiting.lock().push_back(ticket);
    }

    /// Commits what waits, until nothing does.
    pub(super) async fn drain(&self, state: &dyn State, scope: &TenantScope) {
        let mut head = self.head.lock().await;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            write(state, scope, &mut head, batch).await;
        }
    }

    /// The next tickets to commit together. One that brings writes goes alone, so that a conflict
    /// about them is no one else's.
    fn take(&self) -> Vec<Ticket> {
        let mut waiting = self.waiting.lock();
        let alone = waiting.front().is_some_and(|ticket| !ticket.writes.is_empty());
        let plain = waiting.iter().take(BATCH).take_while(|ticket| ticket.writes.is_empty()).count();
        let count = if alone { 1 } else { plain };
        waiting.drain(..count).collect()
    }
}

async fn write(state: &dyn State, scope: &TenantScope, head: &mut Option<Head>, batch: Vec<Ticket>) {
    match attempt(state, scope, head, &batch).await {
        Ok(entries) => {
            for (ticket, entry) in batch.into_iter().zip(entries) {
                // Whoever waited may have gone; the entry stands all the same.
                let _ = ticket.done.send(Ok(entry));
            }
        }
        Err(error) => {
            *head = None;
            let text = error.to_string();
            let mut error = Some(error);
            for ticket in batch {
                let own = error
                    .take()
                    .unwrap_or_else(|| StoreError::Io { doing: "writing the audit log", source: text.clone().into() });
                let _ = ticket.done.send(Err(own));
            }
        }
    }
}

async fn attempt(
    state: &dyn State,
    scope: &TenantScope,
    head: &mut Option<Head>,
    batch: &[Ticket],
) -> Result<Vec<Arc<AuditEntry>>, StoreError> {
    let mut conflict = StoreError::Closed;
    for _ in 0..ATTEMPTS {
        let last = match head.take() {
            Some(last) => last,
            None => Head::load(state, scope).await?,
        };
        let (entries, writes, last) = chain(scope, last, batch)?;
        match state.commit(scope, writes).await {
            Ok(()) => {
                *head = Some(last);
                return Ok(entries);
            }
            // Another node took the number: chain anew behind its entry.
            Err(StoreError::Conflict { key }) if is_ours(&key) => {
                conflict = StoreError::Conflict { key };
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(conflict)
}

type Chained = (Vec<Arc<AuditEntry>>, Vec<StateWrite>, Head);

fn chain(scope: &TenantScope, mut last: Head, batch: &[Ticket]) -> Result<Chained, StoreError> {
    let mut entries = Vec::with_capacity(batch.len());
    let mut writes = Vec::with_capacity(batch.len() + 1);
    for ticket in batch {
        let entry = AuditEntry::next(scope.tenant(), (last.number, &last.hash), ticket.at, ticket.entry.clone());
        last = Head { number: entry.number, hash: entry.hash.clone() };
        writes.push(put(entry_key(entry.number), &entry, Expect::Absent)?);
        writes.extend(ticket.writes.iter().cloned());
        entries.push(Arc::new(entry));
    }
    writes.push(put(head_key(), &last, Expect::Any)?);
    Ok((entries, writes, last))
}

fn put(key: StateKey, value: &impl Serialize, expect: Expect) -> Result<StateWrite, StoreError> {
    let value = serde_json::to_vec(value)
        .map_err(|error| StoreError::Io { doing: "encoding an audit entry", source: error.into() })?;
    Ok(StateWrite { key, value: Some(Bytes::from(value)), expect })
}

fn is_ours(key: &StateKey) -> bool {
    key.family() == "audit" || *key == head_key()
}
