//! The use cases of Warbler: everything that it does, without HTTP and without WebAssembly. The
//! arrows go down to the ports of `warbler_domain`; this crate never names wasmtime, axum, sled or NATS.
//!
//! [`Service::start`] takes the [`Ports`], the [`Options`] and the [`PluginOptions`], and gives a [`Service`]
//! with an area for each kind of use case. Each method takes the [`Caller`] (or [`OperatorCaller`]), whom only
//! authentication makes, checks what they may do, and answers in domain types or with a [`ServiceError`].
//!
//! | area | methods |
//! |---|---|
//! | [`authentication`](Service::authentication) | `sign_in`, `authenticate`, `operator`, `sign_out`, `sessions`, `end`, `end_others`, `end_all`, `sessions_of`, `end_of`, `activity`, `change_password` |
//! | [`tenants`](Service::tenants) | operator: `add`, `list`, `find`, `remove`, `add_member`, `reset_password`; admins: `own`, `set_policy` |
//! | [`members`](Service::members) | `add`, `list`, `get`, `me`, `update_me`, `set_role`, `set_disabled`, `reset_password` |
//! | [`conversations`](Service::conversations) | `start`, `list`, `get`, `people`, `add_members`, `remove_member`, `leave`, `rename` |
//! | [`messages`](Service::messages) | `prepare`, `prepare_edit`, `commit`, `send`, `edit`, `recall`, `history`, `read`, `reads`, `typing` |
//! | [`review`](Service::review) | `list`, `get`, `approve`, `reject` |
//! | [`attachments`](Service::attachments) | `put`, `get` |
//! | [`backups`](Service::backups) | members: `versions`, `conversations`, `preview`, `restore`; admins: see there |
//! | [`live`](Service::live) | `connect` (then [`Connection::next`] or [`Connection::into_stream`]), `online` |
//! | [`agents`](Service::agents) | admins: `add`, `list`, `get`, `change`, `remove`; members: `stop`, `approve`, `approval` |
//! | [`models`](Service::models) | operator: `list`, `set`, `remove`, `budget_of`, `set_budget` |
//! | [`support`](Service::support) | `list`, `get`, `claim`, `release`, `close`, `ask_for_person` |
//! | [`tools`](Service::tools), [`knowledge`](Service::knowledge) | admins: see there |
//! | [`dead_letters`](Service::dead_letters) | operator: `list`, `replay`, `discard` |
//! | [`plugins`](Service::plugins), [`publishers`](Service::publishers), [`word_lists`](Service::word_lists), [`audit`](Service::audit) | see there |
//!
//! A message takes one way, whoever sends it: [`Messages::prepare`] (limits, repetition, filters), then
//! [`Messages::commit`] (the log), then the dispatcher of [`Connections`] brings it to all receivers.

mod agents;
mod attachments;
mod audit;
mod authentication;
mod backup;
mod cache;
mod consumers;
mod conversations;
mod core;
mod error;
mod filters;
mod installation;
mod lexicon;
mod live;
mod marked;
mod members;
mod messages;
mod meters;
mod options;
mod plugin_author;
mod plugin_error;
mod plugin_wiring;
#[cfg(test)]
mod plugin_world;
mod ports;
mod publisher;
mod push;
mod rate;
mod records;
mod review;
mod service;
mod tenants;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use agents::{
    AgentChange, AgentSettings, AgentView, Agents, Approval, ApprovalState, Cost, Document, GroupRule, KnowledgeBase,
    ModelKind, ModelLimits, ModelView, Models, NewAgent, NewDocument, NewModel, NewToolServer, ReleaseTo, Support,
    SupportCase, SupportState, TenantBudget, ToolGrant, ToolServerView, Tools, Use,
};
pub use attachments::{Attachments, NewAttachment};
pub use audit::{Actor, Audit, AuditArchive, AuditEntry, AuditPage, AuditQuery, AuditReport, Broken, Judged, NewEntry};
pub use authentication::{Authentication, Caller, OperatorCaller, SessionView, SignIn, SignInOutcome, SignedIn, Token};
pub use backup::{
    BackedUp, BackupPolicy, BackupStatus, Backups, DrillReport, Escrow, Failure, Keep, KeyRotation, KeyState, Preview,
    PreviewQuery, RestoreJob, RestoreState, Restored, RunState, Schedule, SinkState, SnapshotView,
};
pub use consumers::{Consumers, DeadLetter, Handled, Handler, LetterQuery, Letters, Work};
pub use conversations::{Conversations, Listed, NewConversation};
pub use error::{EndReason, ServiceError};
pub use filters::{FailPolicy, FilterChains, Judgement};
pub use installation::{
    Adjustment, CallLimits, InstallRequest, Installed, LiveHook, LogLine, PluginList, PluginOptions, PluginView,
    Plugins, SelfTestReport, SelfTestStep, SignedBy, Status, VersionView,
};
pub use lexicon::{WordList, WordLists};
pub use live::{Connection, Connections, Delivery, Live};
pub use members::{Members, NewMember, Profile, ProfileChange};
pub use messages::{Edit, History, HistoryQuery, Messages, NewBody, Prepared, Send, Sent, Shown};
pub use options::{AgentOptions, CodeRate, Options, PasswordCost, Rate, RateLimits};
pub use plugin_error::{ConfigProblem, PluginError, Step};
pub use plugin_wiring::Extensions;
pub use ports::{AgentPorts, Entropy, Ports, SystemEntropy, Tasks};
pub use publisher::{DevelopmentKey, Enforced, Publishers, TrustView};
pub use push::{
    CodeMessage, DeadNotification, Dropped, EndpointView, Habits, HabitsChange, KindView, Level, Mute, NewEndpoint,
    Note, ProviderHealth, Push, PushOverview, PushPolicy, PushStep, QuietHours, Quota, Rule, Story, TestReport,
    Weekday,
};
pub use review::{HeldMessage, Review};
pub use service::Service;
pub use tenants::{NewTenant, Tenant, TenantPolicy, Tenants};
pub use warbler_store::{Backoff, Delivery as LogDelivery};
pub use warbler_text::{DEFAULT_CATEGORY, Entry as Word, ListFormat, Mode as WordMode};
