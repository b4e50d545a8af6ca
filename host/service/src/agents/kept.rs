//! Agents and their tool servers in a backup. No token is in one, and no value of a program's environment.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warbler_domain::{Expect, InstallationId, State, StateWrite, TenantScope, ToolTransport, UserId};

use super::models::is_model;
use super::record::{self, AgentRecord};
use super::tools::{self, ServerRecord};
use crate::options::AgentOptions;
use crate::{ServiceError, records};

/// An agent in a backup, which holds it as it is kept.
pub(crate) struct KeptAgent {
    record: AgentRecord,
}

impl KeptAgent {
    /// Reads a line of a version; nothing if it is none, or a later host wrote it.
    pub(crate) fn read(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok().map(|record| Self { record })
    }

    /// Its account.
    pub(crate) const fn user(&self) -> UserId {
        self.record.user
    }

    /// What thinks for it.
    pub(crate) const fn installation(&self) -> InstallationId {
        self.record.installation
    }

    /// The model that it asks for by name and that this host does not have.
    pub(crate) async fn unknown_model(&self, state: &dyn State) -> Result<Option<&str>, ServiceError> {
        let Some(name) = self.record.settings.model.as_deref() else { return Ok(None) };
        Ok((!is_model(state, name).await?).then_some(name))
    }

    /// The write that brings it back, with `installation` to think for it, if it is not there.
    pub(crate) async fn write(
        mut self,
        state: &dyn State,
        scope: &TenantScope,
        installation: InstallationId,
    ) -> Result<Option<StateWrite>, ServiceError> {
        let key = record::key(self.record.user);
        if state.get(scope, &key).await?.is_some() {
            return Ok(None);
        }
        self.record.installation = installation;
        records::put(key, &self.record, Expect::Absent).map(Some)
    }

    /// Whether it stands as it was, but for what thinks for it.
    pub(crate) async fn stands(&self, state: &dyn State, scope: &TenantScope) -> Result<bool, ServiceError> {
        let found = records::get::<AgentRecord>(state, scope, &record::key(self.record.user), "agent").await?;
        Ok(found
            .is_some_and(|(found, _)| AgentRecord { installation: self.record.installation, ..found } == self.record))
    }
}

/// A tool server in a backup.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptServer {
    /// How it is reached; the variables of a program's environment have no values.
    transport: ToolTransport,
    /// Whether it had a token.
    has_token: bool,
    timeout_ms: u64,
}

impl KeptServer {
    /// A record as it stands in a version; nothing if it cannot be read.
    pub(crate) fn line(record: &[u8]) -> Option<Value> {
        let ServerRecord { mut transport, token, timeout_ms, lacks_secret } = serde_json::from_slice(record).ok()?;
        if let ToolTransport::Stdio { environment, .. } = &mut transport {
            environment.values_mut().for_each(String::clear);
        }
        serde_json::to_value(Self { transport, has_token: token.is_some() || lacks_secret, timeout_ms }).ok()
    }

    /// Reads a line of a version; nothing if it is none, or a later host wrote it.
    pub(crate) fn read(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok()
    }

    /// Whether somebody has to enter a secret before it is used.
    pub(crate) fn lacks_secret(&self) -> bool {
        let has_variables =
            matches!(&self.transport, ToolTransport::Stdio { environment, .. } if !environment.is_empty());
        self.has_token || has_variables
    }

    /// Why this host would not use it.
    pub(crate) fn refusal(&self, options: &AgentOptions) -> Option<String> {
        self.record().allowed(options).err().map(|error| error.to_string())
    }

    /// The write that brings it back under its name, if there is none of that name.
    pub(crate) async fn write(
        &self,
        state: &dyn State,
        scope: &TenantScope,
        name: &str,
    ) -> Result<Option<StateWrite>, ServiceError> {
        let key = tools::server_key(name);
        if state.get(scope, &key).await?.is_some() {
            return Ok(None);
        }
        records::put(key, &self.record(), Expect::Absent).map(Some)
    }

    /// Whether it stands as it was.
    pub(crate) async fn stands(
        &self,
        state: &dyn State,
        scope: &TenantScope,
        name: &str,
    ) -> Result<bool, ServiceError> {
        let found = records::get::<ServerRecord>(state, scope, &tools::server_key(name), "tool server").await?;
        Ok(found.is_some_and(|(found, _)| found.transport == self.transport && found.timeout_ms == self.timeout_ms))
    }

    fn record(&self) -> ServerRecord {
        ServerRecord {
            transport: self.transport.clone(),
            token: None,
            timeout_ms: self.timeout_ms,
            lacks_secret: self.lacks_secret(),
        }
    }
}
