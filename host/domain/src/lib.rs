//! The vocabulary of Warbler: tenants, people, messages, verdicts, the hooks and the ports. What
//! reads disks, sockets or WebAssembly does not live here.

mod address;
mod agent;
mod backup;
mod backup_error;
mod backup_mirror;
mod backup_repository;
mod conversation;
mod error;
mod event;
mod folder;
mod grant;
mod hook;
mod ids;
mod knowledge;
mod limits;
mod mail;
mod merge;
mod message;
mod model;
mod model_client;
mod plugin;
mod push;
mod receipt;
mod role;
mod scope;
mod scratch;
mod signal;
mod store;
mod time;
mod tool;
mod verdict;

pub use address::is_public;
pub use agent::{Agent, AgentContext, Passage, Turn};
pub use backup::{BackupSink, BlobEntry};
pub use backup_error::BackupError;
pub use backup_mirror::{BackupMirror, Healed, MirrorLedger, MirrorState, MirroredSink};
pub use backup_repository::{
    BackupContent, BackupEntry, BackupFile, BackupProgress, BackupRepositories, BackupRepository, BackupSource,
    BackupVersion, CheckDepth, CheckReport, CopiedVersion, Freeing, KeyedSink, OpenFile, PassphraseKey, Repaired,
    RepositoryKey, RepositoryOptions, Unlock,
};
pub use conversation::{Conversation, ConversationKind, Member};
pub use error::{HookError, LoadError, Refusal, StoreError, with_causes};
pub use event::{Audience, Event, EventKind, Position, Sequence};
pub use folder::{FolderError, FolderStore, Folders, NoFolders};
pub use grant::Grants;
pub use hook::{ContentFilter, HookContext, HookKind, LexiconHit, Lexicons, NoLexicons};
pub use ids::{
    AttachmentId, ConversationId, EndpointId, Ids, InstallationId, MessageId, RandomIds, SessionId, TenantId, UserId,
};
pub use knowledge::{Chunk, Found, IndexedDocument, Knowledge, KnowledgeError, KnowledgeQuery};
pub use limits::{ByteSize, HookLimits, MessageLimits};
pub use mail::{Letter, MailError, MailRelay, MailRelays, NoMail, Posted};
pub use merge::{Merged, merge};
pub use message::{Attachment, Body, Caution, Message, Party, Submission};
pub use model::{Completion, Line, ModelError, Models, NoModels, Part, Prompt, Speaker, Tool, ToolCall, Usage};
pub use model_client::{ModelClient, ModelEndpoint};
pub use plugin::{
    Instances, LoadRequest, LoadedPlugin, LogLevel, PluginLog, PluginPorts, PluginRuntime, PluginStats, PluginStorage,
    SecretSource, StorageError,
};
pub use push::{Notification, PushOutcome, PushProvider, PushTarget, Urgency};
pub use receipt::{Outcome, Receipt};
pub use role::{Right, Role};
pub use scope::TenantScope;
pub use scratch::{ScratchStore, ScratchStores};
pub use signal::{Feed, Signal};
pub use store::{
    Amend, Append, Appended, Blobs, ByteStream, Committed, EventLine, EventLines, Expect, Idempotency, MessageLog,
    Placed, State, StateChange, StateKey, StateWrite, TenantKeys, Versioned,
};
pub use time::{Clock, SystemClock, Timestamp};
pub use tool::{ToolClient, ToolConnection, ToolError, ToolServer, ToolTransport};
pub use verdict::{Decision, Finding, Reason, Strength, Verdict};
