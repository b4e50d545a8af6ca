//! Dead letters as an operator sees them: what durable consumers gave up, to be replayed or dropped.

use std::fmt;
use std::sync::Arc;

use warbler_domain::{Position, TenantId, TenantScope, Timestamp};
use warbler_store::DeadLetters;

use super::Consumers;
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::{OperatorCaller, ServiceError};

/// Most letters of one page.
const PAGE: usize = 200;

/// An event that a consumer gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose event.
    pub tenant: TenantId,
    /// Which consumer.
    pub consumer: &'static str,
    /// Which event, by its position in the tenant's log.
    pub position: Position,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Which letters to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Of this consumer alone.
    pub consumer: Option<String>,
    /// Only those after this position. Only together with a consumer.
    pub after: Option<Position>,
    /// At most so many of each consumer, 1 to 200.
    pub limit: usize,
}

/// The dead letters of all tenants, for the operator.
#[derive(Clone)]
pub struct Letters {
    core: Arc<Core>,
    consumers: Consumers,
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letters")
    }
}

impl Letters {
    pub(crate) const fn new(core: Arc<Core>, consumers: Consumers) -> Self {
        Self { core, consumers }
    }

    /// What was given up, by consumer, in the order of the log.
    ///
    /// # Errors
    /// `NotFound` if there is no such tenant or consumer, `Invalid`, or the store failed.
    pub async fn list(&self, _operator: &OperatorCaller, query: &LetterQuery) -> Result<Vec<DeadLetter>, ServiceError> {
        if query.after.is_some() && query.consumer.is_none() {
            return Err(ServiceError::invalid("after", "needs a consumer beside it"));
        }
        let scope = self.scope(query.tenant)?;
        let names = match &query.consumer {
            Some(name) => vec![self.name(name)?],
            None => self.consumers.names(),
        };
        let mut all = Vec::new();
        for consumer in names {
            let letters = self.letters(scope, consumer).list(query.after, query.limit.clamp(1, PAGE)).await?;
            all.extend(letters.into_iter().map(|parked| DeadLetter {
                tenant: query.tenant,
                consumer,
                position: parked.position,
                attempts: parked.attempts,
                at: parked.at,
                reason: parked.reason,
            }));
        }
        Ok(all)
    }

    /// Has one delivered again, as if it had never failed.
    ///
    /// # Errors
    /// `NotFound`, or the store failed.
    pub async fn replay(
        &self,
        operator: &OperatorCaller,
        tenant: TenantId,
        consumer: &str,
        position: Position,
    ) -> Result<(), ServiceError> {
        let letters = self.letters(self.scope(tenant)?, self.name(consumer)?);
        if !letters.replay(position).await? {
            return Err(ABSENT);
        }
        self.record(operator, "dead-letter.replay", tenant, consumer, position).await
    }

    /// Forgets one: its work is never done.
    ///
    /// # Errors
    /// `NotFound`, or the store failed.
    pub async fn discard(
        &self,
        operator: &OperatorCaller,
        tenant: TenantId,
        consumer: &str,
        position: Position,
    ) -> Result<(), ServiceError> {
        let letters = self.letters(self.scope(tenant)?, self.name(consumer)?);
        if !letters.discard(position).await? {
            return Err(ABSENT);
        }
        self.record(operator, "dead-letter.discard", tenant, consumer, position).await
    }

    fn letters(&self, scope: TenantScope, consumer: &str) -> DeadLetters {
        DeadLetters::new(Arc::clone(&self.core.ports.state), Arc::clone(&self.core.ports.clock), scope, consumer)
    }

    fn scope(&self, tenant: TenantId) -> Result<TenantScope, ServiceError> {
        self.core.tenants.get(tenant).ok_or(ServiceError::NotFound { what: "tenant" })?;
        Ok(TenantScope::own_work(tenant))
    }

    fn name(&self, consumer: &str) -> Result<&'static str, ServiceError> {
        let known = self.consumers.names().into_iter().find(|name| *name == consumer);
        known.ok_or(ServiceError::NotFound { what: "consumer" })
    }

    async fn record(
        &self,
        operator: &OperatorCaller,
        action: &str,
        tenant: TenantId,
        consumer: &str,
        position: Position,
    ) -> Result<(), ServiceError> {
        let entry = NewEntry::new(Actor::Operator, action).subject("tenant", &tenant);
        let entry = entry.detail("consumer", consumer).detail("position", position.0);
        self.core.audit.record(operator.scope(), entry).await?;
        Ok(())
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "dead letter" };
