//! The second step of a send: into the log, or to the moderators.

use std::fmt;

use tokio::time::Instant;
use warbler_domain::{Append, Appended, Audience, Expect, Signal, StoreError, TenantScope};

use super::{HeldKey, Sent};
use crate::audit::NewEntry;
use crate::core::Core;
use crate::review::HeldRecord;
use crate::{ServiceError, records};

/// A message or an edit that is ready to be committed.
#[must_use = "nothing is sent before it is committed"]
pub struct Prepared(Step);

enum Step {
    Repeated(Sent),
    Append(TenantScope, Box<Append>),
    Hold(TenantScope, Held),
}

/// A message for the moderators, and the entry of the audit log that belongs to it.
pub(super) struct Held {
    pub(super) record: Box<HeldRecord>,
    pub(super) entry: Box<NewEntry>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies stay out of logs.
        f.write_str(match self.0 {
            Step::Repeated(_) => "Prepared(repeated)",
            Step::Append(..) => "Prepared(append)",
            Step::Hold(..) => "Prepared(hold)",
        })
    }
}

impl Prepared {
    pub(super) const fn repeated(sent: Sent) -> Self {
        Self(Step::Repeated(sent))
    }

    pub(super) fn append(scope: TenantScope, append: Append) -> Self {
        Self(Step::Append(scope, Box::new(append)))
    }

    pub(super) const fn held(scope: TenantScope, held: Held) -> Self {
        Self(Step::Hold(scope, held))
    }
}

#[tracing::instrument(level = "debug", name = "pipeline.commit", skip_all)]
pub(crate) async fn commit(core: &Core, prepared: Prepared) -> Result<Sent, ServiceError> {
    match prepared.0 {
        Step::Repeated(sent) => Ok(sent),
        Step::Append(scope, append) => commit_event(core, &scope, *append).await,
        Step::Hold(scope, held) => hold(core, &scope, held).await,
    }
}

async fn commit_event(core: &Core, scope: &TenantScope, append: Append) -> Result<Sent, ServiceError> {
    let begun = Instant::now();
    let is_discarded = append.event.audience != Audience::Members;
    let event = match core.ports.log.append(scope, append).await? {
        Appended::New(committed) => {
            let counter = if is_discarded { &core.meters.discarded } else { &core.meters.committed };
            counter.increment(1);
            core.meters.commit.record(begun.elapsed());
            committed.event
        }
        Appended::Repeated(event) => {
            core.meters.repeated.increment(1);
            event
        }
    };
    Ok(Sent::Committed(event))
}

/// Keeps a message for the moderators, under the sender's key, together with its audit entry.
async fn hold(core: &Core, scope: &TenantScope, held: Held) -> Result<Sent, ServiceError> {
    let Held { record, entry } = held;
    let (place, content) = (records::held_key(record.conversation, record.idempotency.key), record.idempotency.content);
    let writes = vec![
        records::put(place.clone(), &HeldKey { content, id: record.id, rejected: None }, Expect::Absent)?,
        records::put(records::held(record.id), &record, Expect::Absent)?,
    ];
    match core.audit.commit(scope, writes, *entry).await {
        Ok(_) => core.meters.held.increment(1),
        Err(StoreError::Conflict { .. }) => {
            // The same request, at the same time: what it became counts for both.
            let found = records::get::<HeldKey>(&*core.ports.state, scope, &place, "held key").await?;
            let (other, _) = found.ok_or(ServiceError::Conflict { what: "the held message was just decided" })?;
            let is_same = other.content == content;
            return if is_same {
                Ok(Sent::Held { id: other.id, key: record.key })
            } else {
                Err(ServiceError::KeyReused)
            };
        }
        Err(error) => return Err(error.into()),
    }
    let alert = Signal::Alert { code: "message-held".to_owned(), text: "a message waits for review".to_owned() };
    if let Err(error) = core.ports.feed.publish(scope, alert).await {
        tracing::warn!(%error, "moderators were not told of a held message");
    }
    Ok(Sent::Held { id: record.id, key: record.key })
}
