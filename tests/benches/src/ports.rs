//! Ports for plugins that ask for nothing, and a message for them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;
use warbler_domain::{
    Body, ConversationId, ConversationKind, LogLevel, MessageId, Party, PluginLog, PluginPorts, PluginStorage, Role,
    SecretSource, StorageError, Submission, Timestamp, UserId,
};

/// Ports without anything behind them.
#[must_use]
pub fn nothing() -> PluginPorts {
    PluginPorts { storage: Arc::new(Nothing), secrets: Arc::new(Nothing), log: Arc::new(Nothing) }
}

/// A message of `text`, with every field that a person's message has.
#[must_use]
pub fn message(text: String) -> Submission {
    Submission {
        id: MessageId::from_uuid(Uuid::now_v7()),
        conversation: ConversationId::from_uuid(Uuid::now_v7()),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party { id: UserId::from_uuid(Uuid::now_v7()), name: "Person".to_owned(), role: Role::Member },
        sent_at: Timestamp::from_millis(1_795_000_000_000),
        body: Body::Text { text },
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

/// Ports for plugins that ask for nothing.
struct Nothing;

impl PluginLog for Nothing {
    fn write(&self, _level: LogLevel, _text: &str) {}
}

#[async_trait]
impl SecretSource for Nothing {
    async fn get(&self, _name: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl PluginStorage for Nothing {
    async fn get(&self, _key: &str) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }

    async fn set(&self, _key: &str, _value: Bytes, quota: u64) -> Result<(), StorageError> {
        Err(StorageError::OverQuota { limit: quota })
    }

    async fn delete(&self, _key: &str) -> Result<(), StorageError> {
        Ok(())
    }

    async fn keys(&self, _prefix: &str, _after: Option<&str>, _limit: usize) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
}
