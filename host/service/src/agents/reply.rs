//! One reply of one agent to one message, from its first word to its message in the log.
//!
//! Whatever happens, it ends in exactly one message, or in none if the agent chose silence: the message's
//! identifier and key follow from the trigger, so that a reply which is written again after a crash takes the
//! place of what people saw growing.

mod ending;
mod show;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex as SyncMutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use warbler_domain::{AgentContext, MessageId, Reason, Signal, Submission, TenantScope};

pub(super) use ending::{Ended, Ending};

use super::Inner;
use super::growing::Growing;
use super::links::Sources;
use super::record::AgentRecord;
use super::words::Language;
use crate::conversations::Room;
use crate::messages::Answered;
use crate::{Caller, LiveHook, ServiceError};

/// Time beyond a plugin's own deadline after which the host gives up on whoever should have kept it.
const GRACE: Duration = Duration::from_secs(2);

/// A reply under way.
pub(super) struct Reply {
    pub(super) inner: Arc<Inner>,
    pub(super) scope: TenantScope,
    pub(super) room: Arc<Room>,
    pub(super) agent: Arc<AgentRecord>,
    pub(super) caller: Caller,
    pub(super) trigger: Submission,
    pub(super) language: Language,
    /// The identifier that its message has.
    pub(super) id: MessageId,
    /// Cancelled when a person stops it.
    pub(super) stop: CancellationToken,
    /// Cancelled when the host ends it: a filter took it back, or it is too long.
    broken: CancellationToken,
    growing: Mutex<Show>,
    /// Tells that there is text that waits to be checked or shown.
    nudge: Notify,
    pub(super) sources: SyncMutex<Sources>,
    /// Why it is handed to people, if it is.
    pub(super) handed_off: SyncMutex<Option<String>>,
    /// Whether a budget was spent.
    pub(super) over_budget: Arc<AtomicBool>,
    /// Calls of tools so far, which tell approvals of equal calls apart.
    pub(super) calls: AtomicU32,
    /// Questions to people, asked so far.
    pub(super) asked: SyncMutex<Vec<Uuid>>,
    /// Whether it was begun before, by a host that was stopped or in an attempt that failed.
    pub(super) is_again: AtomicBool,
}

/// What is shown of it.
struct Show {
    text: Growing,
    has_filters: bool,
    /// When the filters were last asked.
    checked_at: Instant,
    /// When people were last told, and how much of the text.
    told_at: Option<Instant>,
    told: usize,
    /// Whether what was told has changed in the middle.
    rewritten: bool,
    /// Why it was taken back.
    violation: Option<Reason>,
    /// Whether it was cut at the greatest length of a message.
    is_full: bool,
}

/// How the agent came to its end.
pub(super) enum Outcome {
    /// It said all that it wanted to.
    Complete,
    /// A person stopped it.
    Stopped,
    /// A filter took it back, or it is too long.
    Broken,
    /// It failed.
    Failed(warbler_domain::HookError),
}

impl Reply {
    pub(super) fn new(
        inner: &Arc<Inner>,
        scope: TenantScope,
        room: Arc<Room>,
        agent: Arc<AgentRecord>,
        caller: Caller,
        (trigger, locale): (Submission, Option<String>),
    ) -> Arc<Self> {
        let text = trigger.body.text().unwrap_or_default();
        let mut sources = Sources::new(&agent.settings.links);
        sources.add(text);
        let show = Show {
            text: Growing::default(),
            has_filters: inner.core.filters.has_any(scope.tenant()),
            checked_at: Instant::now(),
            told_at: None,
            told: 0,
            rewritten: false,
            violation: None,
            is_full: false,
        };
        Arc::new(Self {
            id: message_id(trigger.id, agent.user.as_bytes()),
            language: Language::of(text, locale.as_deref()),
            inner: Arc::clone(inner),
            scope,
            room,
            agent,
            caller,
            trigger,
            stop: CancellationToken::new(),
            broken: CancellationToken::new(),
            growing: Mutex::new(show),
            nudge: Notify::new(),
            sources: SyncMutex::new(sources),
            handed_off: SyncMutex::default(),
            over_budget: Arc::default(),
            calls: AtomicU32::new(0),
            asked: SyncMutex::default(),
            is_again: AtomicBool::new(false),
        })
    }

    /// The key under which its message is committed.
    pub(super) fn key(&self) -> String {
        format!("reply-{}", self.trigger.id)
    }

    /// Whether it was committed before.
    pub(super) async fn is_done(&self) -> Result<bool, ServiceError> {
        let (core, key) = (&*self.inner.core, self.key());
        let sender = self.caller.user();
        let answered = crate::messages::answered(core, &self.scope, self.trigger.conversation, sender, &key).await?;
        Ok(answered == Answered::Yes)
    }

    /// Has the agent answer, and shows what it says as it says it.
    pub(super) async fn write(self: &Arc<Self>, hook: &LiveHook<dyn warbler_domain::Agent>) -> Outcome {
        let key = (self.scope.tenant(), self.trigger.conversation, self.id);
        let _underway = self.inner.running.enter(key, self.agent.user, self.stop.clone());
        // What an admin wrote for it is no invention of a model.
        self.sources.lock().add_json(&hook.config);
        let context = AgentContext {
            turn: Arc::new(super::turn::Turn(Arc::clone(self))),
            models: Arc::new(self.inner.models.lend(self, hook)),
        };
        let answering =
            tokio::time::timeout(hook.deadline.saturating_add(GRACE), hook.hook.reply(&self.trigger, &context));
        let outcome = tokio::select! {
            () = self.stop.cancelled() => Outcome::Stopped,
            () = self.broken.cancelled() => Outcome::Broken,
            answered = answering => match answered {
                Ok(Ok(())) => Outcome::Complete,
                Ok(Err(error)) => Outcome::Failed(error),
                Err(_) => Outcome::Failed(warbler_domain::HookError::Overrun { limit: hook.deadline }),
            },
            () = self.keep_showing() => Outcome::Complete,
        };
        // A guest that was told so ends by itself, perhaps before the host looked.
        if self.stop.is_cancelled() {
            return Outcome::Stopped;
        }
        if self.broken.is_cancelled() { Outcome::Broken } else { outcome }
    }

    /// Tells people that there will be an answer.
    pub(super) async fn tell_typing(&self) {
        let signal = Signal::Typing { conversation: self.trigger.conversation, user: self.agent.user };
        if let Err(error) = self.inner.core.ports.feed.publish(&self.scope, signal).await {
            tracing::debug!(%error, "nobody was told that an agent is typing");
        }
    }

    /// The number of the next call of a tool, from 0.
    pub(super) fn next_call(&self) -> u32 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

/// The identifier of a message that follows from `trigger`, such as the reply of an agent, by what tells it from
/// others that do: a `UUIDv7` of the trigger's time whose random part follows from both.
pub(super) fn message_id(trigger: MessageId, of: &[u8]) -> MessageId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"warbler agent reply")
        .chain_update(trigger.as_bytes())
        .chain_update(of)
        .finalize()
        .into();
    let (random, _) = digest.split_at(8);
    let mut low = [0; 8];
    low.copy_from_slice(random);
    let (time, _) = trigger.as_uuid().as_u64_pair();
    // RFC 9562, 5.7: the time and version stand in the upper half, the variant in the first bits of the lower.
    let low = (u64::from_be_bytes(low) >> 2) | (0b10 << 62);
    MessageId::from_uuid(Uuid::from_u64_pair(time, low))
}

#[cfg(test)]
mod tests {
    use warbler_domain::UserId;

    use super::*;

    #[test]
    fn the_identifier_of_a_reply_follows_from_its_trigger_and_sorts_with_it() {
        let trigger = MessageId::from_uuid(Uuid::now_v7());
        let (one, two) = (UserId::from_uuid(Uuid::now_v7()), UserId::from_uuid(Uuid::now_v7()));
        let id = message_id(trigger, one.as_bytes());
        assert_eq!(id, message_id(trigger, one.as_bytes()));
        assert_ne!(id, message_id(trigger, two.as_bytes()));
        assert_ne!(id, trigger);
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.as_uuid().get_timestamp(), trigger.as_uuid().get_timestamp());
    }
}
