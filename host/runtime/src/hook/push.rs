//! Push providers: a batch on its way into a guest, and what it said of each notification.

use std::time::Duration;

use async_trait::async_trait;
use warbler_domain::{HookError, HookKind, Notification, PushOutcome, PushProvider, Refusal, Urgency};
use wasmtime::Store;

use super::bindings::exports::warbler::plugin::push as wit;
use super::bindings::warbler::plugin::types::Failure;
use super::call::{Job, LONGEST_WAIT};
use super::table::Guests;
use crate::installation::Installation;
use crate::log_gate::tidy;
use crate::state::GuestState;

/// Most notifications in a batch, as the contract says.
const BATCH: usize = 100;
/// Greatest length of a provider's identifier, in bytes; those that are known are names of about 100.
const IDENTIFIER: usize = 512;

#[async_trait]
impl PushProvider for Installation {
    async fn deliver(&self, batch: &[Notification]) -> Result<Vec<PushOutcome>, HookError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        if batch.len() > BATCH {
            let text = format!("a batch of {} notifications, where {BATCH} are the most", batch.len());
            return Err(Refusal::Unsupported { text }.into());
        }
        self.serve(Deliver(batch.iter().map(notification).collect())).await
    }
}

struct Deliver(Vec<wit::Notification>);

impl Job for Deliver {
    const HOOK: HookKind = HookKind::Push;
    /// A batch as one request of JSON, several times over.
    const HOST_CALL_BYTES: usize = 2 << 20;
    type Raw = Vec<wit::Outcome>;
    type Answer = Vec<PushOutcome>;

    fn name(&self) -> &'static str {
        "push.deliver"
    }

    async fn run(
        &self,
        guests: &Guests,
        store: &mut Store<GuestState>,
    ) -> wasmtime::Result<Result<Self::Raw, Failure>> {
        guests.push()?.call_deliver(store, &self.0).await
    }

    fn read(&self, outcomes: Vec<wit::Outcome>) -> Result<Vec<PushOutcome>, String> {
        if outcomes.len() != self.0.len() {
            return Err(format!("it has {} outcomes for {} notifications", outcomes.len(), self.0.len()));
        }
        Ok(outcomes.into_iter().map(outcome).collect())
    }
}

fn notification(of: &Notification) -> wit::Notification {
    let target = &of.target;
    wit::Notification {
        id: of.id.clone(),
        endpoint: wit::Endpoint {
            id: target.id.clone(),
            kind: target.kind.clone(),
            address: target.address.clone(),
            locale: target.locale.clone(),
        },
        title: of.title.clone(),
        body: of.body.clone(),
        conversation: of.conversation.clone(),
        collapse_key: of.collapse_key.clone(),
        badge: of.badge,
        urgency: match of.urgency {
            Urgency::Low => wit::Urgency::Low,
            Urgency::Normal => wit::Urgency::Normal,
            Urgency::High => wit::Urgency::High,
        },
        expires_at: of.expires_at.as_millis(),
        secret: of.secret,
    }
}

/// Long words are cut rather than refused: the other notifications of the batch would come again for them.
fn outcome(outcome: wit::Outcome) -> PushOutcome {
    match outcome {
        wit::Outcome::Accepted(identifier) => PushOutcome::Accepted(identifier.filter(|id| id.len() <= IDENTIFIER)),
        wit::Outcome::Retry(ms) => PushOutcome::Retry(Duration::from_millis(ms).min(LONGEST_WAIT)),
        wit::Outcome::Gone => PushOutcome::Gone,
        wit::Outcome::Rejected(words) => PushOutcome::Rejected(tidy(&words)),
    }
}
