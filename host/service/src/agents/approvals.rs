//! Asking a person before a tool is called: a message in the conversation, and the answer of a member.
//!
//! An approval belongs to one reply, tool and set of arguments, so that a reply which is written again after a
//! crash finds the answer that was given, and nobody is asked twice. When it is answered, or can be answered no
//! more, the message that asks is edited, so that everybody sees by whom and when, and nobody is asked in vain.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use uuid::Uuid;
use warbler_domain::{
    ConversationId, Expect, MessageId, Right, StateKey, StoreError, TenantId, TenantScope, Timestamp, UserId,
};

use super::reply::{Reply, message_id};
use super::{Agents, Inner};
use crate::audit::{Actor, NewEntry};
use crate::messages::{self, Addition};
use crate::{Caller, Edit, Messages, NewBody, Send, Sent, ServiceError, records};

/// The kind of the message that asks.
pub(super) const APPROVAL: &str = "tool-approval";

/// The longest arguments that are shown to the person who is asked, in bytes.
const ARGUMENTS: usize = 4_096;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Nobody has answered.
    Waiting,
    /// A person said yes.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, or while the reply was being written.
    Expired,
}

/// A question to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its identifier.
    pub id: Uuid,
    /// Which agent asks.
    pub agent: UserId,
    /// The message that asks, which shows what became of it.
    pub message: MessageId,
    /// The reply that waits for the answer.
    pub reply: MessageId,
    /// Which tool it wants to call, by its full name.
    pub tool: String,
    /// With which arguments: JSON, cut if they are long.
    pub arguments: String,
    /// What became of it.
    pub state: ApprovalState,
    /// Who answered.
    pub by: Option<UserId>,
    /// When it was answered, or given up.
    #[serde(default)]
    pub decided_at: Option<Timestamp>,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// Replies that wait for an answer on this node.
#[derive(Default)]
pub(super) struct Approvals {
    waiting: Mutex<HashMap<(TenantId, Uuid), watch::Sender<ApprovalState>>>,
}

fn key(conversation: ConversationId, id: Uuid) -> StateKey {
    StateKey::new("approval", &[&conversation, &id])
}

impl Reply {
    /// Asks the people in the conversation whether a tool may be called.
    pub(super) async fn ask(&self, tool: &str, arguments: &str) -> Result<(), String> {
        match self.try_ask(tool, arguments).await {
            Ok(ApprovalState::Approved) => Ok(()),
            Ok(ApprovalState::Denied) => Err("a person denied the call".to_owned()),
            Ok(ApprovalState::Waiting | ApprovalState::Expired) => Err("nobody approved the call in time".to_owned()),
            Err(error) => {
                tracing::warn!(%error, "an approval could not be asked for");
                Err("nobody could be asked to approve the call".to_owned())
            }
        }
    }

    async fn try_ask(&self, tool: &str, arguments: &str) -> Result<ApprovalState, ServiceError> {
        let (core, conversation) = (&*self.inner.core, self.trigger.conversation);
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.id.as_bytes())
            .chain_update(self.next_call().to_le_bytes())
            .chain_update(tool.as_bytes())
            .chain_update([0])
            .chain_update(arguments.as_bytes())
            .finalize()
            .into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.split_at(16).0);
        // RFC 9562, 5.8: a UUID whose bits are the maker's own.
        let id = uuid::Builder::from_custom_bytes(id).into_uuid();
        let state = &*core.ports.state;
        self.asked.lock().push(id);
        let found = records::get::<Approval>(state, &self.scope, &key(conversation, id), "approval").await?;
        let approval = match found {
            Some((approval, _)) if approval.state != ApprovalState::Waiting => {
                // The host may have been stopped before people were shown.
                show(&self.inner, &self.scope, conversation, &approval).await;
                return Ok(approval.state);
            }
            Some((approval, _)) => approval,
            None => {
                let patience = Duration::from_secs(self.agent.settings.approval_seconds);
                let approval = Approval {
                    id,
                    agent: self.agent.user,
                    message: message_id(self.trigger.id, id.as_bytes()),
                    reply: self.id,
                    tool: tool.to_owned(),
                    arguments: arguments.get(..arguments.floor_char_boundary(ARGUMENTS)).unwrap_or_default().to_owned(),
                    state: ApprovalState::Waiting,
                    by: None,
                    decided_at: None,
                    expires_at: core.now().after(patience),
                };
                let write = records::put(key(conversation, id), &approval, Expect::Absent)?;
                state.commit(&self.scope, vec![write]).await?;
                approval
            }
        };
        let mut answer = self.inner.approvals.wait(self.scope.tenant(), id);
        let _tidy = Tidy { approvals: &self.inner.approvals, key: (self.scope.tenant(), id) };
        self.post(&approval).await?;
        let left = approval.expires_at.since(core.now());
        let answered = async { answer.wait_for(|state| *state != ApprovalState::Waiting).await.map(|state| *state) };
        if let Ok(Ok(state)) = tokio::time::timeout(left, answered).await {
            return Ok(state);
        }
        decide(&self.inner, &self.caller, conversation, id, None).await.map(|approval| approval.state)
    }

    /// The message that asks. It passes the filters, since arguments are a model's words.
    async fn post(&self, approval: &Approval) -> Result<(), ServiceError> {
        let core = &*self.inner.core;
        let send = Send {
            conversation: self.trigger.conversation,
            key: format!("approval-{}", approval.id),
            body: body(approval)?,
            reply_to: None,
            mentions: Vec::new(),
        };
        let addition = Addition { id: Some(approval.message), ..Addition::default() };
        let prepared = messages::prepare_with(core, &self.caller, send, addition).await?;
        match messages::commit(core, prepared).await? {
            Sent::Committed(_) => Ok(()),
            Sent::Held { .. } => Err(ServiceError::Conflict { what: "the question is held for review" }),
        }
    }

    /// Nobody waits for an answer any more: what was asked and not answered is over.
    pub(super) async fn stop_asking(&self) -> Result<(), ServiceError> {
        let mut asked = std::mem::take(&mut *self.asked.lock());
        if self.is_again.load(Ordering::Relaxed) {
            // What was asked before the host was stopped, and not again since.
            let (state, prefix) =
                (&*self.inner.core.ports.state, records::under("approval", &[&self.trigger.conversation]));
            for (_, kept) in records::scan_all(state, &self.scope, &prefix, usize::MAX).await? {
                let approval = records::decode::<Approval>(&kept, "approval")?;
                asked.extend((approval.reply == self.id).then_some(approval.id));
            }
        }
        for id in asked {
            match decide(&self.inner, &self.caller, self.trigger.conversation, id, None).await {
                Ok(_) | Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The content of the message that asks, and that shows the answer later.
fn body(approval: &Approval) -> Result<NewBody, ServiceError> {
    let json = serde_json::to_string(approval);
    let json = json.map_err(|_| ServiceError::Internal { what: "an approval cannot be written" })?;
    Ok(NewBody::Custom { kind: APPROVAL.to_owned(), json })
}

/// Shows in the message that asked what became of the question. The answer counts even where it cannot be shown.
async fn show(inner: &Inner, scope: &TenantScope, conversation: ConversationId, approval: &Approval) {
    if let Err(error) = try_show(inner, scope, conversation, approval).await {
        tracing::warn!(%error, approval = %approval.id, "an answered approval is still shown as a question");
    }
}

async fn try_show(
    inner: &Inner,
    scope: &TenantScope,
    conversation: ConversationId,
    approval: &Approval,
) -> Result<(), ServiceError> {
    let Some(agent) = inner.core.person(scope, approval.agent).await? else { return Ok(()) };
    let edit = Edit {
        conversation,
        message: approval.message,
        key: Some(format!("approval-{}-over", approval.id)),
        body: body(approval)?,
    };
    let agent = Caller::agent(*scope, agent, &inner.core.options.rates);
    match Messages::new(Arc::clone(&inner.core)).edit(&agent, edit).await {
        // The question was never posted, was recalled, or its agent left the conversation.
        Ok(_) | Err(ServiceError::NotFound { .. } | ServiceError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Agents {
    /// Answers an agent's question whether it may call a tool.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` unless the caller is a person who serves or an admin, `Conflict` if it was
    /// answered otherwise or is over, `SessionEnded`, or the store failed.
    pub async fn approve(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        id: Uuid,
        approve: bool,
    ) -> Result<Approval, ServiceError> {
        caller.live()?;
        self.inner.core.room_of(caller.scope(), caller.user(), conversation).await?;
        caller.require(Right::Serve)?;
        let approval = decide(&self.inner, caller, conversation, id, Some(approve)).await?;
        let wanted = if approve { ApprovalState::Approved } else { ApprovalState::Denied };
        if approval.state != wanted {
            return Err(ServiceError::Conflict { what: "the question was answered already, or is over" });
        }
        Ok(approval)
    }

    /// An agent's question, as it stands.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn approval(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        id: Uuid,
    ) -> Result<Approval, ServiceError> {
        caller.live()?;
        let core = &*self.inner.core;
        core.room_of(caller.scope(), caller.user(), conversation).await?;
        let key = key(conversation, id);
        let found = records::get::<Approval>(&*core.ports.state, caller.scope(), &key, "approval").await?;
        found.map(|(approval, _)| approval).ok_or(ABSENT)
    }
}

/// Writes an answer down, or that there was none, and gives what stands: the first answer counts.
async fn decide(
    inner: &Inner,
    by: &Caller,
    conversation: ConversationId,
    id: Uuid,
    approve: Option<bool>,
) -> Result<Approval, ServiceError> {
    let (core, scope, key) = (&*inner.core, by.scope(), key(conversation, id));
    loop {
        let found = records::get::<Approval>(&*core.ports.state, scope, &key, "approval").await?;
        let (mut approval, expect) = found.ok_or(ABSENT)?;
        if approval.state != ApprovalState::Waiting {
            return Ok(approval);
        }
        let in_time = core.now() < approval.expires_at;
        approval.state = match approve {
            Some(true) if in_time => ApprovalState::Approved,
            Some(false) if in_time => ApprovalState::Denied,
            _ => ApprovalState::Expired,
        };
        approval.by = approve.filter(|_| approval.state != ApprovalState::Expired).map(|_| by.user());
        approval.decided_at = Some(core.now());
        let actor = if approve.is_some() { Actor::User { id: by.user() } } else { Actor::Host };
        let entry = NewEntry::new(actor, "agent.tool.approval")
            .subject("agent", &approval.agent)
            .subject("conversation", &conversation)
            .detail("approval", id.to_string())
            .detail("tool", approval.tool.clone())
            .detail("state", serde_json::to_value(approval.state).unwrap_or_default());
        match core.audit.commit(scope, vec![records::put(key.clone(), &approval, expect)?], entry).await {
            Ok(_) => {
                // Before the reply goes on, so that its words come after the answer.
                show(inner, scope, conversation, &approval).await;
                inner.approvals.tell(scope.tenant(), id, approval.state);
                return Ok(approval);
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "approval" };

impl Approvals {
    fn wait(&self, tenant: TenantId, id: Uuid) -> watch::Receiver<ApprovalState> {
        let mut waiting = self.waiting.lock();
        let sender = waiting.entry((tenant, id)).or_insert_with(|| watch::Sender::new(ApprovalState::Waiting));
        sender.subscribe()
    }

    fn tell(&self, tenant: TenantId, id: Uuid, state: ApprovalState) {
        if let Some(sender) = self.waiting.lock().get(&(tenant, id)) {
            sender.send_replace(state);
        }
    }
}

/// Forgets a question when nobody waits for its answer any more.
struct Tidy<'a> {
    approvals: &'a Approvals,
    key: (TenantId, Uuid),
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        self.approvals.waiting.lock().remove(&self.key);
    }
}
