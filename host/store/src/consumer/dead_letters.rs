//! Dead letters: what a consumer gave up, for an operator to see and replay. Works while the consumer
//! itself is running.

use std::sync::Arc;

use warbler_domain::{Clock, Expect, Position, State, StateWrite, StoreError, TenantScope, Timestamp};

use super::records::{self, Names, ParkedRecord, Replay};

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which event, by its position in the tenant's log.
    pub position: Position,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// The dead letters of one consumer and tenant.
pub struct DeadLetters {
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    scope: TenantScope,
    names: Names,
}

impl DeadLetters {
    /// The dead letters of the consumer `name`.
    #[must_use]
    pub fn new(state: Arc<dyn State>, clock: Arc<dyn Clock>, scope: TenantScope, name: &str) -> Self {
        Self { state, clock, scope, names: Names::new(name) }
    }

    /// Those after `after`, in the order of the log, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, after: Option<Position>, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let after = after.map(|position| self.names.parked(position));
        let found = self.state.scan(&self.scope, &self.names.all_parked(), after.as_ref(), limit).await?;
        let parked = |(key, found): &(_, warbler_domain::Versioned)| {
            let ParkedRecord { attempts, at, reason } = records::read(&found.value)?;
            Ok(Parked { position: records::position(key)?, attempts, at, reason })
        };
        found.iter().map(parked).collect()
    }

    /// Has one delivered again, as if it had never failed. Success means that the consumer will get
    /// it; `false` that it is not parked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn replay(&self, position: Position) -> Result<bool, StoreError> {
        let key = self.names.parked(position);
        let Some(found) = self.state.get(&self.scope, &key).await? else { return Ok(false) };
        let delete = StateWrite { key, value: None, expect: Expect::Version(found.version) };
        let ask = StateWrite {
            key: self.names.replay(position),
            value: Some(records::write(&Replay { at: self.clock.now() })?),
            expect: Expect::Any,
        };
        match self.state.commit(&self.scope, vec![delete, ask]).await {
            // Someone else replayed it at the same time.
            Err(StoreError::Conflict { .. }) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Forgets one: it is never delivered again. `false` if it is not parked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn discard(&self, position: Position) -> Result<bool, StoreError> {
        let key = self.names.parked(position);
        let Some(found) = self.state.get(&self.scope, &key).await? else { return Ok(false) };
        let delete = StateWrite { key, value: None, expect: Expect::Version(found.version) };
        match self.state.commit(&self.scope, vec![delete]).await {
            // Someone else replayed or dropped it at the same time.
            Err(StoreError::Conflict { .. }) => Ok(false),
            other => other.map(|()| true),
        }
    }
}
