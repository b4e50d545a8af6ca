//! Agents and their rules on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::InstallationId;
use warbler_service::{AgentSettings, AgentView, GroupRule, ToolGrant, Use};

use super::member::ProfileView;

/// When an agent answers in a group.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GroupRuleJson {
    /// When it is mentioned or answered; it sees nothing else of the group.
    Addressed,
    /// To everything.
    Always,
}

/// Leave to use tools of one server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolGrantJson {
    /// Which server.
    server: String,
    /// Which tool; all of the server's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// Whether a person is asked before each call.
    #[serde(default)]
    ask: bool,
}

/// An agent's rules; what is absent has its default.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SettingsJson {
    /// When it answers in groups; `addressed` unless given.
    groups: GroupRuleJson,
    /// The model that it gets when it names none; the operator's default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Tokens in a day (UTC); no limit of its own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_day: Option<u64>,
    /// Replies that it may be at work on at a time, from 1; others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_replies: Option<u32>,
    /// Whether it may search the knowledge base; it may unless given.
    knowledge: bool,
    /// Tools that it may use.
    tools: Vec<ToolGrantJson>,
    /// Where its links may lead though nothing that it was given has them: hosts such as `docs.example.com`, and
    /// addresses below which all may. Links from nowhere are flagged. At most 64, of 200 bytes each.
    links: Vec<String>,
    /// Most messages of agents in a row after which it still answers an agent: 0 to 20; 3 unless given.
    most_hops: u32,
    /// Most replies of agents to one another within `window_seconds`: 1 to 1000; 20 unless given.
    window_replies: u32,
    /// The length of that window, in seconds: 1 to 86400; 600 unless given.
    window_seconds: u64,
    /// How long a person has to approve a call of a tool, in seconds: 1 to 280; 120 unless given.
    approval_seconds: u64,
}

/// What a model was used for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UseView {
    /// Which model.
    model: String,
    /// Calls.
    calls: u64,
    /// Tokens read.
    prompt_tokens: u64,
    /// Tokens written.
    completion_tokens: u64,
    /// What it cost, in millionths of the currency's unit.
    cost_micros: u64,
}

/// An agent as an admin sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentJson {
    /// Its account.
    member: ProfileView,
    /// What thinks for it.
    #[schema(value_type = String, format = "uuid")]
    installation: InstallationId,
    /// Whether that runs.
    runs: bool,
    /// Its rules.
    settings: SettingsJson,
    /// Replies that it is at work on.
    replies: usize,
    /// What it used today (UTC), by model.
    used_today: Vec<UseView>,
}

impl Default for SettingsJson {
    fn default() -> Self {
        AgentSettings::default().into()
    }
}

impl From<AgentSettings> for SettingsJson {
    fn from(settings: AgentSettings) -> Self {
        let grant = |ToolGrant { server, tool, ask }| ToolGrantJson { server, tool, ask };
        Self {
            groups: match settings.groups {
                GroupRule::Addressed => GroupRuleJson::Addressed,
                GroupRule::Always => GroupRuleJson::Always,
            },
            model: settings.model,
            tokens_per_day: settings.tokens_per_day,
            concurrent_replies: settings.concurrent_replies,
            knowledge: settings.knowledge,
            tools: settings.tools.into_iter().map(grant).collect(),
            links: settings.links,
            most_hops: settings.most_hops,
            window_replies: settings.window_replies,
            window_seconds: settings.window_seconds,
            approval_seconds: settings.approval_seconds,
        }
    }
}

impl From<SettingsJson> for AgentSettings {
    fn from(settings: SettingsJson) -> Self {
        let grant = |ToolGrantJson { server, tool, ask }| ToolGrant { server, tool, ask };
        Self {
            groups: match settings.groups {
                GroupRuleJson::Addressed => GroupRule::Addressed,
                GroupRuleJson::Always => GroupRule::Always,
            },
            model: settings.model,
            tokens_per_day: settings.tokens_per_day,
            concurrent_replies: settings.concurrent_replies,
            knowledge: settings.knowledge,
            tools: settings.tools.into_iter().map(grant).collect(),
            links: settings.links,
            most_hops: settings.most_hops,
            window_replies: settings.window_replies,
            window_seconds: settings.window_seconds,
            approval_seconds: settings.approval_seconds,
        }
    }
}

impl From<AgentView> for AgentJson {
    fn from(view: AgentView) -> Self {
        let used = |(model, used): (String, Use)| UseView {
            model,
            calls: used.calls,
            prompt_tokens: used.prompt_tokens,
            completion_tokens: used.completion_tokens,
            cost_micros: used.cost_micros,
        };
        Self {
            member: view.profile.into(),
            installation: view.installation,
            runs: view.runs,
            settings: view.settings.into(),
            replies: view.replies,
            used_today: view.used_today.into_iter().map(used).collect(),
        }
    }
}
