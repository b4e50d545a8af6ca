//! Support conversations: who has one (an agent, nobody yet, a person, or no one any more), the queue of those
//! that wait, and the note that tells a person what the agent knew.

mod note;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{
    ConversationId, ConversationKind, Expect, Message, Right, Signal, StateKey, StoreError, TenantScope, Timestamp,
    UserId,
};

use super::Inner;
use super::record::AgentRecord;
use super::reply::Reply;
use crate::audit::{Actor, NewEntry};
use crate::conversations::{Conversations, Room};
use crate::{Caller, ServiceError, records};

/// How often another change may be faster before the caller is told.
const ATTEMPTS: usize = 8;

/// Most conversations of one page of the queue.
const PAGE: usize = 200;

/// Who has a support conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupportState {
    /// An agent answers.
    Agent,
    /// It waits for a person.
    Waiting,
    /// A person has it; agents are silent.
    Person,
    /// It is over, until the customer writes again.
    Closed,
}

impl SupportState {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Waiting => "waiting",
            Self::Person => "person",
            Self::Closed => "closed",
        }
    }
}

/// A support conversation, as it is kept and as people who serve see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportCase {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Who has it.
    pub state: SupportState,
    /// Since when.
    pub since: Timestamp,
    /// The agent that answers in it, or did.
    pub agent: Option<UserId>,
    /// The person who has it, or had it last.
    pub person: Option<UserId>,
    /// Since when it waits for a person; kept while it waits.
    pub waiting_since: Option<Timestamp>,
    /// How long it waited the last time, in milliseconds.
    pub waited_ms: Option<u64>,
    /// Why it was handed over.
    pub reason: Option<String>,
    /// What the agent knew.
    pub note: Option<String>,
}

impl SupportCase {
    /// How long it has been waiting.
    #[must_use]
    pub fn waiting(&self, now: Timestamp) -> Option<Duration> {
        self.waiting_since.map(|since| now.since(since))
    }
}

/// To whom a person gives a conversation back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseTo {
    /// To the agent.
    Agent,
    /// To the queue, for someone else.
    Queue,
}

/// The support conversations of a tenant, for those who serve.
#[derive(Clone)]
pub struct Support {
    inner: Arc<Inner>,
}

impl fmt::Debug for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Support")
    }
}

fn key(conversation: ConversationId) -> StateKey {
    StateKey::new("support", &[&conversation])
}

/// Whether an agent is the one to answer; a conversation that is new or was over becomes the agent's.
pub(super) async fn agent_has_it(
    inner: &Inner,
    scope: &TenantScope,
    room: &Room,
    agent: &AgentRecord,
    message: &Message,
) -> Result<bool, ServiceError> {
    let id = room.conversation.id;
    let found = records::get::<SupportCase>(&*inner.core.ports.state, scope, &key(id), "support").await?;
    let (mut case, expect) = match found {
        Some((case, expect)) => (case, expect),
        None => (new_case(inner, id), Expect::Absent),
    };
    let is_new = expect == Expect::Absent;
    // Who closed it may add a word without opening it again.
    let reopens = case.state == SupportState::Closed && case.person != Some(message.sender);
    if !is_new && !reopens {
        // What was said to a person is not answered when the agent has it again.
        return Ok(case.state == SupportState::Agent && message.sent_at >= case.since);
    }
    (case.state, case.since, case.agent) = (SupportState::Agent, message.sent_at, Some(agent.user));
    inner.core.ports.state.commit(scope, vec![records::put(key(id), &case, expect)?]).await?;
    tell(inner, scope, &case).await;
    Ok(true)
}

fn new_case(inner: &Inner, conversation: ConversationId) -> SupportCase {
    SupportCase {
        conversation,
        state: SupportState::Agent,
        since: inner.core.now(),
        agent: None,
        person: None,
        waiting_since: None,
        waited_ms: None,
        reason: None,
        note: None,
    }
}

/// Tells everybody in the conversation in whose hands it is.
async fn tell(inner: &Inner, scope: &TenantScope, case: &SupportCase) {
    let signal = Signal::Support {
        conversation: case.conversation,
        state: case.state.as_str().to_owned(),
        person: case.person.filter(|_| case.state == SupportState::Person),
    };
    publish(inner, scope, signal).await;
    if case.state == SupportState::Waiting {
        let text = "a customer waits for a person".to_owned();
        publish(inner, scope, Signal::Alert { code: "support-waiting".to_owned(), text }).await;
    }
}

pub(super) async fn publish(inner: &Inner, scope: &TenantScope, signal: Signal) {
    if let Err(error) = inner.core.ports.feed.publish(scope, signal).await {
        tracing::warn!(%error, "people were not told of a support conversation");
    }
}

impl Reply {
    /// Hands the conversation to people, if the agent or its failure asks for it.
    pub(super) async fn pass_on(self: &Arc<Self>) -> Result<(), ServiceError> {
        let Some(reason) = self.handed_off.lock().clone() else { return Ok(()) };
        let (inner, conversation) = (&*self.inner, self.trigger.conversation);
        let entry = NewEntry::new(Actor::User { id: self.agent.user }, "agent.hand-off")
            .subject("conversation", &conversation)
            .subject("message", &self.trigger.id);
        metrics::counter!("agent_hand_offs_total").increment(1);
        if self.trigger.kind != ConversationKind::Support {
            inner.core.audit.record(&self.scope, entry).await?;
            let text = "an agent could not help by itself, and asks for a person".to_owned();
            publish(inner, &self.scope, Signal::Alert { code: "agent-hand-off".to_owned(), text }).await;
            return Ok(());
        }
        let note = note::write(self, &reason).await;
        let support = Support { inner: Arc::clone(&self.inner) };
        let agent = self.agent.user;
        let changed = support.change(&self.scope, conversation, entry, |case, now| {
            if matches!(case.state, SupportState::Waiting | SupportState::Person) {
                return Ok(());
            }
            (case.state, case.since, case.waiting_since) = (SupportState::Waiting, now, Some(now));
            case.agent = Some(agent);
            (case.reason, case.note) = (Some(reason.clone()), Some(note.clone()));
            Ok(())
        });
        changed.await.map(drop)
    }
}

impl Support {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The support conversations in a state, or all that are not closed, those that wait longest first.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(&self, caller: &Caller, state: Option<SupportState>) -> Result<Vec<SupportCase>, ServiceError> {
        caller.require(Right::Serve)?;
        let (store, prefix) = (&*self.inner.core.ports.state, records::under("support", &[]));
        let mut cases = Vec::new();
        for (_, kept) in records::scan_all(store, caller.scope(), &prefix, usize::MAX).await? {
            let case = records::decode::<SupportCase>(&kept, "support")?;
            if state.map_or(case.state != SupportState::Closed, |state| case.state == state) {
                cases.push(case);
            }
        }
        cases.sort_by_key(|case| (case.waiting_since.is_none(), case.waiting_since, case.since));
        cases.truncate(PAGE);
        Ok(cases)
    }

    /// One support conversation, for those who serve and for those who are in it.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, conversation: ConversationId) -> Result<SupportCase, ServiceError> {
        caller.live()?;
        let scope = caller.scope();
        let room = self.inner.core.room(scope, conversation).await?.ok_or(ABSENT)?;
        // A colleague who asks for help is a customer like any other.
        let is_served = room.conversation.created_by == caller.user() && !caller.role().may(Right::ManageAgents);
        let serves = caller.role().may(Right::Serve) && !is_served;
        if !serves && !room.has(caller.user()) {
            return Err(ABSENT);
        }
        let key = key(conversation);
        let found = records::get::<SupportCase>(&*self.inner.core.ports.state, scope, &key, "support").await?;
        let mut case = found.map(|(case, _)| case).ok_or(ABSENT)?;
        if !serves {
            // What the agent made of the customer is not for the customer.
            (case.note, case.reason) = (None, None);
        }
        Ok(case)
    }

    /// Takes a conversation over: the caller comes into it, and agents fall silent. A reply that is being
    /// written is stopped.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` if another person has it, `SessionEnded`, or the store failed.
    pub async fn claim(&self, caller: &Caller, conversation: ConversationId) -> Result<SupportCase, ServiceError> {
        caller.require(Right::Serve)?;
        let user = caller.user();
        let entry = entry(caller, "support.claim", conversation);
        let case = self
            .change(caller.scope(), conversation, entry, |case, now| {
                if case.state == SupportState::Person && case.person != Some(user) {
                    return Err(ServiceError::Conflict { what: "another person has this conversation" });
                }
                if let Some(since) = case.waiting_since.take() {
                    case.waited_ms = u64::try_from(now.since(since).as_millis()).ok();
                }
                (case.state, case.since, case.person) = (SupportState::Person, now, Some(user));
                Ok(())
            })
            .await?;
        self.inner.running.stop_all(caller.tenant(), None, Some(conversation));
        self.let_in(caller, conversation, case.agent).await?;
        Ok(case)
    }

    /// Brings the person who serves into the conversation, as someone who is in it would.
    async fn let_in(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        agent: Option<UserId>,
    ) -> Result<(), ServiceError> {
        let (core, scope) = (&self.inner.core, caller.scope());
        let room = core.room(scope, conversation).await?.ok_or(ABSENT)?;
        if room.has(caller.user()) {
            return Ok(());
        }
        let host = agent.filter(|agent| room.has(*agent)).unwrap_or(room.conversation.created_by);
        let Some(host) = core.person(scope, host).await? else { return Err(ABSENT) };
        let host = Caller::agent(*scope, host, &core.options.rates);
        Conversations::new(Arc::clone(core)).admit(&host, conversation, &[caller.user()]).await.map(drop)
    }

    /// Gives a conversation back, to the agent or to the queue.
    ///
    /// # Errors
    /// `Forbidden` unless the caller has it or manages agents, `NotFound`, `Conflict`, `SessionEnded`, or the
    /// store failed.
    pub async fn release(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        to: ReleaseTo,
    ) -> Result<SupportCase, ServiceError> {
        caller.require(Right::Serve)?;
        let entry = entry(caller, "support.release", conversation);
        self.change(caller.scope(), conversation, entry, |case, now| {
            may_let_go(caller, case)?;
            (case.state, case.since) = (SupportState::Agent, now);
            case.waiting_since = None;
            if to == ReleaseTo::Queue {
                (case.state, case.waiting_since) = (SupportState::Waiting, Some(now));
            }
            Ok(())
        })
        .await
    }

    /// Closes a conversation; the customer's next message opens it again.
    ///
    /// # Errors
    /// As for [`release`](Self::release).
    pub async fn close(&self, caller: &Caller, conversation: ConversationId) -> Result<SupportCase, ServiceError> {
        caller.require(Right::Serve)?;
        let entry = entry(caller, "support.close", conversation);
        self.change(caller.scope(), conversation, entry, |case, now| {
            may_let_go(caller, case)?;
            (case.state, case.since, case.waiting_since) = (SupportState::Closed, now, None);
            Ok(())
        })
        .await
    }

    /// The customer, or anyone in the conversation, asks for a person.
    ///
    /// # Errors
    /// `NotFound`, `SessionEnded`, or the store failed.
    pub async fn ask_for_person(
        &self,
        caller: &Caller,
        conversation: ConversationId,
    ) -> Result<SupportCase, ServiceError> {
        caller.live()?;
        let room = self.inner.core.room_of(caller.scope(), caller.user(), conversation).await?;
        if room.conversation.kind != ConversationKind::Support {
            return Err(ABSENT);
        }
        let entry = entry(caller, "support.ask", conversation);
        let case = self
            .change(caller.scope(), conversation, entry, |case, now| {
                if case.state == SupportState::Agent || case.state == SupportState::Closed {
                    (case.state, case.since, case.waiting_since) = (SupportState::Waiting, now, Some(now));
                    case.reason = Some("the customer asked for a person".to_owned());
                }
                Ok(())
            })
            .await?;
        self.inner.running.stop_all(caller.tenant(), None, Some(conversation));
        Ok(case)
    }

    /// Changes a case, together with the audit entry that tells of it.
    async fn change(
        &self,
        scope: &TenantScope,
        conversation: ConversationId,
        entry: NewEntry,
        apply: impl Fn(&mut SupportCase, Timestamp) -> Result<(), ServiceError>,
    ) -> Result<SupportCase, ServiceError> {
        let core = &*self.inner.core;
        let room = core.room(scope, conversation).await?.ok_or(ABSENT)?;
        if room.conversation.kind != ConversationKind::Support {
            return Err(ABSENT);
        }
        for _ in 0..ATTEMPTS {
            let found = records::get::<SupportCase>(&*core.ports.state, scope, &key(conversation), "support").await?;
            let (mut case, expect) = found.unwrap_or_else(|| (new_case(&self.inner, conversation), Expect::Absent));
            let before = case.clone();
            apply(&mut case, core.now())?;
            if case == before {
                return Ok(case);
            }
            let entry = entry.clone().detail("state", case.state.as_str());
            match core.audit.commit(scope, vec![records::put(key(conversation), &case, expect)?], entry).await {
                Ok(_) => {
                    tell(&self.inner, scope, &case).await;
                    return Ok(case);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::Conflict { what: "the conversation is being changed by others" })
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "support conversation" };

fn entry(caller: &Caller, action: &str, conversation: ConversationId) -> NewEntry {
    NewEntry::new(Actor::User { id: caller.user() }, action).subject("conversation", &conversation)
}

/// Who has it lets it go; so may those who manage agents, for a colleague who went home.
fn may_let_go(caller: &Caller, case: &SupportCase) -> Result<(), ServiceError> {
    let has_it = case.person == Some(caller.user()) && case.state == SupportState::Person;
    if has_it || caller.role().may(Right::ManageAgents) {
        return Ok(());
    }
    Err(ServiceError::Forbidden { action: "let go of a conversation that another person has" })
}
