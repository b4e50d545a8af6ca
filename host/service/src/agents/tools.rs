//! Tools that agents may call: the servers that an admin set up, the grants, the calls, and their traces.

mod record;
mod trace;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use warbler_domain::{Expect, Right, TenantId, TenantScope, Tool, ToolConnection, ToolError};

pub use record::{NewToolServer, ToolServerView};
pub(super) use record::{ServerRecord, server_key};

use super::Inner;
use super::record::{AgentRecord, ToolGrant};
use super::reply::Reply;
use crate::audit::{Actor, NewEntry};
use crate::core::Core;
use crate::{Caller, ServiceError, records};

/// Most tool servers of a tenant.
const SERVERS: usize = 64;

/// Stands between a server's name and a tool's: what models take as a name has no dots (`OpenAI`'s functions).
const BETWEEN: &str = "__";

/// Longest arguments of a call, in bytes.
const ARGUMENTS: usize = 64 * 1024;

/// Time beyond a server's own limit after which the host stops waiting for whoever should have kept it.
const GRACE: Duration = Duration::from_secs(1);

/// The least time that a server has to start: programs load their libraries first.
const START: Duration = Duration::from_secs(16);

/// A connection, once it is made.
type Place = OnceCell<Arc<dyn ToolConnection>>;

/// Connections to tool servers, and who makes them.
pub(super) struct ToolShelf {
    core: Arc<Core>,
    connections: Mutex<HashMap<(TenantId, String), Arc<Place>>>,
}

impl ToolShelf {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::clone(core), connections: Mutex::default() }
    }

    /// The tools that an agent may call, by their full names. A server that does not answer is left out.
    pub(super) async fn of(&self, scope: &TenantScope, agent: &AgentRecord) -> Vec<Tool> {
        let mut servers: Vec<&str> = agent.settings.tools.iter().map(|grant| grant.server.as_str()).collect();
        servers.sort_unstable();
        servers.dedup();
        let mut tools = Vec::new();
        for server in servers {
            match self.list(scope, server).await {
                Ok(listed) => tools.extend(
                    listed
                        .into_iter()
                        .filter(|tool| granted(agent, server, &tool.name).is_some())
                        .map(|tool| Tool { name: format!("{server}{BETWEEN}{}", tool.name), ..tool }),
                ),
                Err(error) => tracing::warn!(server, %error, "a tool server is left out"),
            }
        }
        tools
    }

    async fn list(&self, scope: &TenantScope, server: &str) -> Result<Vec<Tool>, ToolError> {
        let (connection, timeout) = self.connect(scope, server).await?;
        let listed = tokio::time::timeout(timeout, connection.tools()).await;
        let listed = listed.unwrap_or(Err(ToolError::TimedOut { limit: timeout }));
        self.forget_broken(scope, server, &listed);
        listed
    }

    /// The connection to a server, made if need be, and its limit with the host's grace.
    async fn connect(&self, scope: &TenantScope, name: &str) -> Result<(Arc<dyn ToolConnection>, Duration), ToolError> {
        let unreachable = |text: &str| ToolError::Unreachable { text: text.to_owned() };
        let key = record::server_key(name);
        let found = records::get::<ServerRecord>(&*self.core.ports.state, scope, &key, "tool server").await;
        let (record, _) = found.ok().flatten().ok_or_else(|| unreachable("there is no such tool server"))?;
        if record.lacks_secret {
            return Err(unreachable("it came back from a backup without its secrets, and has to be set up again"));
        }
        // What was allowed once may not be any more.
        record.allowed(&self.core.options.agents).map_err(|error| unreachable(&error.to_string()))?;
        let timeout = Duration::from_millis(record.timeout_ms).saturating_add(GRACE);
        let cell = Arc::clone(self.connections.lock().entry((scope.tenant(), name.to_owned())).or_default());
        // One connects for all who wait, and nobody waits for longer than for one attempt.
        let connecting = cell.get_or_try_init(|| self.core.ports.agents.tools.connect(record.server()));
        let limit = timeout.max(START);
        let connected = tokio::time::timeout(limit, connecting).await;
        let connection = connected.unwrap_or(Err(ToolError::TimedOut { limit }))?;
        Ok((Arc::clone(connection), timeout))
    }

    fn forget_broken<T>(&self, scope: &TenantScope, server: &str, called: &Result<T, ToolError>) {
        if let Err(ToolError::Unreachable { .. }) = called {
            self.connections.lock().remove(&(scope.tenant(), server.to_owned()));
        }
    }

    /// Lets go of the connections of a tenant, or of one of them.
    pub(super) fn forget(&self, tenant: TenantId, server: Option<&str>) {
        self.connections.lock().retain(|(of, name), _| *of != tenant || server.is_some_and(|server| server != name));
    }
}

/// The grant by which an agent may call a tool; of several, one that asks a person.
fn granted<'a>(agent: &'a AgentRecord, server: &str, tool: &str) -> Option<&'a ToolGrant> {
    let is_it =
        |grant: &&ToolGrant| grant.server == server && grant.tool.as_ref().is_none_or(|granted| granted == tool);
    let mut grants = agent.settings.tools.iter().filter(is_it);
    let first = grants.clone().next();
    grants.find(|grant| grant.ask).or(first)
}

impl Reply {
    /// Calls a tool for the agent, after asking a person where that is set.
    pub(super) async fn call_tool(&self, name: &str, arguments: &str) -> Result<String, String> {
        let not_granted = || format!("the tool {name:?} is not granted to this agent");
        let (server, tool) = name.split_once(BETWEEN).ok_or_else(not_granted)?;
        let grant = granted(&self.agent, server, tool).ok_or_else(not_granted)?;
        let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
        if arguments.len() > ARGUMENTS {
            return Err(format!("the arguments are longer than {ARGUMENTS} bytes"));
        }
        match serde_json::from_str::<serde_json::Value>(arguments) {
            Ok(serde_json::Value::Object(_)) => {}
            Ok(_) => return Err("the arguments are not a JSON object".to_owned()),
            Err(error) => return Err(format!("the arguments are not JSON: {error}")),
        }
        if grant.ask {
            self.ask(name, arguments).await?;
        }
        let start = Instant::now();
        let called = self.call_granted(server, tool, arguments).await;
        let elapsed = start.elapsed();
        let outcome = match &called {
            Ok(_) => "answered",
            Err(ToolError::TimedOut { .. }) => "timed-out",
            Err(ToolError::Unreachable { .. }) => "unreachable",
            Err(_) => "refused",
        };
        metrics::counter!("agent_tool_calls_total", "outcome" => outcome).increment(1);
        metrics::histogram!("agent_tool_seconds").record(elapsed);
        let result = match &called {
            Ok(answer) => answer.clone(),
            Err(error) => error.to_string(),
        };
        let entry = NewEntry::new(Actor::User { id: self.agent.user }, "agent.tool.call")
            .subject("conversation", &self.trigger.conversation)
            .subject("message", &self.trigger.id)
            .detail("tool", name)
            .detail("arguments", trace::cut(arguments))
            .detail("result", trace::cut(&result))
            .detail("outcome", outcome)
            .detail("took-ms", u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        if let Err(error) = self.inner.core.audit.record(&self.scope, entry).await {
            // Without its trace a call did not happen, as far as the agent is concerned.
            tracing::error!(%error, "a call of a tool is missing from the audit log");
            return Err("the call could not be recorded".to_owned());
        }
        called.map_err(|error| error.to_string())
    }

    async fn call_granted(&self, server: &str, tool: &str, arguments: &str) -> Result<String, ToolError> {
        let tools = &self.inner.tools;
        let (connection, timeout) = tools.connect(&self.scope, server).await?;
        let called = tokio::time::timeout(timeout, connection.call(tool, arguments)).await;
        let called = called.unwrap_or(Err(ToolError::TimedOut { limit: timeout }));
        tools.forget_broken(&self.scope, server, &called);
        called
    }
}

/// The tool servers of a tenant.
#[derive(Clone)]
pub struct Tools {
    inner: Arc<Inner>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tools")
    }
}

impl Tools {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The servers, by name, without their tokens and environments.
    ///
    /// # Errors
    /// `Forbidden`, `SessionEnded`, or the store failed.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<ToolServerView>, ServiceError> {
        caller.require(Right::ManageAgents)?;
        let prefix = records::under(record::FAMILY, &[]);
        let found = records::scan_all(&*self.inner.core.ports.state, caller.scope(), &prefix, SERVERS).await?;
        let view = |(key, kept): &(warbler_domain::StateKey, warbler_domain::Versioned)| {
            Ok(records::decode::<ServerRecord>(kept, "tool server")?.view(key.last()))
        };
        found.iter().map(view).collect()
    }

    /// The tools that a server offers at this moment.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable` if it does not answer, `SessionEnded`, or the store failed.
    pub async fn offered(&self, caller: &Caller, name: &str) -> Result<Vec<Tool>, ServiceError> {
        caller.require(Right::ManageAgents)?;
        self.inner.core.ports.state.get(caller.scope(), &record::server_key(name)).await?.ok_or(ABSENT)?;
        self.inner.tools.list(caller.scope(), name).await.map_err(|error| {
            tracing::info!(server = name, %error, "a tool server did not say what it offers");
            ServiceError::Unavailable { what: "the tool server does not answer" }
        })
    }

    /// Sets a server up, or another one in its place. Without a token in `new` the one that is kept stays, if
    /// the place is the same.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `Conflict`, `SessionEnded`, or the store failed.
    pub async fn set(&self, caller: &Caller, name: &str, new: NewToolServer) -> Result<ToolServerView, ServiceError> {
        caller.require(Right::ManageAgents)?;
        record::check_name(name)?;
        let core = &*self.inner.core;
        let (scope, key) = (caller.scope(), record::server_key(name));
        let found = records::get::<ServerRecord>(&*core.ports.state, scope, &key, "tool server").await?;
        if found.is_none() && self.list(caller).await?.len() >= SERVERS {
            return Err(ServiceError::Conflict { what: "there are as many tool servers as a tenant can have" });
        }
        let (kept, expect) = found.map_or((None, Expect::Absent), |(record, expect)| (Some(record), expect));
        let record = new.into_record(kept);
        record.allowed(&core.options.agents)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "tool-server.set").detail("server", name);
        core.audit.commit(scope, vec![records::put(key, &record, expect)?], entry).await?;
        self.inner.tools.forget(caller.tenant(), Some(name));
        Ok(record.view(name))
    }

    /// Takes a server away.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `SessionEnded`, or the store failed.
    pub async fn remove(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        caller.require(Right::ManageAgents)?;
        let (core, key) = (&*self.inner.core, record::server_key(name));
        core.ports.state.get(caller.scope(), &key).await?.ok_or(ABSENT)?;
        let entry = NewEntry::new(Actor::User { id: caller.user() }, "tool-server.remove").detail("server", name);
        core.audit.commit(caller.scope(), vec![records::delete(key, Expect::Any)], entry).await?;
        self.inner.tools.forget(caller.tenant(), Some(name));
        Ok(())
    }
}

const ABSENT: ServiceError = ServiceError::NotFound { what: "tool server" };
