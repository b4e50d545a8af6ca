//! The durable consumer behind agents: for each message, which agents it addresses, and their replies.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use warbler_domain::{
    Body, Committed, ConversationKind, Event, EventKind, Expect, Message, Role, StateKey, Submission, TenantScope,
    Timestamp, UserId,
};
use warbler_store::Delivery;

use super::approvals::APPROVAL;
use super::guard::{Loop, streak};
use super::history::{joined_at, shown, submission};
use super::record::{AgentRecord, GroupRule};
use super::reply::{Ended, Ending, Reply};
use super::words::Phrase;
use super::{Inner, support};
use crate::audit::{Actor, NewEntry};
use crate::consumers::{Handled, Handler};
use crate::conversations::Room;
use crate::messages::locate;
use crate::{Caller, ServiceError, records};

/// The name under which cursors and dead letters are kept.
pub(super) const NAME: &str = "agents";

/// How often the host may have been stopped in the middle of one reply before people are told so: the reply
/// itself may be what stops it.
const BEGINNINGS: u32 = 3;

/// How often a reply was begun.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct Begun {
    times: u32,
}

/// Answers messages.
pub(super) struct Answering(pub(super) Arc<Inner>);

#[async_trait]
impl Handler for Answering {
    fn wants(&self, committed: &Committed) -> bool {
        self.0.table.has_any(committed.tenant) && shown(&committed.event, Timestamp::default()).is_some()
    }

    async fn handle(&self, scope: &TenantScope, delivery: &Delivery) -> Handled {
        match self.answer(scope, delivery).await {
            Ok(handled) => handled,
            Err(error) if error.is_transient() => Handled::Retry { reason: error.to_string(), after: None },
            Err(error) => Handled::Park { reason: error.to_string() },
        }
    }
}

impl Answering {
    async fn answer(&self, scope: &TenantScope, delivery: &Delivery) -> Result<Handled, ServiceError> {
        let (event, core) = (&delivery.committed.event, &*self.0.core);
        let EventKind::Posted { message } = &event.kind else { return Ok(Handled::Done) };
        let Some(room) = core.room(scope, event.conversation).await? else { return Ok(Handled::Done) };
        let agents = self.addressed(scope, &room, event, message).await?;
        if agents.is_empty() {
            return Ok(Handled::Done);
        }
        let Some(trigger) = submission(core, scope, &room, event, message).await? else { return Ok(Handled::Done) };
        let replies = agents.into_iter().map(|agent| self.reply(scope, &room, agent, &trigger, delivery.attempt));
        let mut handled = Handled::Done;
        for ended in join_all(replies).await {
            let ended = ended?;
            // Those that are done know it when the trigger comes again.
            if ended != Ended::Done && !matches!(handled, Handled::Retry { .. }) {
                handled = ended.into();
            }
        }
        Ok(handled)
    }

    /// The agents that are to answer a message.
    async fn addressed(
        &self,
        scope: &TenantScope,
        room: &Room,
        event: &Event,
        message: &Message,
    ) -> Result<Vec<Arc<AgentRecord>>, ServiceError> {
        if matches!(&message.body, Some(Body::Custom { kind, .. }) if kind == APPROVAL) {
            return Ok(Vec::new());
        }
        let of_room = |user: &UserId| self.0.table.get(scope.tenant(), *user);
        let mut agents: Vec<_> = room.members().iter().filter_map(of_room).collect();
        agents.retain(|agent| {
            let joined = joined_at(room, agent.user);
            agent.user != message.sender && joined.is_some_and(|joined| event.at >= joined)
        });
        if agents.is_empty() {
            return Ok(agents);
        }
        match room.conversation.kind {
            ConversationKind::Direct => {}
            ConversationKind::Group => {
                let answered = self.answered(scope, room, message).await?;
                agents.retain(|agent| {
                    agent.settings.groups == GroupRule::Always
                        || message.mentions.contains(&agent.user)
                        || answered == Some(agent.user)
                });
            }
            ConversationKind::Support => {
                agents.sort_by_key(|agent| (!message.mentions.contains(&agent.user), joined_at(room, agent.user)));
                agents.truncate(1);
                let Some(agent) = agents.first() else { return Ok(agents) };
                let is_begun = self.begun(scope, event, message, agent.user).await?.0.times > 0;
                if !is_begun && !support::agent_has_it(&self.0, scope, room, agent, message).await? {
                    agents.clear();
                }
            }
        }
        if !agents.is_empty() && self.is_agent(scope, message.sender).await? {
            self.hold_back(scope, event, &mut agents).await?;
        }
        Ok(agents)
    }

    /// Who wrote what a message answers.
    async fn answered(
        &self,
        scope: &TenantScope,
        room: &Room,
        message: &Message,
    ) -> Result<Option<UserId>, ServiceError> {
        let Some(answered) = message.reply_to else { return Ok(None) };
        let found = locate(&self.0.core, scope, room.conversation.id, answered).await?;
        Ok(found.map(|event| event.actor))
    }

    async fn is_agent(&self, scope: &TenantScope, user: UserId) -> Result<bool, ServiceError> {
        let person = self.0.core.person(scope, user).await?;
        Ok(person.is_some_and(|person| person.profile.load().role == Role::Agent))
    }

    /// Takes out those that have answered agents often enough.
    async fn hold_back(
        &self,
        scope: &TenantScope,
        event: &Event,
        agents: &mut Vec<Arc<AgentRecord>>,
    ) -> Result<(), ServiceError> {
        let core = &*self.0.core;
        let longest = agents.iter().map(|agent| agent.settings.window()).max().unwrap_or_default();
        let streak = streak(core, scope, event.conversation, event.sequence, longest).await?;
        let mut held: Option<(Loop, UserId)> = None;
        agents.retain(|agent| match streak.check(&agent.settings, core.now()) {
            Ok(()) => true,
            Err(guard) => {
                held = Some((guard, agent.user));
                false
            }
        });
        if let Some((guard, agent)) = held {
            metrics::counter!("agent_loops_broken_total", "guard" => guard.code()).increment(1);
            let entry = NewEntry::new(Actor::Host, "agent.loop")
                .subject("agent", &agent)
                .subject("conversation", &event.conversation)
                .detail("guard", guard.code());
            core.audit.record(scope, entry).await?;
        }
        Ok(())
    }

    /// How often the reply of `agent` was begun, and where that is kept.
    async fn begun(
        &self,
        scope: &TenantScope,
        event: &Event,
        message: &Message,
        agent: UserId,
    ) -> Result<(Begun, StateKey), ServiceError> {
        let key = StateKey::new("agent-reply", &[&event.conversation, &message.id, &agent]);
        let found = records::get::<Begun>(&*self.0.core.ports.state, scope, &key, "begun reply").await?;
        Ok((found.map(|(begun, _)| begun).unwrap_or_default(), key))
    }

    async fn reply(
        &self,
        scope: &TenantScope,
        room: &Arc<Room>,
        agent: Arc<AgentRecord>,
        trigger: &Submission,
        attempt: u32,
    ) -> Result<Ended, ServiceError> {
        let core = &*self.0.core;
        let Some(person) = core.person(scope, agent.user).await? else { return Ok(Ended::Done) };
        if person.profile.load().disabled {
            return Ok(Ended::Done);
        }
        let caller = Caller::agent(*scope, person, &core.options.rates);
        let asker = core.person(scope, trigger.sender.id).await?;
        let locale = asker.and_then(|asker| asker.profile.load().locale.clone());
        let reply =
            Reply::new(&self.0, *scope, Arc::clone(room), Arc::clone(&agent), caller, (trigger.clone(), locale));
        if reply.is_done().await? {
            return Ok(Ended::Done);
        }
        reply.tell_typing().await;
        let slot = self.0.slots.take(scope.tenant(), &agent, self.0.models.budget(scope.tenant()));
        let Ok(_slot) = tokio::time::timeout(core.options.agents.patience, slot).await else {
            return reply.end(Ending::Sorry(Phrase::Busy, "too many replies are under way".to_owned())).await;
        };
        let key = StateKey::new("agent-reply", &[&trigger.conversation, &trigger.id, &agent.user]);
        let state = &*core.ports.state;
        let begun = records::get::<Begun>(state, scope, &key, "begun reply").await?;
        let (begun, expect) = begun.map_or((Begun::default(), Expect::Absent), |(begun, expect)| (begun, expect));
        reply.is_again.store(begun.times > 0, Ordering::Relaxed);
        // An attempt that failed was not a crash.
        let crashes = begun.times.saturating_sub(attempt.saturating_sub(1));
        let ending = if crashes >= BEGINNINGS {
            Ending::Interrupted { times: crashes }
        } else {
            let begun = Begun { times: begun.times.saturating_add(1) };
            let write = vec![records::put(key.clone(), &begun, expect)?];
            if trigger.sent_at < self.0.since {
                // It may have stopped the host before it was written down that it began: now it is, first.
                state.commit(scope, write).await?;
                self.write(&reply, attempt).await
            } else {
                // Written while it begins: nobody waits for the disk before the first word.
                let (kept, ending) = tokio::join!(state.commit(scope, write), self.write(&reply, attempt));
                kept?;
                ending
            }
        };
        let ended = reply.end(ending).await?;
        if !matches!(ended, Ended::Again(..)) {
            state.commit(scope, vec![records::delete(key, Expect::Any)]).await?;
        }
        Ok(ended)
    }

    async fn write(&self, reply: &Arc<Reply>, attempt: u32) -> Ending {
        let Some(hook) = self.0.hook(reply.scope.tenant(), reply.agent.installation) else {
            return reply.sorry("the agent's plugin does not run".to_owned());
        };
        let outcome = reply.write(&hook).await;
        reply.judge_outcome(outcome, attempt).await
    }
}
