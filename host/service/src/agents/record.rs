//! What is kept of an agent: which account it speaks as, which installation thinks for it, and its rules.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warbler_domain::{InstallationId, StateKey, Timestamp, UserId};

use crate::ServiceError;

/// The family of the records' keys.
pub(super) const FAMILY: &str = "agent";

/// Where the record of `agent` is kept.
pub(super) fn key(agent: UserId) -> StateKey {
    StateKey::new(FAMILY, &[&agent])
}

/// When an agent answers in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRule {
    /// When it is mentioned or answered. It sees nothing else of the group.
    #[default]
    Addressed,
    /// To everything. It sees all that was said since it came in.
    Always,
}

/// Leave to use tools of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolGrant {
    /// Which server, by the name that an admin gave it.
    pub server: String,
    /// Which tool; all of the server's if absent.
    #[serde(default)]
    pub tool: Option<String>,
    /// Whether a person is asked before each call.
    #[serde(default)]
    pub ask: bool,
}

/// An agent's rules, as an admin sets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// When it answers in groups.
    pub groups: GroupRule,
    /// The model that it gets when it names none; the operator's default if absent.
    pub model: Option<String>,
    /// Tokens that its models may read and write in a day (UTC); no limit of its own if absent.
    pub tokens_per_day: Option<u64>,
    /// Replies that it may be at work on at a time; others wait. From 1.
    pub concurrent_replies: Option<u32>,
    /// Whether it may search the knowledge base.
    pub knowledge: bool,
    /// Tools that it may use.
    pub tools: Vec<ToolGrant>,
    /// Where its links may lead though nothing that it was given has them: hosts, and addresses below which all
    /// may. At most 64, of 200 bytes each.
    pub links: Vec<String>,
    /// Most messages of agents in a row after which it still answers an agent: 0 to 20.
    pub most_hops: u32,
    /// Most replies of agents to one another in a conversation within `window_seconds`: 1 to 1,000. What a
    /// person says sets the count back.
    pub window_replies: u32,
    /// The length of that window, in seconds: 1 to 86,400.
    pub window_seconds: u64,
    /// How long a person has to approve a call of a tool, in seconds: 1 to 280.
    pub approval_seconds: u64,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            groups: GroupRule::Addressed,
            model: None,
            tokens_per_day: None,
            concurrent_replies: None,
            knowledge: true,
            tools: Vec::new(),
            links: Vec::new(),
            // Enough for an agent that asks another one, hears from it and thanks it; a loop ends there.
            most_hops: 3,
            window_replies: 20,
            window_seconds: 600,
            approval_seconds: 120,
        }
    }
}

/// Most grants of tools of one agent, and longest name in one.
const GRANTS: usize = 64;
const NAME: usize = 64;

/// Most places to which its links may lead, and the longest of them, in bytes.
const LINKS: usize = 64;
const LINK: usize = 200;

impl AgentSettings {
    /// The window within which replies are counted.
    pub(super) const fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds)
    }

    pub(super) fn check(&self) -> Result<(), ServiceError> {
        within("settings.most_hops", self.most_hops.into(), 0, 20)?;
        within("settings.window_replies", self.window_replies.into(), 1, 1_000)?;
        within("settings.window_seconds", self.window_seconds, 1, 86_400)?;
        // The longest that a call of an agent can be given, less the time to say that nobody answered.
        within("settings.approval_seconds", self.approval_seconds, 1, 280)?;
        if let Some(replies) = self.concurrent_replies {
            within("settings.concurrent_replies", replies.into(), 1, 10_000)?;
        }
        for (field, count, most) in
            [("settings.tools", self.tools.len(), GRANTS), ("settings.links", self.links.len(), LINKS)]
        {
            if count > most {
                let (problem, limit) = (format!("must be at most {most}"), u64::try_from(most).ok());
                return Err(ServiceError::Invalid { field, problem, limit });
            }
        }
        if self.links.iter().any(|link| link.trim().is_empty() || link.len() > LINK) {
            return Err(ServiceError::length("settings.links", LINK));
        }
        let names = self.tools.iter().flat_map(|grant| [Some(&grant.server), grant.tool.as_ref()]).flatten();
        if names.chain(&self.model).any(|name| name.is_empty() || name.len() > NAME) {
            return Err(ServiceError::length("settings", NAME));
        }
        Ok(())
    }
}

/// Refuses a number outside its range.
pub(super) fn within(field: &'static str, value: u64, least: u64, most: u64) -> Result<(), ServiceError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let problem = format!("must be from {least} to {most}");
    Err(ServiceError::Invalid { field, problem, limit: Some(if value < least { least } else { most }) })
}

/// An agent as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentRecord {
    /// The account that it speaks as.
    pub(super) user: UserId,
    /// What thinks for it.
    pub(super) installation: InstallationId,
    /// Its rules.
    pub(super) settings: AgentSettings,
    /// Since when.
    pub(super) created_at: Timestamp,
}
