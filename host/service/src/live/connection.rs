//! One live connection, as the border uses it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use warbler_domain::{ConversationId, Sequence};

use super::catch_up::Progress;
use super::delivery::{Delivery, Live};
use super::hub::Command;
use super::mailbox::{Mailbox, Over};
use crate::core::Core;
use crate::messages::show;
use crate::{Caller, ServiceError, records};

/// Events read from the log at a time while a connection catches up.
const CHUNK: usize = 128;

/// One live connection. Dropping it closes it.
pub struct Connection {
    core: Arc<Core>,
    caller: Caller,
    mailbox: Arc<Mailbox>,
    progress: Progress,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.caller)
    }
}

impl Connection {
    pub(super) async fn open(
        core: Arc<Core>,
        caller: Caller,
        cursors: BTreeMap<ConversationId, Sequence>,
    ) -> Result<Self, ServiceError> {
        caller.live()?;
        let session = Arc::clone(caller.inner());
        let most = core.options.connections_per_session;
        let open = session.connections.fetch_add(1, Ordering::AcqRel);
        let mailbox = Arc::new(Mailbox::new(session, core.options.connection_queue));
        // From here on dropping it takes all of it back.
        let mut connection = Self { core, caller, mailbox, progress: Progress::default() };
        if open >= most {
            let retry_after = Duration::from_secs(1);
            return Err(ServiceError::RateLimited { what: "connections of this session", retry_after });
        }
        connection.follow(cursors).await?;
        Ok(connection)
    }

    /// Registered first, then read: what happens in between reaches the mailbox, and what was read
    /// already is recognised by its place.
    async fn follow(&mut self, mut cursors: BTreeMap<ConversationId, Sequence>) -> Result<(), ServiceError> {
        let (core, scope) = (Arc::clone(&self.core), *self.caller.scope());
        let mailbox = Arc::clone(&self.mailbox);
        core.hub.ask(|done| Command::Register(mailbox, done)).await?;
        let prefix = records::under("member", &[&self.caller.user()]);
        let found = records::scan_all(&*core.ports.state, &scope, &prefix, usize::MAX).await?;
        let own: Vec<ConversationId> = found.iter().filter_map(|(key, _)| key.last().parse().ok()).collect();
        for conversation in &own {
            // What is not named begins here.
            if !cursors.contains_key(conversation) {
                cursors.insert(*conversation, core.ports.log.head(&scope, *conversation).await?);
            }
        }
        let (mailbox, followed) = (Arc::clone(&self.mailbox), own.clone());
        core.hub.ask(|done| Command::Follow(mailbox, followed, done)).await?;
        for conversation in own {
            if let Some(got) = cursors.get(&conversation) {
                let head = core.ports.log.head(&scope, conversation).await?;
                self.progress.resume(conversation, *got, head);
            }
        }
        Ok(())
    }

    /// Whose it is.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Adds what comes next to `out`, waiting until there is something. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `SessionEnded` when the session is over, `Unavailable` when the host is closing, or the store
    /// failed; after the last the connection may be asked again.
    pub async fn next(&mut self, out: &mut Vec<Arc<Delivery>>) -> Result<(), ServiceError> {
        let before = out.len();
        while out.len() == before {
            if let Some(reason) = self.mailbox.ended() {
                return Err(ServiceError::SessionEnded { reason });
            }
            if let Some((conversation, after, upto)) = self.progress.next_gap() {
                self.read(conversation, after, upto, out).await?;
                continue;
            }
            match self.mailbox.take().await {
                Ok(contents) => self.progress.sort(contents, out),
                Err(Over::Ended(reason)) => return Err(ServiceError::SessionEnded { reason }),
                Err(Over::Closed) => return Err(ServiceError::Unavailable { what: "it is closing" }),
            }
        }
        Ok(())
    }

    /// The same as a stream of batches, for those who poll. It ends after an error.
    #[must_use]
    pub fn into_stream(self) -> BoxStream<'static, Result<Vec<Arc<Delivery>>, ServiceError>> {
        let next = |connection: Option<Self>| async move {
            let mut connection = connection?;
            let mut batch = Vec::new();
            match connection.next(&mut batch).await {
                Ok(()) => Some((Ok(batch), Some(connection))),
                Err(error) => Some((Err(error), None)),
            }
        };
        futures::stream::unfold(Some(self), next).boxed()
    }

    async fn read(
        &mut self,
        conversation: ConversationId,
        after: Sequence,
        upto: Sequence,
        out: &mut Vec<Arc<Delivery>>,
    ) -> Result<(), ServiceError> {
        let limit = usize::try_from(upto.0 - after.0).unwrap_or(CHUNK).min(CHUNK);
        let (scope, viewer) = (*self.caller.scope(), self.caller.user());
        let events = self.core.ports.log.read_after(&scope, conversation, after, limit).await?;
        let Some(last) = events.last().map(|event| event.sequence) else {
            tracing::error!(%conversation, %upto, "events are missing from the log");
            self.progress.give_up(conversation);
            return Ok(());
        };
        let mut shown = Vec::with_capacity(events.len());
        for event in events {
            shown.push(Delivery::new(Live::from(show(&self.core, &scope, event, viewer).await?)));
        }
        // Nothing waits from here on, so that what is read is either all handed over or read again.
        out.append(&mut shown);
        self.progress.read(conversation, last);
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.mailbox.session.connections.fetch_sub(1, Ordering::AcqRel);
        self.core.hub.send(Command::Unregister(Arc::clone(&self.mailbox)));
    }
}
