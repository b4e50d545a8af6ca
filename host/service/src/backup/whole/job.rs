//! A restore of a whole tenant as it is kept and as people see it: how far it is, what came back, what is left to do.

use serde::{Deserialize, Serialize};
use warbler_domain::{InstallationId, Timestamp, UserId};

use super::super::ledger::Failure;
use super::super::restore::Restored;

/// How far a restore of a whole tenant is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreState {
    /// It goes on.
    Running,
    /// It is through.
    Done,
    /// It failed; it may be begun again.
    Failed,
}

/// A restore of a whole tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreJob {
    /// Its identifier.
    pub id: uuid::Uuid,
    /// From which version.
    pub version: String,
    /// Who asked for it.
    pub by: UserId,
    /// When it began.
    pub began_at: Timestamp,
    /// How far it is.
    pub state: RestoreState,
    /// Accounts that came back.
    pub accounts: u64,
    /// Conversations that are through.
    pub conversations: u64,
    /// What came back in them.
    pub restored: Restored,
    /// What was decided and came back: the tenant's name and its policies.
    #[serde(default)]
    pub decisions: u64,
    /// Word lists that came back.
    #[serde(default)]
    pub word_lists: u64,
    /// Installations of plugins that came back.
    #[serde(default)]
    pub installations: u64,
    /// Values that plugins have stored and that came back.
    #[serde(default)]
    pub plugin_values: u64,
    /// Agents that came back.
    #[serde(default)]
    pub agents: u64,
    /// Tool servers that came back.
    #[serde(default)]
    pub tool_servers: u64,
    /// Documents of the knowledge base that came back.
    #[serde(default)]
    pub documents: u64,
    /// Support conversations that are again in the hands in which they were.
    #[serde(default)]
    pub support_cases: u64,
    /// What people decided about notifications and came back: quiet hours and muted conversations.
    #[serde(default)]
    pub push_settings: u64,
    /// Held messages that wait for a moderator again.
    #[serde(default)]
    pub held: u64,
    /// Entries of the old audit log that were verified and are kept beside the new one.
    #[serde(default)]
    pub audit_entries: u64,
    /// What a person has to do now, a sentence each: packages and secrets that no backup has.
    #[serde(default)]
    pub to_do: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Which installation of the version is which one here.
    #[serde(default)]
    pub(super) plugins: Vec<Placed>,
}

/// An installation of a version, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    /// Its identifier in the version.
    pub(super) was: InstallationId,
    /// The tenant's installation of the same plugin.
    pub(super) is: InstallationId,
    /// Whether it gets what it had stored: one that has stored something since keeps that.
    pub(super) is_filled: bool,
    /// Whether it is to run.
    pub(super) runs: bool,
    /// Whether that was seen to.
    pub(super) is_done: bool,
}

impl RestoreJob {
    /// A restore that is about to begin.
    pub(in crate::backup) fn new(id: uuid::Uuid, version: &str, by: UserId, began_at: Timestamp) -> Self {
        Self {
            id,
            version: version.to_owned(),
            by,
            began_at,
            state: RestoreState::Running,
            accounts: 0,
            conversations: 0,
            restored: Restored::default(),
            decisions: 0,
            word_lists: 0,
            installations: 0,
            plugin_values: 0,
            agents: 0,
            tool_servers: 0,
            documents: 0,
            support_cases: 0,
            push_settings: 0,
            held: 0,
            audit_entries: 0,
            to_do: Vec::new(),
            failure: None,
            plugins: Vec::new(),
        }
    }

    /// What came back, for the audit log.
    pub(in crate::backup) const fn counts(&self) -> [(&'static str, u64); 12] {
        [
            ("messages", self.restored.messages),
            ("conversations", self.conversations),
            ("accounts", self.accounts),
            ("decisions", self.decisions),
            ("word-lists", self.word_lists),
            ("installations", self.installations),
            ("plugin-values", self.plugin_values),
            ("agents", self.agents),
            ("tool-servers", self.tool_servers),
            ("documents", self.documents),
            ("support-cases", self.support_cases),
            ("push-settings", self.push_settings),
        ]
    }

    /// Notes what a person has to do.
    pub(super) fn must(&mut self, text: String) {
        if !self.to_do.contains(&text) {
            self.to_do.push(text);
        }
    }

    /// What an installation of the version is here.
    pub(super) fn placed(&self, was: InstallationId) -> InstallationId {
        self.plugins.iter().find(|placed| placed.was == was).map_or(was, |placed| placed.is)
    }
}
