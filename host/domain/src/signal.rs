//! Signals: what is live and not kept. They reach every node, and those who were away miss them.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{ConversationId, MessageId, Reason, Sequence, SessionId, StoreError, TenantId, TenantScope, UserId};

/// Something that happens now and is not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "kebab-case")]
pub enum Signal {
    /// Someone is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
    },
    /// Someone came or went.
    Presence {
        /// Who.
        user: UserId,
        /// Whether any of their sessions is connected.
        online: bool,
    },
    /// Someone read up to a place.
    Read {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Up to which place.
        sequence: Sequence,
    },
    /// A session is over: its sockets close at once.
    Ended {
        /// Which.
        session: SessionId,
        /// Why: `signed-out`, `idle`, `revoked` or `expired`.
        reason: String,
    },
    /// Someone's conversations changed: they were added to one or taken out of one.
    Membership {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Whether they are in it now.
        joined: bool,
    },
    /// A held message was decided.
    Decided {
        /// Who had sent it.
        sender: UserId,
        /// Where.
        conversation: ConversationId,
        /// The client's key for it.
        key: String,
        /// Whether it was let through.
        approved: bool,
        /// What the moderator said.
        reason: Option<String>,
    },
    /// An agent's reply as it grows. The message of this identifier, once it is posted, takes its place.
    Reply {
        /// Where.
        conversation: ConversationId,
        /// The identifier that the message will have.
        message: MessageId,
        /// Which agent.
        user: UserId,
        /// The text so far; it has passed the filters.
        text: Arc<str>,
        /// Why the text is taken back, if it is: then nothing of it may be shown any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        withdrawn: Option<Reason>,
    },
    /// A support conversation is in other hands.
    Support {
        /// Where.
        conversation: ConversationId,
        /// `agent`, `waiting`, `person` or `closed`.
        state: String,
        /// The person who has it.
        person: Option<UserId>,
    },
    /// Something for a tenant's admins to see.
    Alert {
        /// A stable code.
        code: String,
        /// A sentence for people.
        text: String,
    },
}

/// Live fan-out between nodes.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Tells every node, this one included.
    ///
    /// # Errors
    /// The store did not answer.
    async fn publish(&self, scope: &TenantScope, signal: Signal) -> Result<(), StoreError>;
    /// Every signal of every tenant from now on.
    fn subscribe(&self) -> BoxStream<'static, (TenantId, Signal)>;
}
