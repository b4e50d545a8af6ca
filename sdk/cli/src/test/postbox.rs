//! A mail relay for plugins under test, under whatever name: it checks letters as a host does, answers as a case
//! says, and remembers what it took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde::Deserialize;
use warbler_domain::{Letter, MailError, MailRelay, MailRelays, Posted, TenantId};
use warbler_mail::{Composed, Sender};

/// Whom letters of tests come from.
const FROM: &str = "Warbler <no-reply@warbler.example>";

/// What the relay makes of a letter: the bare word, or the word with what it says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    /// It takes it.
    Accepted,
    /// There is no such mailbox.
    UnknownMailbox(String),
    /// It refuses it for good.
    Refused(String),
    /// It asks to come again after so many milliseconds.
    Unavailable(u64),
    /// It refuses the host.
    Misconfigured(String),
    /// It keeps silent.
    Stalls,
}

/// A letter that came, and by which relay.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) relay: String,
    pub(super) letter: Letter,
}

/// All relays that there are.
#[derive(Clone)]
pub(super) struct Postbox {
    from: Sender,
    stage: Arc<Mutex<Stage>>,
}

#[derive(Default)]
struct Stage {
    replies: Vec<Reply>,
    sent: Vec<Sent>,
}

impl Postbox {
    /// One that says nothing until it is told what.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { from: Sender::parse(FROM).context("the test's own sender")?, stage: Arc::default() })
    }

    /// Replies from now on as `replies` say, in order, the last again and again, and forgets what came.
    pub(super) fn play(&self, replies: Vec<Reply>) {
        *self.lock() = Stage { replies, sent: Vec::new() };
    }

    /// What came since then.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, sent: Sent) -> Reply {
        let mut stage = self.lock();
        stage.sent.push(sent);
        let silent = || Reply::Misconfigured("the case says nothing under `mail`".to_owned());
        if stage.replies.len() > 1 {
            stage.replies.remove(0)
        } else {
            stage.replies.first().cloned().unwrap_or_else(silent)
        }
    }
}

impl MailRelays for Postbox {
    fn open(&self, _: TenantId, name: &str) -> Option<Arc<dyn MailRelay>> {
        Some(Arc::new(Relay { name: name.to_owned(), postbox: self.clone() }))
    }
}

struct Relay {
    name: String,
    postbox: Postbox,
}

#[async_trait]
impl MailRelay for Relay {
    async fn send(&self, letter: Letter) -> Result<Posted, MailError> {
        let composed = Composed::write(&letter, &self.postbox.from, SystemTime::UNIX_EPOCH)?;
        match self.postbox.take(Sent { relay: self.name.clone(), letter }) {
            Reply::Accepted => {
                Ok(Posted { message_id: composed.message_id, answer: "250 2.0.0 taken by the test".to_owned() })
            }
            Reply::UnknownMailbox(answer) => Err(MailError::UnknownMailbox { answer }),
            Reply::Refused(answer) => Err(MailError::Refused { answer }),
            Reply::Unavailable(ms) => {
                let why = "the test says so".to_owned();
                Err(MailError::Unavailable { after: Duration::from_millis(ms), why })
            }
            Reply::Misconfigured(why) => Err(MailError::Misconfigured { why }),
            Reply::Stalls => std::future::pending().await,
        }
    }
}
