//! Limits: how much of anything is allowed, before any tenant's own policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, range};

/// How much of anything is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Greatest length of a message's text, in bytes of UTF-8; at most 65536, which plugins are promised.
    pub(crate) message_text_bytes: u64,
    /// Greatest length of a custom message's JSON, in bytes; at most 65536, which plugins are promised.
    pub(crate) message_custom_bytes: u64,
    /// Most people that one message can mention.
    pub(crate) message_mentions: u64,
    /// Greatest length of a file, in bytes.
    pub(crate) attachment_bytes: u64,
    /// Most members of a conversation.
    pub(crate) conversation_members: u64,
    /// Messages and edits that one person may send at once.
    pub(crate) messages_burst: u32,
    /// Messages and edits that one person may send in each further second.
    pub(crate) messages_per_second: u32,
    /// WebSocket frames that one session may send at once.
    pub(crate) frames_burst: u32,
    /// WebSocket frames that one session may send in each further second.
    pub(crate) frames_per_second: u32,
    /// Sign-ins that may be tried from one address at once; an IPv6 /64 counts as one address.
    pub(crate) sign_ins_burst: u32,
    /// Sign-ins that may be tried from one address in each further second.
    pub(crate) sign_ins_per_second: u32,
    /// Sends of one connection that may be on their way at a time; one more waits.
    pub(crate) send_window: u64,
    /// Live connections of one session.
    pub(crate) connections_per_session: u64,
    /// Deliveries that may wait for a slow connection before it has to catch up from the log.
    pub(crate) connection_queue: u64,
    /// Memory that the store may use for what it has read, in bytes; it takes up to twice as much.
    pub(crate) store_cache_bytes: u64,
    /// A request that takes longer is given up, in seconds; files may take longer.
    pub(crate) request_seconds: u64,
    /// How long requests in flight may take to end when the host stops, in seconds.
    pub(crate) drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_text_bytes: 16 * 1024,
            message_custom_bytes: 64 * 1024,
            message_mentions: 64,
            attachment_bytes: 100 * 1024 * 1024,
            conversation_members: 2_000,
            messages_burst: 60,
            messages_per_second: 20,
            frames_burst: 200,
            frames_per_second: 100,
            sign_ins_burst: 20,
            sign_ins_per_second: 1,
            send_window: 32,
            connections_per_session: 8,
            connection_queue: 1_024,
            store_cache_bytes: 32 * 1024 * 1024,
            request_seconds: 30,
            drain_seconds: 10,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        range("limits.message_text_bytes", self.message_text_bytes, 1, 65_536)?;
        range("limits.message_custom_bytes", self.message_custom_bytes, 1, 65_536)?;
        range("limits.message_mentions", self.message_mentions, 0, 10_000)?;
        range("limits.attachment_bytes", self.attachment_bytes, 1, 1 << 40)?;
        range("limits.conversation_members", self.conversation_members, 2, 100_000)?;
        range("limits.send_window", self.send_window, 1, 1_024)?;
        range("limits.connections_per_session", self.connections_per_session, 1, 1_024)?;
        range("limits.connection_queue", self.connection_queue, 16, 65_536)?;
        range("limits.store_cache_bytes", self.store_cache_bytes, 1 << 20, 1 << 40)?;
        range("limits.request_seconds", self.request_seconds, 1, 3_600)?;
        range("limits.drain_seconds", self.drain_seconds, 0, 3_600)?;
        for (key, rate) in [
            ("limits.messages_burst", self.messages_burst),
            ("limits.messages_per_second", self.messages_per_second),
            ("limits.frames_burst", self.frames_burst),
            ("limits.frames_per_second", self.frames_per_second),
            ("limits.sign_ins_burst", self.sign_ins_burst),
            ("limits.sign_ins_per_second", self.sign_ins_per_second),
        ] {
            // A million a second is no limit any more; nought would shut everybody out.
            range(key, rate.into(), 1, 1_000_000)?;
        }
        Ok(())
    }
}
