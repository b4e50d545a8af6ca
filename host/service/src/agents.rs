//! Agents: members of a tenant that are programs. An agent is an account to which nobody signs in, bound to an
//! installation that thinks for it, with the rules that an admin gave it.
//!
//! - **When it answers.** In a direct conversation to everything, in a group when it is mentioned or answered
//!   (to everything only if an admin says so), in a support conversation while it has it ([`support`]).
//! - **How.** A durable consumer ([`work`]) brings each message to the agents that it addresses. Of each trigger
//!   comes one reply ([`reply`]), which grows before people's eyes and is committed once, by the same way as
//!   every message.
//! - **What it sees** is decided in [`history`]; what it says passes the filters while it grows ([`growing`]) and
//!   as a whole at its end.
//! - **Guards** against loops are in [`guard`], against made-up links in [`links`], against costs in [`models`]
//!   and [`slots`].

mod approvals;
mod growing;
mod guard;
mod history;
mod kept;
mod knowledge;
mod links;
mod models;
mod record;
mod reply;
mod running;
mod slots;
mod support;
mod table;
mod tools;
mod turn;
mod words;
mod work;
#[cfg(test)]
pub(crate) mod world;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use warbler_domain::{
    Agent, ConversationId, Expect, InstallationId, MessageId, Right, Role, StateChange, TenantId, TenantScope,
    Timestamp, UserId,
};
use warbler_store::Backoff;

pub use approvals::{Approval, ApprovalState};
pub(crate) use kept::{KeptAgent, KeptServer};
pub(crate) use knowledge::{Back, KeptDocument, KeptSource, kept_sources, room_left};
pub use knowledge::{Document, KnowledgeBase, NewDocument};
pub use models::{Cost, ModelKind, ModelLimits, ModelView, Models, NewModel, TenantBudget, Use};
pub use record::{AgentSettings, GroupRule, ToolGrant};
pub use support::{ReleaseTo, Support, SupportCase, SupportState};
pub use tools::{NewToolServer, ToolServerView, Tools};

use approvals::Approvals;
use knowledge::KnowledgeShelf;
use record::AgentRecord;
use running::Running;
use slots::Slots;
use table::AgentTable;
use tools::ToolShelf;

use crate::audit::{Actor, NewEntry};
use crate::consumers::{Consumers, Work};
use crate::core::Core;
use crate::members::{self, Profile};
use crate::{Caller, LiveHook, Plugins, ServiceError, records};

/// Most agents of a tenant.
const AGENTS: usize = 256;

/// How replies that failed are tried again: someone is waiting, so soon and not for long.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30), give_up: Duration::from_hours(1) };

/// An agent to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// What people see.
    pub name: String,
    /// Its language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// What thinks for it: an installation of a plugin that exports the hook `agent`.
    pub installation: InstallationId,
    /// Its rules.
    pub settings: AgentSettings,
}

/// What changes about an agent; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentChange {
    /// What people see.
    pub name: Option<String>,
    /// What thinks for it.
    pub installation: Option<InstallationId>,
    /// Its rules, all of them.
    pub settings: Option<AgentSettings>,
    /// Whether it is silent.
    pub disabled: Option<bool>,
}

/// An agent as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Its account.
    pub profile: Profile,
    /// What thinks for it.
    pub installation: InstallationId,
    /// Whether that runs.
    pub runs: bool,
    /// Its rules.
    pub settings: AgentSettings,
    /// Replies that it is at work on, on this node.
    pub replies: usize,
    /// What it used today (UTC), by model.
    pub used_today: Vec<(String, Use)>,
}

/// The agents of a tenant.
#[derive(Clone)]
pub struct Agents {
    inner: Arc<Inner>,
}

/// What everything about agents shares.
struct Inner {
    core: Arc<Core>,
    plugins: Plugins,
    table: AgentTable,
    running: Running,
    slots: Slots,
    approvals: Approvals,
    models: Models,
    tools: ToolShelf,
    knowledge: KnowledgeShelf,
    /// Since when this process answers: what was asked before may have been begun by one that was stopped.
    since: Timestamp,
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agents")
    }
}

impl Agents {
    pub(crate) fn new(core: &Arc<Core>, plugins: Plugins) -> Self {
        let models = Models::new(core);
        let inner = Inner {
            core: Arc::clone(core),
            plugins,
            table: AgentTable::default(),
            running: Running::default(),
            slots: Slots::default(),
            approvals: Approvals::default(),
            tools: ToolShelf::new(core),
            knowledge: KnowledgeShelf::new(core, &models),
            models,
            since: core.now(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Reads the agents of `tenants`, and has messages answered from now on.
    pub(crate) async fn start(&self, tenants: &[TenantId], consumers: &Consumers) -> Result<(), ServiceError> {
        let core = &self.inner.core;
        self.inner.models.start().await?;
        for (family, apply) in
            [(record::FAMILY, Inner::on_agent as fn(&Inner, &StateChange)), ("tenant", Inner::on_tenant)]
        {
            let (inner, mut changes) = (Arc::clone(&self.inner), core.ports.state.watch(&records::under(family, &[])));
            core.tasks.spawn(async move {
                while let Some(change) = changes.next().await {
                    apply(&inner, &change);
                }
            });
        }
        let (inner, mut changes) =
            (Arc::clone(&self.inner), core.ports.state.watch(&records::under(knowledge::FAMILY, &[])));
        core.tasks.spawn(async move {
            while let Some(change) = changes.next().await {
                inner.knowledge.on_document(change).await;
            }
        });
        for tenant in tenants {
            let (scope, prefix) = (TenantScope::own_work(*tenant), records::under(record::FAMILY, &[]));
            match records::scan_all(&*core.ports.state, &scope, &prefix, AGENTS).await {
                Ok(found) => {
                    for (key, kept) in found {
                        self.inner.on_agent(&StateChange { tenant: *tenant, key, value: Some(kept) });
                    }
                }
                // One tenant's trouble is not the others'.
                Err(error) => tracing::error!(%tenant, %error, "a tenant's agents could not be read"),
            }
        }
        let (handler, at_once) = (Arc::new(work::Answering(Arc::clone(&self.inner))), core.options.agents.at_once);
        consumers.add(Work { name: work::NAME, backoff: BACKOFF, at_once, handler });
        Ok(())
    }

    /// Makes an agent.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `NotFound` if no agent runs under that installation, `Conflict` if there are too
    /// many, `SessionEnded`, or the store failed.
    pub async fn add(&self, caller: &Caller, new: NewAgent) -> Result<AgentView, ServiceError> {
        caller.require(Right::ManageAgents)?;
        new.settings.check()?;
        let (core, scope) = (&*self.inner.core, caller.scope());
        self.inner.hook(caller.tenant(), new.installation).ok_or(NO_PLUGIN)?;
        if self.inner.table.of(caller.tenant()).len() >= AGENTS {
            return Err(ServiceError::Conflict { what: "there are as many agents as a tenant can have" });
        }
        let (profile, mut writes) = members::agent(core, scope, &new.name, new.locale)?;
        let record = AgentRecord {
            user: profile.id,
            installation: new.installation,
            settings: new.settings,
            created_at: core.now(),
        };
        writes.push(records::put(record::key(profile.id), &record, Expect::Absent)?);
        let entry = entry(caller, "agent.add", profile.id).subject("installation", &record.installation);
        core.audit.commit(scope, writes, entry).await?;
        self.inner.table.put(caller.tenant(), record);
        self.get(caller, profile.id).await
    }

    /// The agents, in the order of their making.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<AgentView>, ServiceError> {
        caller.require(Right::ManageAgents)?;
        let used = self.inner.models.used_today(caller.scope()).await?;
        let mut views = Vec::new();
        for record in self.inner.table.of(caller.tenant()) {
            views.extend(self.view(caller, &record, &used).await?);
        }
        Ok(views)
    }

    /// One agent.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn get(&self, caller: &Caller, agent: UserId) -> Result<AgentView, ServiceError> {
        caller.require(Right::ManageAgents)?;
        let record = self.inner.table.get(caller.tenant(), agent).ok_or(ABSENT)?;
        let used = self.inner.models.used_today(caller.scope()).await?;
        self.view(caller, &record, &used).await?.ok_or(ABSENT)
    }

    async fn view(
        &self,
        caller: &Caller,
        record: &AgentRecord,
        used: &[(UserId, String, Use)],
    ) -> Result<Option<AgentView>, ServiceError> {
        let Some(person) = self.inner.core.person(caller.scope(), record.user).await? else { return Ok(None) };
        let of_agent = used.iter().filter(|(user, ..)| *user == record.user);
        Ok(Some(AgentView {
            profile: Profile::clone(&person.profile.load()),
            installation: record.installation,
            runs: self.inner.hook(caller.tenant(), record.installation).is_some(),
            settings: record.settings.clone(),
            replies: self.inner.running.count(caller.tenant(), record.user),
            used_today: of_agent.map(|(_, model, used)| (model.clone(), *used)).collect(),
        }))
    }

    /// Changes an agent. Replies under way go on by the old rules.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `NotFound`, `Conflict` if it is being changed by others, `SessionEnded`, or the
    /// store failed.
    pub async fn change(&self, caller: &Caller, agent: UserId, change: AgentChange) -> Result<AgentView, ServiceError> {
        caller.require(Right::ManageAgents)?;
        change.settings.as_ref().map_or(Ok(()), AgentSettings::check)?;
        let (core, scope) = (&*self.inner.core, caller.scope());
        let found = records::get::<AgentRecord>(&*core.ports.state, scope, &record::key(agent), "agent").await?;
        let (mut record, expect) = found.ok_or(ABSENT)?;
        if change.installation.is_some() || change.settings.is_some() {
            if let Some(installation) = change.installation {
                self.inner.hook(caller.tenant(), installation).ok_or(NO_PLUGIN)?;
                record.installation = installation;
            }
            record.settings = change.settings.unwrap_or(record.settings);
            let writes = vec![records::put(record::key(agent), &record, expect)?];
            core.audit.commit(scope, writes, entry(caller, "agent.change", agent)).await?;
            self.inner.table.put(caller.tenant(), record);
        }
        if change.name.is_some() || change.disabled.is_some() {
            let entry = entry(caller, "agent.account", agent);
            members::change_agent(core, scope, agent, entry, change.name.as_deref(), change.disabled).await?;
        }
        if change.disabled == Some(true) {
            self.inner.running.stop_all(caller.tenant(), Some(agent), None);
        }
        self.get(caller, agent).await
    }

    /// Removes an agent: it answers no more, and its account is shut. What it said stays.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn remove(&self, caller: &Caller, agent: UserId) -> Result<(), ServiceError> {
        caller.require(Right::ManageAgents)?;
        let (core, scope) = (&*self.inner.core, caller.scope());
        core.ports.state.get(scope, &record::key(agent)).await?.ok_or(ABSENT)?;
        members::change_agent(core, scope, agent, entry(caller, "agent.account", agent), None, Some(true)).await?;
        let writes = vec![records::delete(record::key(agent), Expect::Any)];
        core.audit.commit(scope, writes, entry(caller, "agent.remove", agent)).await?;
        self.inner.table.remove(caller.tenant(), agent);
        self.inner.running.stop_all(caller.tenant(), Some(agent), None);
        Ok(())
    }

    /// Stops a reply that is being written; what people saw of it stands.
    ///
    /// # Errors
    /// `Forbidden` for agents, `NotFound` if it is not being written, `SessionEnded`, or the store failed.
    pub async fn stop(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), ServiceError> {
        caller.live()?;
        self.inner.core.room_of(caller.scope(), caller.user(), conversation).await?;
        if caller.role() == Role::Agent {
            return Err(ServiceError::Forbidden { action: "stop a reply" });
        }
        if self.inner.running.stop(&(caller.tenant(), conversation, message)) {
            return Ok(());
        }
        Err(ServiceError::NotFound { what: "reply under way" })
    }

    pub(crate) fn models(&self) -> &Models {
        &self.inner.models
    }

    pub(crate) fn support(&self) -> Support {
        Support::new(Arc::clone(&self.inner))
    }

    pub(crate) fn tools(&self) -> Tools {
        Tools::new(Arc::clone(&self.inner))
    }

    pub(crate) fn knowledge(&self) -> KnowledgeBase {
        KnowledgeBase::new(Arc::clone(&self.inner))
    }
}

impl Inner {
    fn on_agent(&self, change: &StateChange) {
        let record = change.value.as_ref().and_then(|kept| records::decode::<AgentRecord>(kept, "agent").ok());
        match (record, change.key.last().parse()) {
            (Some(record), _) => self.table.put(change.tenant, record),
            (None, Ok(user)) => self.table.remove(change.tenant, user),
            (None, Err(_)) => {}
        }
    }

    /// Forgets a tenant that was removed.
    fn on_tenant(&self, change: &StateChange) {
        let Ok(tenant) = change.key.last().parse::<TenantId>() else { return };
        if change.value.is_none() {
            self.table.forget(tenant);
            self.running.stop_all(tenant, None, None);
            self.tools.forget(tenant, None);
            self.knowledge.forget(&TenantScope::own_work(tenant));
        }
    }

    /// The agent that runs under an installation.
    fn hook(&self, tenant: TenantId, installation: InstallationId) -> Option<LiveHook<dyn Agent>> {
        #[cfg(test)]
        if let Some(stand_in) = self.core.ports.agents.stand_ins.lock().get(&installation) {
            return Some(stand_in.clone());
        }
        self.plugins.agents(tenant).into_iter().find(|hook| hook.installation == installation)
    }
}

fn entry(caller: &Caller, action: &str, agent: UserId) -> NewEntry {
    NewEntry::new(Actor::User { id: caller.user() }, action).subject("agent", &agent)
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "agent" };
const NO_PLUGIN: ServiceError = ServiceError::NotFound { what: "installation with an agent that runs" };

#[cfg(test)]
mod tests;
