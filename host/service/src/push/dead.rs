//! Dead letters: notifications that were given up, for the tenant's admins to see and to send again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warbler_domain::{
    ConversationId, EndpointId, Expect, MessageId, State, StateKey, StateWrite, TenantScope, Timestamp, UserId,
};

use super::job::Job;
use crate::{ServiceError, records};

/// The family of the records.
const FAMILY: &str = "push-dead";

/// A notification that was given up, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DeadRecord {
    pub(super) job: Job,
    pub(super) at: Timestamp,
    pub(super) reason: String,
}

/// A notification that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadNotification {
    /// What it is known by in this list.
    pub id: Uuid,
    /// The message.
    pub message: MessageId,
    /// Where it was posted.
    pub conversation: ConversationId,
    /// Whom it was for.
    pub user: UserId,
    /// Which device.
    pub endpoint: EndpointId,
    /// The device's kind.
    pub kind: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

pub(super) fn key(id: Uuid) -> StateKey {
    StateKey::new(FAMILY, &[&id])
}

pub(super) fn write(id: Uuid, job: &Job, at: Timestamp, reason: &str) -> Result<StateWrite, ServiceError> {
    records::put(key(id), &DeadRecord { job: job.clone(), at, reason: reason.to_owned() }, Expect::Any)
}

/// Those after `after`, the oldest first, at most `limit`.
pub(super) async fn list(
    state: &dyn State,
    scope: &TenantScope,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<DeadNotification>, ServiceError> {
    let after = after.map(key);
    let found = state.scan(scope, &records::under(FAMILY, &[]), after.as_ref(), limit).await?;
    let mut list = Vec::with_capacity(found.len());
    for (key, kept) in found {
        let DeadRecord { job, at, reason } = records::decode(&kept, "dead letter")?;
        let Ok(id) = key.last().parse() else { continue };
        list.push(DeadNotification {
            id,
            message: job.message,
            conversation: job.conversation,
            user: job.user,
            endpoint: job.endpoint,
            kind: job.kind,
            attempts: job.attempt,
            at,
            reason,
        });
    }
    Ok(list)
}

/// How many there are.
pub(super) async fn count(state: &dyn State, scope: &TenantScope) -> Result<usize, ServiceError> {
    Ok(records::scan_all(state, scope, &records::under(FAMILY, &[]), usize::MAX).await?.len())
}

/// Forgets those from before `horizon`, and of more than `most` the oldest.
pub(super) async fn sweep(
    state: &dyn State,
    scope: &TenantScope,
    horizon: Timestamp,
    most: usize,
) -> Result<(), ServiceError> {
    let found = records::scan_all(state, scope, &records::under(FAMILY, &[]), usize::MAX).await?;
    let over = found.len().saturating_sub(most);
    let mut due = Vec::new();
    for (at, (key, kept)) in found.into_iter().enumerate() {
        let record: DeadRecord = records::decode(&kept, "dead letter")?;
        if at < over || record.at < horizon {
            due.push(records::delete(key, Expect::Any));
        }
    }
    for chunk in due.chunks(records::SCAN) {
        state.commit(scope, chunk.to_vec()).await?;
    }
    Ok(())
}
