//! Decides each request in its turn: whether it repeats or conflicts, which places and versions it
//! gets, and what it changes. Nothing joins the group unless all of the request can.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{
    Appended, Committed, Expect, Idempotency, Position, Sequence, StateChange, StateKey, StateWrite, StoreError,
    TenantId, Versioned,
};

use super::group::{Group, Step};
use super::heads::Heads;
use super::queue::{AppendRequest, PlaceRequest};
use crate::backend::Records;
use crate::codec::{self, Named, Opener, Origins};
use crate::layout::{self, Kind};
use crate::seal::{Draft, Keyring, TenantKey};

/// Records that one request to purge deletes at most, so that others need not wait long.
const PURGED_AT_ONCE: usize = 1024;

/// What deciding needs.
pub(super) struct Decider {
    pub(super) records: Arc<dyn Records>,
    pub(super) keys: Arc<Keyring>,
    pub(super) heads: Heads,
}

/// The state writes of one request, ready to join the group.
#[derive(Default)]
struct Staged {
    steps: Vec<Step>,
    news: Vec<StateChange>,
    revision: u64,
}

impl Decider {
    /// Decides an append.
    pub(super) fn append(&mut self, group: &mut Group, append: AppendRequest) -> Result<Appended, StoreError> {
        let AppendRequest { tenant, mut event, draft, origins, idempotency, amend, writes } = append;
        let conversation = event.conversation;
        let key = self.keys.get(tenant)?;
        if let Some(asked) = &idempotency
            && let Some(sequence) = self.repeated(group, tenant, &key, &event.conversation, asked)?
        {
            let place = layout::event(tenant, conversation, sequence);
            let sealed = group.get(&*self.records, &place)?.ok_or(StoreError::Corrupt { what: "event" })?;
            let read = |place: &[u8]| group.get(&*self.records, place);
            let opener = Opener { tenant, key: &key, origins: &Origins::default(), read: &read };
            let subkey = key.subkey(Kind::Event, conversation.as_bytes())?;
            return Ok(Appended::Repeated(opener.event(&subkey, &place, conversation, &sealed)?));
        }
        let staged = self.stage(group, tenant, &key, writes)?;
        let sequence = self.heads.next_sequence(&*self.records, tenant, conversation)?;
        let position = self.heads.next_position(&*self.records, tenant)?;
        let subkey = key.subkey(Kind::Event, conversation.as_bytes())?;
        let mut steps = Vec::with_capacity(3);
        if let Some((place, draft)) = amend {
            let key = layout::event(tenant, conversation, place);
            let before = group.get(&*self.records, &key)?.ok_or(StoreError::Missing { what: "event to amend" })?;
            let value = subkey.seal(&key, 0, draft)?;
            steps.push(Step { key, value: Some(value), before: Some(before) });
        }
        let place = layout::event(tenant, conversation, sequence);
        let value = subkey.seal(&place, 0, draft)?;
        steps.push(Step { key: place, value: Some(value), before: None });
        if let Some(asked) = &idempotency {
            let place = layout::idempotency(tenant, conversation, &asked.key);
            let entry = codec::idempotency_entry(&key, &place, asked, sequence)?;
            steps.push(Step { key: place, value: Some(Bytes::copy_from_slice(&entry)), before: None });
        }
        steps.extend(self.origins(group, tenant, &key, &origins)?);
        group.take(steps);
        self.join(group, tenant, staged);
        self.heads.know(tenant, origins.iter().map(|named| named.id));
        self.heads.take(tenant, conversation, sequence, position);
        event.sequence = sequence;
        let committed = Committed { tenant, position, event: Arc::new(event) };
        group.committed.push(committed.clone());
        Ok(Appended::New(committed))
    }

    /// Decides events that go to places of their own.
    pub(super) fn place(&mut self, group: &mut Group, place: PlaceRequest) -> Result<(), StoreError> {
        let PlaceRequest { tenant, conversation, placed, origins, writes } = place;
        let key = self.keys.get(tenant)?;
        let staged = self.stage(group, tenant, &key, writes)?;
        let subkey = key.subkey(Kind::Event, conversation.as_bytes())?;
        let next = self.heads.next_sequence(&*self.records, tenant, conversation)?;
        let last = placed.iter().map(|placed| placed.sequence).max().unwrap_or_default();
        let mut steps = Vec::with_capacity(placed.len());
        for placed in placed {
            let key = layout::event(tenant, conversation, placed.sequence);
            let before = group.get(&*self.records, &key)?;
            match (&before, placed.over) {
                (None, true) => return Err(StoreError::Missing { what: "event to take the place of" }),
                (Some(_), false) => {
                    let key = StateKey::new("event", &[&conversation, &placed.sequence]);
                    return Err(StoreError::Conflict { key });
                }
                _ => {}
            }
            let value = subkey.seal(&key, 0, placed.draft)?;
            steps.push(Step { key, value: Some(value), before });
        }
        steps.extend(self.origins(group, tenant, &key, &origins)?);
        group.take(steps);
        self.join(group, tenant, staged);
        self.heads.know(tenant, origins.iter().map(|named| named.id));
        if last >= next {
            self.heads.raise(tenant, conversation, last);
        }
        Ok(())
    }

    /// Decides writes to state alone.
    pub(super) fn commit(
        &mut self,
        group: &mut Group,
        tenant: TenantId,
        writes: Vec<StateWrite>,
    ) -> Result<(), StoreError> {
        let key = self.keys.get(tenant)?;
        let staged = self.stage(group, tenant, &key, writes)?;
        self.join(group, tenant, staged);
        Ok(())
    }

    /// Names the group's events in their tenants' logs, once all are decided.
    pub(super) fn finish(group: &mut Group) {
        let mut logs: HashMap<TenantId, (Position, Vec<u8>)> = HashMap::new();
        for Committed { tenant, position, event } in &group.committed {
            let (last, pointers) = logs.entry(*tenant).or_default();
            *last = *position;
            layout::push_pointer(pointers, event.conversation, event.sequence);
        }
        for (tenant, (last, pointers)) in logs {
            if !group.purged.contains(&tenant) {
                let key = layout::position(tenant, last);
                group.take([Step { key, value: Some(Bytes::from(pointers)), before: None }]);
            }
        }
    }

    /// Deletes some records of a tenant; whether there may be more.
    pub(super) fn purge(&mut self, group: &mut Group, tenant: TenantId) -> Result<bool, StoreError> {
        let mut left = PURGED_AT_ONCE;
        for kind in Kind::RECORDS {
            let range = layout::all_of(kind, tenant);
            // What this group wrote for the tenant before its key was destroyed goes too.
            for (_, change) in group.changes.range_mut(range.from.clone()..range.to.clone()) {
                change.value = None;
            }
            let found = self.records.range(&range, &|key| group.changes.contains_key(key), left)?;
            left -= found.len();
            group.take(found.into_iter().map(|(key, before)| Step { key, value: None, before: Some(before) }));
        }
        group.purged.push(tenant);
        self.heads.forget(tenant);
        Ok(left == 0)
    }

    /// The records of origins that the tenant does not have yet.
    fn origins(
        &self,
        group: &Group,
        tenant: TenantId,
        key: &TenantKey,
        origins: &[Arc<Named>],
    ) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::new();
        for named in origins.iter().filter(|named| !self.heads.knows(tenant, named.id)) {
            let place = layout::origin(tenant, named.id);
            if group.get(&*self.records, &place)?.is_none() {
                let value = codec::origin_subkey(key)?.seal(&place, 0, named.origin.draft()?)?;
                steps.push(Step { key: place, value: Some(value), before: None });
            }
        }
        Ok(steps)
    }

    /// The place of what was committed under this idempotency key, if anything was.
    fn repeated(
        &self,
        group: &Group,
        tenant: TenantId,
        key: &TenantKey,
        conversation: &warbler_domain::ConversationId,
        asked: &Idempotency,
    ) -> Result<Option<Sequence>, StoreError> {
        let place = layout::idempotency(tenant, *conversation, &asked.key);
        let Some(entry) = group.get(&*self.records, &place)? else { return Ok(None) };
        codec::read_idempotency(key, &place, asked, &entry).map(Some)
    }

    /// Checks what writes expect and prepares them.
    fn stage(
        &mut self,
        group: &Group,
        tenant: TenantId,
        tenant_key: &TenantKey,
        writes: Vec<StateWrite>,
    ) -> Result<Staged, StoreError> {
        if writes.is_empty() {
            return Ok(Staged::default());
        }
        let first = self.heads.next_revision(&*self.records, tenant)?;
        let mut staged = Staged { revision: first.saturating_sub(1), ..Staged::default() };
        for write in writes {
            let place = layout::state(tenant, &write.key);
            let own = staged.steps.iter().rev().find(|step| step.key == place);
            let present = match own {
                Some(step) => step.value.clone(),
                None => group.get(&*self.records, &place)?,
            };
            let version = present.as_deref().map(codec::state_version).transpose()?;
            let met = match write.expect {
                Expect::Any => true,
                Expect::Absent => version.is_none(),
                Expect::Version(expected) => version == Some(expected),
            };
            if !met {
                return Err(StoreError::Conflict { key: write.key });
            }
            if write.value.is_none() && present.is_none() {
                continue;
            }
            staged.revision += 1;
            let version = staged.revision;
            let value = match &write.value {
                Some(value) => {
                    let subkey = tenant_key.subkey(Kind::State, write.key.family().as_bytes())?;
                    Some(codec::seal_state(&subkey, &place, version, Draft::of(value))?)
                }
                None => None,
            };
            staged.steps.push(Step { key: place, value, before: present });
            let value = write.value.map(|value| Versioned { value, version });
            staged.news.push(StateChange { tenant, key: write.key, value });
        }
        Ok(staged)
    }

    /// Lets staged writes join the group.
    fn join(&mut self, group: &mut Group, tenant: TenantId, staged: Staged) {
        if staged.steps.is_empty() {
            return;
        }
        group.writes += staged.steps.len();
        group.news.extend(staged.news);
        group.take(staged.steps);
        let value = Bytes::copy_from_slice(&staged.revision.to_be_bytes());
        // Nobody but the committer reads it, so what stood there before needs no hiding.
        group.take([Step { key: layout::revision(tenant), value: Some(value), before: None }]);
        self.heads.take_revision(tenant, staged.revision);
    }
}
