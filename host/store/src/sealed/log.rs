//! The message log: appends go through the committer, reads come straight from the records.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use warbler_domain::{
    Append, Appended, Committed, ConversationId, Event, EventLines, Idempotency, MessageLog, Placed, Position,
    Sequence, StateWrite, StoreError, TenantScope,
};

use crate::backend::Record;
use crate::codec::{self, Encoded, Names, Opener, Origins};
use crate::commit::{AppendRequest, Hub, PlaceRequest, PlacedDraft, Queue, Snapshot, View};
use crate::layout::{self, KeyRange, Kind, Pointer};
use crate::seal::{Keyring, TenantKey};

/// Groups of a tenant's log that are read at a time. One may name up to a thousand events, or a single one.
const GROUPS: usize = 16;

/// The message log.
pub(crate) struct SealedLog {
    pub(crate) queue: Arc<Queue>,
    pub(crate) view: Arc<View>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) names: Names,
    pub(crate) origins: Origins,
}

impl SealedLog {
    fn read(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let (key, records) = self.records(scope, range, limit)?;
        self.open(scope, &key, |opener| opener.events(conversation, &records))
    }

    /// Sealed events, and the key that opens them.
    fn records(
        &self,
        scope: &TenantScope,
        range: &KeyRange,
        limit: usize,
    ) -> Result<(Arc<TenantKey>, Vec<Record>), StoreError> {
        let key = self.keys.get(scope.tenant())?;
        let records = self.view.read(|snapshot| snapshot.range(range, limit))?;
        Ok((key, records))
    }

    /// Lends what opens the tenant's events.
    fn open<T>(&self, scope: &TenantScope, key: &TenantKey, work: impl FnOnce(&Opener<'_>) -> T) -> T {
        let read = |place: &[u8]| self.view.read(|snapshot| snapshot.get(place));
        work(&Opener { tenant: scope.tenant(), key, origins: &self.origins, read: &read })
    }
}

#[async_trait]
impl MessageLog for SealedLog {
    async fn append(&self, scope: &TenantScope, append: Append) -> Result<Appended, StoreError> {
        append.writes.iter().try_for_each(codec::check_write)?;
        let Append { mut event, idempotency, amend, writes } = append;
        let Encoded { draft, mut origins } = codec::encode_event(&mut event, &self.names)?;
        let amend = match amend {
            Some(mut amend) => {
                let encoded = codec::encode_event(&mut amend.event, &self.names)?;
                origins.extend(encoded.origins);
                Some((amend.sequence, encoded.draft))
            }
            None => None,
        };
        let tenant = scope.tenant();
        self.queue.append(AppendRequest { tenant, event, draft, origins, idempotency, amend, writes }).await
    }

    async fn find(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        idempotency: &Idempotency,
    ) -> Result<Option<Arc<Event>>, StoreError> {
        let tenant = scope.tenant();
        let key = self.keys.get(tenant)?;
        let place = layout::idempotency(tenant, conversation, &idempotency.key);
        let found = self.view.read(|snapshot| {
            let Some(entry) = snapshot.get(&place)? else { return Ok(None) };
            let sequence = codec::read_idempotency(&key, &place, idempotency, &entry)?;
            event_at(snapshot, scope, conversation, sequence).map(Some)
        })?;
        found.map(|record| self.open(scope, &key, |opener| open(opener, conversation, &record))).transpose()
    }

    async fn head(&self, scope: &TenantScope, conversation: ConversationId) -> Result<Sequence, StoreError> {
        self.keys.get(scope.tenant())?;
        let range = layout::events(scope.tenant(), conversation, Sequence(0), Sequence(u64::MAX), true);
        let last = self.view.read(|snapshot| snapshot.range(&range, 1))?;
        Ok(Sequence(last.first().and_then(|(key, _)| layout::last_number(key)).unwrap_or(0)))
    }

    async fn read_after(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let Some(range) = after_in(scope, conversation, after) else { return Ok(Vec::new()) };
        self.read(scope, conversation, &range, limit)
    }

    async fn read_lines(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<EventLines, StoreError> {
        let Some(range) = after_in(scope, conversation, after) else { return Ok(EventLines::default()) };
        let key = self.keys.get(scope.tenant())?;
        let sealed = self.view.read(|snapshot| snapshot.gather(&range, limit))?;
        self.open(scope, &key, |opener| opener.lines(conversation, sealed))
    }

    async fn read_before(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        let Some(last) = before.0.checked_sub(1) else { return Ok(Vec::new()) };
        let range = layout::events(scope.tenant(), conversation, Sequence(0), Sequence(last), true);
        self.read(scope, conversation, &range, limit)
    }

    async fn read_tenant(
        &self,
        scope: &TenantScope,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Committed>, StoreError> {
        let tenant = scope.tenant();
        let key = self.keys.get(tenant)?;
        let Some(first) = after.0.checked_add(1) else { return Ok(Vec::new()) };
        // Opened outside, since nothing is committed while the view is read.
        let found = self.view.read(|snapshot| {
            let pointers = pointers(snapshot, scope, first, limit)?;
            let at = |(position, conversation, sequence): Pointer| {
                Ok((position, conversation, event_at(snapshot, scope, conversation, sequence)?))
            };
            pointers.into_iter().map(at).collect::<Result<Vec<_>, StoreError>>()
        })?;
        self.open(scope, &key, |opener| {
            let committed = |(position, conversation, record): &(Position, ConversationId, _)| {
                let event = open(opener, *conversation, record)?;
                Ok(Committed { tenant, position: *position, event })
            };
            found.iter().map(committed).collect()
        })
    }

    async fn tenant_head(&self, scope: &TenantScope) -> Result<Position, StoreError> {
        self.keys.get(scope.tenant())?;
        let range = layout::positions(scope.tenant(), Position(0), true);
        let last = self.view.read(|snapshot| snapshot.range(&range, 1))?;
        Ok(Position(last.first().and_then(|(key, _)| layout::last_number(key)).unwrap_or(0)))
    }

    async fn place(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        placed: Vec<Placed>,
        writes: Vec<StateWrite>,
    ) -> Result<(), StoreError> {
        writes.iter().try_for_each(codec::check_write)?;
        let (mut drafts, mut origins) = (Vec::with_capacity(placed.len()), Vec::new());
        for Placed { mut event, over } in placed {
            let encoded = codec::encode_event(&mut event, &self.names)?;
            origins.extend(encoded.origins);
            drafts.push(PlacedDraft { sequence: event.sequence, draft: encoded.draft, over });
        }
        let tenant = scope.tenant();
        self.queue.place(PlaceRequest { tenant, conversation, placed: drafts, origins, writes }).await
    }

    fn follow(&self) -> BoxStream<'static, Arc<[Committed]>> {
        self.hub.follow()
    }
}

/// The places after `after`; none after the last one that there can be.
fn after_in(scope: &TenantScope, conversation: ConversationId, after: Sequence) -> Option<KeyRange> {
    let first = Sequence(after.0.checked_add(1)?);
    Some(layout::events(scope.tenant(), conversation, first, Sequence(u64::MAX), false))
}

/// Where the tenant's events from position `first` on stand, at most `limit`.
fn pointers(
    snapshot: &Snapshot<'_>,
    scope: &TenantScope,
    mut first: u64,
    limit: usize,
) -> Result<Vec<Pointer>, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "position" };
    let mut found = Vec::new();
    while found.len() < limit {
        let groups = snapshot.range(&layout::positions(scope.tenant(), Position(first), false), GROUPS)?;
        if groups.is_empty() {
            break;
        }
        for (raw, record) in groups {
            let last = layout::last_number(&raw).ok_or_else(corrupt)?;
            let pointers = layout::read_pointers(last, &record).ok_or_else(corrupt)?;
            found.extend(pointers.into_iter().filter(|(position, ..)| position.0 >= first));
            first = last.checked_add(1).ok_or_else(corrupt)?;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// The record of the event at a place that is known to be taken.
fn event_at(
    snapshot: &Snapshot<'_>,
    scope: &TenantScope,
    conversation: ConversationId,
    sequence: Sequence,
) -> Result<Record, StoreError> {
    let place = layout::event(scope.tenant(), conversation, sequence);
    let sealed = snapshot.get(&place)?.ok_or(StoreError::Corrupt { what: "event" })?;
    Ok((place, sealed))
}

fn open(opener: &Opener<'_>, conversation: ConversationId, (place, sealed): &Record) -> Result<Arc<Event>, StoreError> {
    let subkey = opener.key.subkey(Kind::Event, conversation.as_bytes())?;
    opener.event(&subkey, place, conversation, sealed)
}
