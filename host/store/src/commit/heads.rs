//! The last place of each conversation and tenant, and which origins of receipts are written, kept in
//! memory by the committer alone and read from the records when first asked for.

use std::collections::{HashMap, HashSet};

use warbler_domain::{ConversationId, Position, Sequence, StoreError, TenantId};

use crate::backend::Records;
use crate::codec::OriginId;
use crate::layout::{self, KeyRange};

/// Most conversations that are remembered: 64 bytes each, so some 16 MiB at most. Reading a head again
/// costs some microseconds.
const REMEMBERED: usize = 256 * 1024;

/// The last places taken.
#[derive(Default)]
pub(super) struct Heads {
    sequences: HashMap<(TenantId, ConversationId), u64>,
    positions: HashMap<TenantId, u64>,
    revisions: HashMap<TenantId, u64>,
    /// Origins of receipts that have their record.
    origins: HashSet<(TenantId, OriginId)>,
}

impl Heads {
    /// Forgets everything if it has become too much. Only between two groups: what a group has taken
    /// is not in the records yet.
    pub(super) fn forget_if_full(&mut self) {
        if self.sequences.len().max(self.origins.len()) > REMEMBERED {
            *self = Self::default();
        }
    }

    /// Forgets a tenant whose records are deleted.
    pub(super) fn forget(&mut self, tenant: TenantId) {
        self.sequences.retain(|(owner, _), _| *owner != tenant);
        self.positions.remove(&tenant);
        self.revisions.remove(&tenant);
        self.origins.retain(|(owner, _)| *owner != tenant);
    }

    /// Whether this origin of receipts has its record.
    pub(super) fn knows(&self, tenant: TenantId, origin: OriginId) -> bool {
        self.origins.contains(&(tenant, origin))
    }

    /// Remembers origins that have their records.
    pub(super) fn know(&mut self, tenant: TenantId, origins: impl Iterator<Item = OriginId>) {
        self.origins.extend(origins.map(|origin| (tenant, origin)));
    }

    /// The next place of a conversation, which is not yet taken by asking.
    pub(super) fn next_sequence(
        &mut self,
        records: &dyn Records,
        tenant: TenantId,
        conversation: ConversationId,
    ) -> Result<Sequence, StoreError> {
        let last = match self.sequences.get(&(tenant, conversation)) {
            Some(last) => *last,
            None => last_of(records, &whole(tenant, conversation))?,
        };
        Ok(Sequence(last).next())
    }

    /// The next position of a tenant's log, which is not yet taken by asking.
    pub(super) fn next_position(&mut self, records: &dyn Records, tenant: TenantId) -> Result<Position, StoreError> {
        let last = match self.positions.get(&tenant) {
            Some(last) => *last,
            None => last_of(records, &layout::positions(tenant, Position(0), true))?,
        };
        Ok(Position(last.saturating_add(1)))
    }

    /// The next version of a tenant's state, which is not yet taken by asking.
    pub(super) fn next_revision(&mut self, records: &dyn Records, tenant: TenantId) -> Result<u64, StoreError> {
        let last = match self.revisions.get(&tenant) {
            Some(last) => *last,
            None => match records.get(&layout::revision(tenant))? {
                Some(bytes) => layout::last_number(&bytes).ok_or(StoreError::Corrupt { what: "revision" })?,
                None => 0,
            },
        };
        Ok(last.saturating_add(1))
    }

    /// Takes a place.
    pub(super) fn take(
        &mut self,
        tenant: TenantId,
        conversation: ConversationId,
        sequence: Sequence,
        position: Position,
    ) {
        self.sequences.insert((tenant, conversation), sequence.0);
        self.positions.insert(tenant, position.0);
    }

    /// Takes a place out of the usual order, beyond the last one.
    pub(super) fn raise(&mut self, tenant: TenantId, conversation: ConversationId, sequence: Sequence) {
        self.sequences.insert((tenant, conversation), sequence.0);
    }

    /// Takes a version.
    pub(super) fn take_revision(&mut self, tenant: TenantId, revision: u64) {
        self.revisions.insert(tenant, revision);
    }
}

fn whole(tenant: TenantId, conversation: ConversationId) -> KeyRange {
    layout::events(tenant, conversation, Sequence(0), Sequence(u64::MAX), true)
}

fn last_of(records: &dyn Records, range: &KeyRange) -> Result<u64, StoreError> {
    let last = records.range(range, &|_| false, 1)?;
    Ok(last.first().and_then(|(key, _)| layout::last_number(key)).unwrap_or(0))
}
