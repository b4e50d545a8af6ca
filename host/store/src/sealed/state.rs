//! State: writes go through the committer, reads come straight from the records.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use warbler_domain::{State, StateChange, StateKey, StateWrite, StoreError, TenantScope, Versioned};

use crate::codec;
use crate::commit::{Hub, Queue, View};
use crate::layout::{self, Kind};
use crate::seal::Keyring;

/// Bytes of a keyed digest that go into a key: enough that two names never meet.
const BLINDED: usize = 16;

/// State.
pub(crate) struct SealedState {
    pub(crate) queue: Arc<Queue>,
    pub(crate) view: Arc<View>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) keys: Arc<Keyring>,
}

#[async_trait]
impl State for SealedState {
    async fn get(&self, scope: &TenantScope, key: &StateKey) -> Result<Option<Versioned>, StoreError> {
        let tenant_key = self.keys.get(scope.tenant())?;
        let place = layout::state(scope.tenant(), key);
        let Some(record) = self.view.read(|snapshot| snapshot.get(&place))? else { return Ok(None) };
        let subkey = tenant_key.subkey(Kind::State, key.family().as_bytes())?;
        codec::open_state(&subkey, &place, &record).map(Some)
    }

    async fn commit(&self, scope: &TenantScope, writes: Vec<StateWrite>) -> Result<(), StoreError> {
        writes.iter().try_for_each(codec::check_write)?;
        self.queue.commit(scope.tenant(), writes).await
    }

    async fn scan(
        &self,
        scope: &TenantScope,
        prefix: &StateKey,
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, Versioned)>, StoreError> {
        let tenant = scope.tenant();
        let subkey = self.keys.get(tenant)?.subkey(Kind::State, prefix.family().as_bytes())?;
        let own = layout::state(tenant, prefix);
        // The prefix itself sorts before everything below it, and is below itself if it ends in a slash.
        let with_own = limit > 0 && !prefix.as_str().ends_with('/') && after.is_none_or(|after| after < prefix);
        let below = layout::state_below(tenant, prefix, after);
        let records = self.view.read(|snapshot| {
            let mut records = Vec::new();
            if with_own && let Some(value) = snapshot.get(&own)? {
                records.push((own, value));
            }
            let left = limit.saturating_sub(records.len());
            records.extend(snapshot.range(&below, left)?);
            Ok(records)
        })?;
        let open = |(raw, record): &crate::backend::Record| {
            let key = layout::state_key(raw).ok_or(StoreError::Corrupt { what: "state key" })?;
            Ok((key, codec::open_state(&subkey, raw, record)?))
        };
        records.iter().map(open).collect()
    }

    fn watch(&self, prefix: &StateKey) -> BoxStream<'static, StateChange> {
        self.hub.watch(prefix)
    }

    fn blind(&self, scope: &TenantScope, family: &'static str, value: &[u8]) -> Result<String, StoreError> {
        let digest = self.keys.get(scope.tenant())?.blind(family, value)?;
        Ok(hex(digest.iter().take(BLINDED)))
    }
}

/// Hexadecimal digits.
pub(super) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
