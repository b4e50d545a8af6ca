//! Asking the filters, and what their judgement leads to. Messages and edits go the same way.

use tokio::time::Instant;
use warbler_domain::{Body, Caution, MessageId, Party, Reason, Receipt, Submission, Timestamp, UserId, Verdict};

use super::prepare::Addition;
use crate::audit::{Judged, NewEntry};
use crate::conversations::Room;
use crate::core::Core;
use crate::{Caller, ServiceError};

/// What is to be judged.
pub(super) struct Case {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    pub(super) body: Body,
    pub(super) reply_to: Option<MessageId>,
    pub(super) mentions: Vec<UserId>,
    pub(super) edit: bool,
}

/// What the filters leave of it.
pub(super) struct Outcome {
    pub(super) fate: Fate,
    /// The content as it goes to those who may see it.
    pub(super) body: Body,
    /// The content as it came, if a filter rewrote it.
    pub(super) original: Option<Body>,
    pub(super) caution: Option<Caution>,
    pub(super) receipts: Vec<Receipt>,
}

impl Outcome {
    /// What the host found stands beside what the filters found; a filter's warning comes first.
    pub(super) fn add(&mut self, addition: Addition) {
        self.caution = self.caution.take().or(addition.caution);
        self.receipts.extend(addition.receipts);
    }
}

/// Where it goes.
pub(super) enum Fate {
    /// To everyone in the conversation.
    Deliver,
    /// To its sender alone, who must not notice.
    Discard,
    /// To the moderators, with the entry of the audit log that belongs to it.
    Hold { reason: Reason, entry: Box<NewEntry> },
}

/// Asks the filters. What is not a plain pass is recorded before anyone learns of it; a held message's
/// entry is left to whoever keeps the message.
#[tracing::instrument(level = "debug", name = "pipeline.judge", skip_all, fields(message = %case.id))]
pub(super) async fn judge(core: &Core, caller: &Caller, room: &Room, case: Case) -> Result<Outcome, ServiceError> {
    let judged =
        Judged { message: case.id, conversation: room.conversation.id, sender: caller.user(), edit: case.edit };
    let begun = Instant::now();
    let judgement = core.filters.judge(caller.scope(), submission(caller, room, case)).await;
    core.meters.filter.record(begun.elapsed());
    let mut entry = NewEntry::decision(&judged, &judgement);
    let mut outcome = Outcome {
        fate: Fate::Deliver,
        body: judgement.body,
        original: judgement.original,
        caution: judgement.merged.caution,
        receipts: judgement.receipts,
    };
    match judgement.merged.verdict {
        Verdict::Pass | Verdict::Flag | Verdict::Warn { .. } | Verdict::Rewrite { .. } => {}
        Verdict::Hold { reason } => {
            // A hold is never a plain pass, so that there is an entry.
            let entry = entry.take().ok_or(ServiceError::Internal { what: "a held message has no audit entry" })?;
            outcome.fate = Fate::Hold { reason, entry: Box::new(entry) };
        }
        Verdict::Discard { .. } => {
            // Its sender must see just what they wrote.
            outcome.fate = Fate::Discard;
            outcome.caution = None;
            if let Some(original) = outcome.original.take() {
                outcome.body = original;
            }
        }
        Verdict::Reject { reason, can_edit } => {
            record(core, caller, entry).await?;
            core.meters.rejected.increment(1);
            return Err(ServiceError::MessageRejected { reason, can_edit });
        }
    }
    record(core, caller, entry).await?;
    Ok(outcome)
}

fn submission(caller: &Caller, room: &Room, case: Case) -> Submission {
    let profile = caller.profile();
    Submission {
        id: case.id,
        conversation: room.conversation.id,
        kind: room.conversation.kind,
        sequence: None,
        sender: Party { id: profile.id, name: profile.name.clone(), role: profile.role },
        sent_at: case.at,
        body: case.body,
        reply_to: case.reply_to,
        mentions: case.mentions,
        edit: case.edit,
    }
}

async fn record(core: &Core, caller: &Caller, entry: Option<NewEntry>) -> Result<(), ServiceError> {
    if let Some(entry) = entry {
        core.audit.record(caller.scope(), entry).await?;
    }
    Ok(())
}
